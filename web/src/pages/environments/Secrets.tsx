/** Secrets, whose values nobody is ever shown, and variables of the boxes. */
import { useState } from "preact/hooks";
import { call, type SecretAnswer, type VariableAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import { Button, confirm, Empty, Field, Plain, Shown, Table, Time, Trouble, toast } from "../../parts";
import { may, useMe } from "../../session";

type Kept = SecretAnswer & Partial<VariableAnswer>;
type Kind = "secrets" | "variables";

const ABOUT = {
  secrets:
    "A recipe names a secret and the host that it belongs to; the proxy outside the box adds it to requests there. No box, log or " +
    "task ever has the value, and nobody is shown it again.",
  variables: "In the environment of each box of new tasks. Whoever sees a task's output may see them: no place for secrets.",
} as const;

export function Secrets({ repository }: { repository: string }) {
  const me = useMe();
  return (
    <div class="stack">
      {may(me, repository, "maintainer") && <Of kind="secrets" repository={repository} />}
      {!may(me, repository, "maintainer") && <p class="faint">Secrets are for maintainers.</p>}
      {may(me, repository, "member") && <Of kind="variables" repository={repository} />}
    </div>
  );
}

function Of({ kind, repository }: { kind: Kind; repository: string }) {
  const path = { repository_id: repository };
  const mayChange = may(useMe(), repository, "maintainer");
  const found = useLoad((signal) => listed(kind, repository, signal), [kind, repository]);
  const doing = useDoing();
  const remove = async (name: string) => {
    const text = `New tasks do not have ${name} any more.`;
    if (!(await confirm({ title: `Delete ${name}?`, text, yes: "Delete", danger: true }))) return;
    if (await doing.run(() => call("DELETE", `/repositories/{repository_id}/${kind}/{name}`, { path: { ...path, name } }))) found.again();
  };
  return (
    <section class="card stack">
      <h2>{kind === "secrets" ? "Secrets" : "Variables"}</h2>
      <p class="faint">{ABOUT[kind]}</p>
      <Shown of={found} lines={2}>
        {(all) => (
          <Table
            label={kind}
            rows={all}
            id={(one) => one.name}
            empty={<Empty title="None yet" />}
            columns={[
              { name: "name", title: "Name", by: (one) => one.name, cell: (one) => <code><Plain text={one.name} /></code> },
              {
                name: "value",
                title: "Value",
                cell: (one) => (kind === "secrets" ? "••••••••" : <code><Plain text={one.value ?? ""} /></code>),
              },
              { name: "changed", title: "Set", by: (one) => one.changed, cell: (one) => <Time at={one.changed} /> },
              { name: "by", title: "By", cell: (one) => <Plain text={one.changed_by} /> },
              {
                name: "remove",
                title: "",
                cell: (one) => mayChange && <Button kind="danger" onClick={() => void remove(one.name)}>Delete</Button>,
              },
            ]}
          />
        )}
      </Shown>
      {doing.error && <Trouble problem={doing.error} />}
      {mayChange && <Add kind={kind} repository={repository} onAdded={found.again} />}
    </section>
  );
}

async function listed(kind: Kind, repository: string, signal: AbortSignal): Promise<readonly Kept[]> {
  const asked = { path: { repository_id: repository }, signal };
  if (kind === "secrets") return (await call("GET", "/repositories/{repository_id}/secrets", asked)).secrets;
  return (await call("GET", "/repositories/{repository_id}/variables", asked)).variables;
}

function Add({ kind, repository, onAdded }: { kind: Kind; repository: string; onAdded: () => void }) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const doing = useDoing();
  const add = async () => {
    const asked = { path: { repository_id: repository, name }, body: { value } };
    if (!(await doing.run(() => call("PUT", `/repositories/{repository_id}/${kind}/{name}`, asked)))) return;
    toast(`${name} is set`);
    setName("");
    setValue("");
    onAdded();
  };
  return (
    <form
      class="row environments-add"
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <Field
        label="Name"
        value={name}
        onInput={(typed) => setName(typed.toUpperCase())}
        placeholder={kind === "secrets" ? "NPM_TOKEN" : "NODE_ENV"}
        required
      />
      <Field
        label="Value"
        class="grow"
        type={kind === "secrets" ? "password" : "text"}
        autocomplete={kind === "secrets" ? "new-password" : "off"}
        value={value}
        onInput={setValue}
        required={kind === "secrets"}
      />
      <Button type="submit" kind="primary" busy={doing.busy}>
        Set
      </Button>
      {doing.error && <Trouble problem={doing.error} />}
    </form>
  );
}
