import { useState } from "preact/hooks";
import { call, type LimitAnswer, type RepositoryAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import { attempt, Button, type Column, confirm, Empty, Field, Plain, plain, Select, Shown, Table, toast } from "../../parts";
import { useMe } from "../../session";
import { Form } from "./Form";
import { allRepositories, allUsers, numberOf } from "./lists";
import "./admin.css";

type Scope = "all" | "repository" | "user";

const SCOPES = [
  { value: "repository" as const, label: "a repository" },
  { value: "user" as const, label: "a user" },
  { value: "all" as const, label: "all together" },
];

/** Those of one repository, with the ones that hold for each. */
export function LimitsOf({ scope, name }: { scope: "repository" | "user"; name: string }) {
  return (
    <Limits
      among={(one) => one.scope === "all" || (one.scope === scope && ["", name].includes(one.name))}
      fixed={{ scope, name }}
    />
  );
}

export function AllLimits() {
  return <Limits among={() => true} />;
}

function Limits({ among, fixed }: { among: (one: LimitAnswer) => boolean; fixed?: { scope: Scope; name: string } }) {
  const me = useMe();
  const found = useLoad((signal) => call("GET", "/limits", { signal }).then((all) => all.limits), []);
  const known = useLoad(allRepositories, []);
  const names = new Map((known.value ?? []).map((one) => [one.id, one.name]));
  const remove = async (one: LimitAnswer) => {
    const text = "What waits for it may begin at once.";
    if (!(await confirm({ title: "Take the limit away", text, yes: "Take it away", danger: true }))) return;
    if (await attempt(() => call("DELETE", "/limits", { query: { scope: one.scope as Scope, name: one.name } }))) found.again();
  };
  return (
    <div class="stack">
      <Shown of={found}>
        {(rows) => (
          <Table
            label="Limits"
            columns={columns(names, me.admin, (one) => void remove(one))}
            rows={rows.filter(among)}
            id={(one) => `${one.scope} ${one.name}`}
            empty={<Empty title="No limits: as much is worked on as workers have room for" />}
          />
        )}
      </Shown>
      {me.admin && (
        <section class="card stack">
          <h2>Set a limit</h2>
          <SetLimit fixed={fixed} repositories={known.value ?? []} onSet={found.again} />
        </section>
      )}
    </div>
  );
}

type Remove = (one: LimitAnswer) => void;

function columns(names: ReadonlyMap<string, string>, mayRemove: boolean, remove: Remove): readonly Column<LimitAnswer>[] {
  return [
    {
      name: "scope",
      title: "For",
      by: (one) => one.scope,
      cell: (one) => (one.scope === "all" ? "all together" : one.name ? one.scope : `each ${one.scope}`),
    },
    { name: "name", title: "Which", by: (one) => one.name, cell: (one) => <Plain text={names.get(one.name) ?? one.name} /> },
    {
      name: "at_once",
      title: "At a time",
      number: true,
      by: (one) => one.at_once ?? Infinity,
      cell: (one) => one.at_once ?? "any number",
    },
    { name: "starts", title: "Starts", cell: (one) => one.starts ?? "any number" },
    {
      name: "actions",
      title: "",
      cell: (one) =>
        mayRemove && (
          <div class="admin-actions">
            <Button kind="quiet" label={`Take the limit of ${one.scope} ${plain(one.name)} away`} onClick={() => remove(one)}>
              Remove
            </Button>
          </div>
        ),
    },
  ];
}

interface SetProps {
  /** What it is for; else that is chosen. */
  fixed: { scope: Scope; name: string } | undefined;
  repositories: readonly RepositoryAnswer[];
  onSet: () => void;
}

function SetLimit({ fixed, repositories, onSet }: SetProps) {
  const doing = useDoing();
  const [scope, setScope] = useState<Scope>(fixed?.scope ?? "repository");
  const [name, setName] = useState(fixed?.name ?? "");
  const [atOnce, setAtOnce] = useState("");
  const [starts, setStarts] = useState("");
  const ofUsers = scope === "user" && !fixed;
  const users = useLoad((signal) => (ofUsers ? allUsers(signal) : Promise.resolve([])), [ofUsers]);
  const send = async () => {
    const most = numberOf(atOnce);
    const body = { scope, name: scope === "all" ? "" : name, at_once: most ?? null, starts: starts || null };
    if (!(await doing.run(() => call("PUT", "/limits", { body })))) return;
    toast("The limit holds; what is worked on goes on");
    onSet();
  };
  const wrong = doing.error?.fields ?? {};
  return (
    <Form doing={doing} onSubmit={() => void send()} yes="Set the limit">
      {!fixed && <Select label="For" value={scope} options={SCOPES} onChange={setScope} />}
      {!fixed && scope !== "all" && (
        <Field
          label="Which"
          value={name}
          onInput={setName}
          options={(ofUsers ? (users.value ?? []) : repositories).map((one) => one.name)}
          hint="Empty: each that has none of its own"
        />
      )}
      <Field
        label="At a time"
        type="number"
        min={1}
        value={atOnce}
        onInput={setAtOnce}
        error={wrong["at_once"]}
        hint="Turns; empty for any number"
      />
      <Field
        label="Starts"
        value={starts}
        onInput={setStarts}
        placeholder="30/1h"
        error={wrong["starts"]}
        hint="In a time, as 30/1h; empty for any number"
      />
    </Form>
  );
}
