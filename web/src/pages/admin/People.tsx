import { useState } from "preact/hooks";
import { call, newKey, type UserAnswer } from "../../api";
import { useKeys } from "../../keys";
import { useDoing, useLoad } from "../../load";
import { Button, Check, type Column, Dialog, Empty, Field, Plain, Shown, State, Table, Time, toast } from "../../parts";
import { go, Link } from "../../router";
import { Form } from "./Form";
import { allUsers } from "./lists";
import "./admin.css";

const COLUMNS: readonly Column<UserAnswer>[] = [
  {
    name: "name",
    title: "Name",
    by: (one) => one.name,
    cell: (one) => (
      <Link to={`/admin/people/${one.id}`}>
        <Plain text={one.name} />
      </Link>
    ),
  },
  { name: "admin", title: "Administrator", by: (one) => Number(one.admin), cell: (one) => (one.admin ? "yes" : "no") },
  {
    name: "state",
    title: "State",
    by: (one) => Number(one.disabled),
    cell: (one) => <State of={one.disabled ? "disabled" : "active"} />,
  },
  { name: "how", title: "Signs in with", wide: true, cell: (one) => means(one) },
  { name: "created", title: "Made", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
];

export function means(one: UserAnswer): string {
  const found = [one.password && "a password", one.oidc && "the provider"].filter(Boolean).join(" or ");
  return found || "tokens only";
}

export default function People() {
  const [search, setSearch] = useState("");
  const [making, setMaking] = useState(false);
  const found = useLoad(allUsers, []);
  useKeys([{ key: "n", about: "Make a user", run: () => setMaking(true) }]);
  return (
    <>
      <div class="page-head">
        <h1>People</h1>
        <Button kind="primary" onClick={() => setMaking(true)}>
          New user
        </Button>
      </div>
      <Field label="Search" type="search" value={search} onInput={setSearch} placeholder="Name" bare />
      <Shown of={found}>
        {(rows) => (
          <Table
            label="People"
            columns={COLUMNS}
            rows={rows.filter((one) => one.name.toLowerCase().includes(search.toLowerCase()))}
            id={(one) => one.id}
            onOpen={(one) => go(`/admin/people/${one.id}`)}
            empty={<Empty title="Nobody has such a name" />}
          />
        )}
      </Shown>
      {making && <Make onMade={found.again} onClose={() => setMaking(false)} />}
    </>
  );
}

function Make({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const doing = useDoing();
  const [key] = useState(newKey);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [admin, setAdmin] = useState(false);
  const send = async () => {
    if (!(await doing.run(() => call("POST", "/users", { body: { name, password: password || null, admin }, key })))) return;
    toast("The user is made; give them a role on a repository");
    onMade();
    onClose();
  };
  const wrong = doing.error?.fields ?? {};
  return (
    <Dialog title="New user" onClose={onClose}>
      <Form doing={doing} onSubmit={() => void send()} yes="Make the user" onCancel={onClose}>
        <Field label="Name" value={name} onInput={setName} required maxLength={64} error={wrong["name"]} />
        <Field
          label="Password"
          type="password"
          autocomplete="new-password"
          value={password}
          onInput={setPassword}
          error={wrong["password"]}
          hint="At least 12 characters; empty for one who uses tokens only"
        />
        <Check
          label="Administrator of the server"
          checked={admin}
          onChange={setAdmin}
          hint="May do everything, on every repository"
        />
      </Form>
    </Dialog>
  );
}
