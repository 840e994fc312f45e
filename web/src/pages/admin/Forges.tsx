import { useState } from "preact/hooks";
import { call, type ForgeAnswer, newKey } from "../../api";
import { useKeys } from "../../keys";
import { useLoad } from "../../load";
import {
  attempt,
  Button,
  type Column,
  confirm,
  Copy,
  Dialog,
  Empty,
  Plain,
  plain,
  Shown,
  Skeleton,
  Table,
  Trouble,
} from "../../parts";
import { ArrivalsDialog } from "./Arrivals";
import { ForgeForm } from "./ForgeForm";
import { Where } from "./Where";
import "./admin.css";

/** Connections to GitHub, GitLab and Forgejo. No secret of them comes back from the server. */
export default function Forges() {
  const [shown, setShown] = useState<ForgeAnswer | "new">();
  const [asked, setAsked] = useState<ForgeAnswer>();
  const [heard, setHeard] = useState<ForgeAnswer>();
  const found = useLoad((signal) => call("GET", "/forges", { signal }).then((all) => all.forges), []);
  useKeys([{ key: "n", about: "Connect to a forge", run: () => setShown("new") }]);
  return (
    <>
      <div class="page-head">
        <h1>Forge connections</h1>
        <Button kind="primary" onClick={() => setShown("new")}>
          Connect to a forge
        </Button>
      </div>
      <Shown of={found}>
        {(rows) => (
          <Table
            label="Forge connections"
            columns={columns(found.again, { change: setShown, check: setAsked, hear: setHeard })}
            rows={rows}
            id={(one) => one.id}
            empty={<Empty title="No connections">With one, pull requests are opened on GitHub, GitLab or Forgejo.</Empty>}
          />
        )}
      </Shown>
      {shown && (
        <ForgeForm before={shown === "new" ? undefined : shown} onDone={found.again} onClose={() => setShown(undefined)} />
      )}
      {heard && <ArrivalsDialog forge={heard} onClose={() => setHeard(undefined)} />}
      {asked && <CheckDialog forge={asked} onDone={found.again} onClose={() => setAsked(undefined)} />}
    </>
  );
}

type Open = (one: ForgeAnswer) => void;
type Ways = Readonly<Record<"change" | "check" | "hear", Open>>;

function columns(again: () => void, ways: Ways): readonly Column<ForgeAnswer>[] {
  return [
    { name: "name", title: "Name", by: (one) => one.name, cell: (one) => <Plain text={one.name} /> },
    { name: "kind", title: "Kind", by: (one) => one.kind, cell: (one) => <span class="admin-whole">{one.kind}</span> },
    { name: "web", title: "Address", by: (one) => one.web, cell: (one) => <Short text={one.web} /> },
    {
      name: "auth",
      title: "With",
      wide: true,
      cell: (one) => <span class="admin-whole">{one.auth === "app" ? `the App ${plain(one.app_id)}` : "a token"}</span>,
    },
    {
      name: "login",
      title: "As",
      cell: (one) => (one.login ? <Plain text={one.login} /> : <span class="faint">not asked yet</span>),
    },
    { name: "hooks", title: "Webhooks", wide: true, cell: (one) => <Hooks one={one} /> },
    { name: "actions", title: "", cell: (one) => <Actions one={one} again={again} ways={ways} /> },
  ];
}

const LONG = 32;

/** In one line, unless it is long. */
function Short({ text }: { text: string }) {
  return (
    <span class={text.length < LONG ? "admin-whole" : ""}>
      <Where text={text} />
    </span>
  );
}

function Hooks({ one }: { one: ForgeAnswer }) {
  if (!one.webhooks) return <span class="faint">no secret: none are taken</span>;
  const address = `${location.origin}${one.hook_path}`;
  return (
    <span class="admin-hook">
      <Short text={one.hook_path} />
      <Copy text={address} label="Copy the address for webhooks" />
    </span>
  );
}

interface ActionsProps {
  one: ForgeAnswer;
  again: () => void;
  ways: Ways;
}

function Actions({ one, again, ways }: ActionsProps) {
  const remove = async () => {
    const text = "Its secrets are forgotten. Repositories, pull requests and tasks stay.";
    if (!(await confirm({ title: "Remove the connection", text, yes: "Remove it", danger: true }))) return;
    if (await attempt(() => call("DELETE", "/forges/{forge_id}", { path: { forge_id: one.id } }), "It is removed")) again();
  };
  return (
    <div class="admin-actions">
      <Button kind="quiet" label={`Check ${plain(one.name)}`} onClick={() => ways.check(one)}>
        Check
      </Button>
      <Button kind="quiet" label={`What came in from ${plain(one.name)}`} onClick={() => ways.hear(one)}>
        What came in
      </Button>
      {one.settings ? (
        <span class="faint">of the settings file</span>
      ) : (
        <>
          <Button kind="quiet" label={`Change ${plain(one.name)}`} onClick={() => ways.change(one)}>
            Change
          </Button>
          <Button kind="quiet" label={`Remove ${plain(one.name)}`} onClick={() => void remove()}>
            Remove
          </Button>
        </>
      )}
    </div>
  );
}

/** Asks the forge who we are there, and what is missing. */
function CheckDialog({ forge, onDone, onClose }: { forge: ForgeAnswer; onDone: () => void; onClose: () => void }) {
  const [key] = useState(newKey);
  const found = useLoad(async (signal) => {
    const said = await call("POST", "/forges/{forge_id}/check", { path: { forge_id: forge.id }, signal, key });
    onDone();
    return said;
  }, []);
  return (
    <Dialog title={`What ${plain(forge.name)} says`} onClose={onClose}>
      {found.error && <Trouble problem={found.error} />}
      {!found.value && !found.error && <Skeleton lines={3} />}
      {found.value && (
        <dl class="admin-facts">
          <dt>We are</dt>
          <dd>
            <Plain text={found.value.login || "nobody it names"} />
          </dd>
          <dt>May</dt>
          <dd>
            <Plain text={found.value.scopes.join(", ") || "the forge does not say"} />
          </dd>
          <dt>Is missing</dt>
          <dd>
            {found.value.missing.length ? (
              <strong class="error-text">
                <Plain text={found.value.missing.join(", ")} />
              </strong>
            ) : (
              "nothing"
            )}
          </dd>
          {found.value.note && (
            <>
              <dt>Note</dt>
              <dd>
                <Plain text={found.value.note} />
              </dd>
            </>
          )}
        </dl>
      )}
    </Dialog>
  );
}
