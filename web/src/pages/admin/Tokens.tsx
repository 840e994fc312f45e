import { useState } from "preact/hooks";
import { call, type TokenAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import {
  attempt,
  Button,
  type Column,
  confirm,
  Dialog,
  Empty,
  Field,
  Plain,
  plain,
  Select,
  Shown,
  Table,
  Time,
} from "../../parts";
import { useMe } from "../../session";
import { Form, Once } from "./Form";
import { numberOf } from "./lists";
import "./admin.css";

type Scope = "read" | "write" | "admin";

const SCOPES = [
  { value: "read" as const, label: "read: looks" },
  { value: "write" as const, label: "write: does what a maintainer may" },
  { value: "admin" as const, label: "admin: does all that its user may" },
];

/** Tokens of a user: one's own where it is oneself. */
export function TokensOf({ user }: { user: string }) {
  const [making, setMaking] = useState(false);
  const found = useLoad(
    (signal) => call("GET", "/tokens", { signal, query: { user, limit: 1000 } }).then((all) => all.tokens),
    [user],
  );
  const revoke = async (one: TokenAnswer) => {
    const text = <Plain text={`Programs that use ${one.name} are shut out at once.`} />;
    if (!(await confirm({ title: "Revoke the token", text, yes: "Revoke it", danger: true }))) return;
    if (await attempt(() => call("DELETE", "/tokens/{token_id}", { path: { token_id: one.id } }), "It opens nothing any more"))
      found.again();
  };
  const columns: readonly Column<TokenAnswer>[] = [
    { name: "name", title: "What it is for", by: (one) => one.name, cell: (one) => <Plain text={one.name} /> },
    { name: "scope", title: "Scope", by: (one) => one.scope, cell: (one) => one.scope },
    { name: "created", title: "Made", wide: true, by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
    {
      name: "expires",
      title: "Ends",
      by: (one) => one.expires ?? "~",
      cell: (one) => (one.expires ? <Time at={one.expires} /> : "never"),
    },
    {
      name: "used",
      title: "Last used",
      by: (one) => one.used ?? "",
      cell: (one) => (one.used ? <Time at={one.used} /> : "not yet"),
    },
    {
      name: "actions",
      title: "",
      cell: (one) => (
        <div class="admin-actions">
          <Button kind="quiet" label={`Revoke ${plain(one.name)}`} onClick={() => void revoke(one)}>
            Revoke
          </Button>
        </div>
      ),
    },
  ];
  return (
    <div class="stack">
      <div>
        <Button onClick={() => setMaking(true)}>New token</Button>
      </div>
      <Shown of={found}>
        {(rows) => (
          <Table
            label="Tokens"
            columns={columns}
            rows={rows}
            id={(one) => one.id}
            empty={<Empty title="No tokens">Programs send one instead of a password.</Empty>}
          />
        )}
      </Shown>
      {making && <Make user={user} onMade={found.again} onClose={() => setMaking(false)} />}
    </div>
  );
}

function Make({ user, onMade, onClose }: { user: string; onMade: () => void; onClose: () => void }) {
  const me = useMe();
  const doing = useDoing();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("write");
  const [days, setDays] = useState("90");
  const [secret, setSecret] = useState("");
  const send = () =>
    doing.run(async () => {
      const body = { name, scope, days: numberOf(days) ?? null, user: user === me.id ? null : user };
      setSecret((await call("POST", "/tokens", { body })).secret); // without a key: no answer with a secret is kept
      onMade();
    });
  if (secret) return <Once title="The token" secret={secret} copy="Copy the token" onClose={onClose} />;
  const wrong = doing.error?.fields ?? {};
  return (
    <Dialog title="New token" onClose={onClose}>
      <Form doing={doing} onSubmit={() => void send()} yes="Make it" onCancel={onClose}>
        <Field label="What it is for" value={name} onInput={setName} required maxLength={200} error={wrong["name"]} />
        <Select label="Scope" value={scope} options={SCOPES} onChange={setScope} />
        <Field
          label="Days"
          value={days}
          onInput={setDays}
          type="number"
          min={1}
          max={3650}
          hint="Until it ends; empty for never"
          error={wrong["days"]}
        />
      </Form>
    </Dialog>
  );
}
