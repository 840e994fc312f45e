import { useState } from "preact/hooks";
import { call, newKey, type RepositoryAnswer, type WebhookAnswer } from "../../api";
import { useLoad } from "../../load";
import { attempt, Button, type Column, confirm, Empty, Plain, plain, Shown, State, Table, Time } from "../../parts";
import { may, useMe } from "../../session";
import { DeliveriesDialog } from "./Deliveries";
import { allRepositories } from "./lists";
import { EVENTS, NewWebhook } from "./NewWebhook";
import { Where } from "./Where";
import "./admin.css";

/** All that one may change. */
export default function Webhooks() {
  const me = useMe();
  const known = useLoad(allRepositories, []);
  const mine = (known.value ?? []).filter((one) => may(me, one.id, "maintainer"));
  return (
    <>
      <h1>Webhooks</h1>
      <p class="faint">
        Other programs are told by HTTP what becomes of tasks. For maintainers of a repository, and for administrators of all.
      </p>
      <List among={mine} />
    </>
  );
}

/** Those of a repository. */
export function WebhooksOf({ repository }: { repository: RepositoryAnswer }) {
  return <List among={[repository]} only={repository.id} />;
}

function List({ among, only }: { among: readonly RepositoryAnswer[]; only?: string }) {
  const me = useMe();
  const found = useLoad((signal) => call("GET", "/webhooks", { signal }).then((all) => all.webhooks), []);
  const [making, setMaking] = useState(false);
  const [seen, setSeen] = useState<WebhookAnswer>();
  const names = new Map(among.map((one) => [one.id, one.name]));
  const mayMake = me.admin || among.length > 0;
  return (
    <div class="stack">
      {mayMake && (
        <div>
          <Button kind="primary" onClick={() => setMaking(true)}>
            New webhook
          </Button>
        </div>
      )}
      <Shown of={found}>
        {(all) => (
          <Table
            label="Webhooks"
            columns={columns(names, found.again, setSeen)}
            rows={only === undefined ? all : all.filter((one) => one.repository === only)}
            id={(one) => one.id}
            onOpen={setSeen}
            empty={<Empty title="No webhooks">Nobody is told by HTTP.</Empty>}
          />
        )}
      </Shown>
      {making && <NewWebhook among={among} only={only} onMade={found.again} onClose={() => setMaking(false)} />}
      {seen && <DeliveriesDialog hook={seen} onClose={() => setSeen(undefined)} />}
    </div>
  );
}

function columns(
  names: ReadonlyMap<string, string>,
  again: () => void,
  open: (one: WebhookAnswer) => void,
): readonly Column<WebhookAnswer>[] {
  return [
    {
      name: "url",
      title: "Address",
      by: (one) => one.url,
      cell: (one) => <Where text={one.url} />,
    },
    {
      name: "repository",
      title: "Of",
      cell: (one) => (one.repository ? <Plain text={names.get(one.repository) ?? one.repository} /> : "all repositories"),
    },
    {
      name: "events",
      title: "Events",
      wide: true,
      cell: (one) => (one.events.length === EVENTS.length ? "all" : one.events.join(", ")),
    },
    { name: "state", title: "State", cell: (one) => <Standing one={one} /> },
    { name: "actions", title: "", cell: (one) => <Actions one={one} again={again} open={open} /> },
  ];
}

function Standing({ one }: { one: WebhookAnswer }) {
  if (!one.active)
    return (
      <State
        of="disabled"
        title={plain(one.why)}
        detail={
          one.why ? (
            <>
              {" "}
              : <Plain text={one.why} />
            </>
          ) : (
            ""
          )
        }
      />
    );
  if (one.failing)
    return (
      <State
        of="failed"
        detail={
          <>
            {" "}
            since <Time at={one.failing} />
          </>
        }
      />
    );
  return <State of="active" />;
}

function Actions({ one, again, open }: { one: WebhookAnswer; again: () => void; open: (one: WebhookAnswer) => void }) {
  const at = { webhook_id: one.id };
  const turn = async () => {
    if (await attempt(() => call("PATCH", "/webhooks/{webhook_id}", { path: at, body: { active: !one.active } }))) again();
  };
  const remove = async () => {
    const text = "What waits for it is not sent, and what was sent is forgotten.";
    if (!(await confirm({ title: "Delete the webhook", text, yes: "Delete it", danger: true }))) return;
    if (await attempt(() => call("DELETE", "/webhooks/{webhook_id}", { path: at }), "It is deleted")) again();
  };
  return (
    <div class="admin-actions">
      <Button kind="quiet" onClick={() => open(one)}>
        Deliveries
      </Button>
      <Button
        kind="quiet"
        onClick={() =>
          void attempt(() => call("POST", "/webhooks/{webhook_id}/ping", { path: at, key: newKey() }), "A ping is on its way")
        }
        disabled={!one.active}
      >
        Ping
      </Button>
      <Button kind="quiet" onClick={() => void turn()}>
        {one.active ? "Switch off" : "Switch on"}
      </Button>
      <Button kind="quiet" onClick={() => void remove()}>
        Delete
      </Button>
    </div>
  );
}
