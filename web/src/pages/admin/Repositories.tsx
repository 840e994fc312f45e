import { useState } from "preact/hooks";
import { call, newKey, type RepositoryAnswer } from "../../api";
import { useKeys } from "../../keys";
import { type Loaded, useDoing, useLoad } from "../../load";
import { Button, type Column, Dialog, Empty, Field, Plain, Shown, Table, Time, toast } from "../../parts";
import { go, Link } from "../../router";
import { useMe } from "../../session";
import { Form } from "./Form";
import { allOrganisations, allRepositories } from "./lists";
import { Where } from "./Where";
import "./admin.css";

const COLUMNS: readonly Column<RepositoryAnswer>[] = [
  {
    name: "name",
    title: "Name",
    by: (one) => one.name,
    cell: (one) => (
      <Link to={`/repositories/${one.id}`}>
        <Plain text={one.name} />
      </Link>
    ),
  },
  { name: "location", title: "Location", wide: true, by: (one) => one.location, cell: (one) => <Where text={one.location} /> },
  {
    name: "organisation",
    title: "Organisation",
    by: (one) => one.organisation_name,
    cell: (one) => <Plain text={one.organisation_name} />,
  },
  { name: "role", title: "Your role", by: (one) => one.role ?? "", cell: (one) => one.role ?? "administrator" },
  { name: "created", title: "Registered", wide: true, by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
];

export default function Repositories() {
  const me = useMe();
  const [search, setSearch] = useState("");
  const [making, setMaking] = useState(false);
  const found = useLoad(allRepositories, []);
  useKeys(me.admin ? [{ key: "n", about: "Register a repository", run: () => setMaking(true) }] : []);
  const rows = (found.value ?? []).filter((one) => `${one.name} ${one.location}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div class="page-head">
        <h1>Repositories</h1>
        {me.admin && (
          <Button kind="primary" onClick={() => setMaking(true)}>
            Register a repository
          </Button>
        )}
      </div>
      <Field label="Search" type="search" value={search} onInput={setSearch} placeholder="Name or location" bare />
      {found.error ? (
        <Shown of={found}>{() => null}</Shown>
      ) : (
        <Table
          label="Repositories"
          columns={COLUMNS}
          rows={rows}
          id={(one) => one.id}
          waiting={found.loading && !found.value}
          onOpen={(one) => go(`/repositories/${one.id}`)}
          empty={<Nothing searched={search !== ""} admin={me.admin} />}
        />
      )}
      {making && <Register found={found} onClose={() => setMaking(false)} />}
    </>
  );
}

function Nothing({ searched, admin }: { searched: boolean; admin: boolean }) {
  if (searched) return <Empty title="No repository matches" />;
  return (
    <Empty title="No repositories yet">
      {admin
        ? "Register one: a path on the server's machine, or an address that git can fetch from."
        : "An administrator gives you a role on one."}
    </Empty>
  );
}

function Register({ found, onClose }: { found: Loaded<RepositoryAnswer[]>; onClose: () => void }) {
  const doing = useDoing();
  const [key] = useState(newKey);
  const [name, setName] = useState("");
  const [location, setLocation] = useState("");
  const [organisation, setOrganisation] = useState("");
  const known = useLoad(allOrganisations, []);
  const make = async () => {
    const body = { name, location, organisation: organisation || null };
    const done = await doing.run(() => call("POST", "/repositories", { body, key }));
    if (!done) return;
    toast(`${name} is registered`);
    found.again();
    onClose();
  };
  const wrong = doing.error?.fields ?? {};
  return (
    <Dialog title="Register a repository" onClose={onClose}>
      <Form doing={doing} onSubmit={() => void make()} yes="Register" onCancel={onClose}>
        <Field
          label="Name"
          value={name}
          onInput={setName}
          required
          hint="Such as team/service"
          error={wrong["name"]}
          maxLength={200}
        />
        <Field
          label="Location"
          value={location}
          onInput={setLocation}
          required
          class="admin-wide"
          hint="An absolute path on the server's machine, or an address that git can fetch from"
          error={wrong["location"]}
        />
        <Field
          label="Organisation"
          value={organisation}
          onInput={setOrganisation}
          hint="Empty for none"
          options={(known.value ?? []).map((one) => one.name)}
        />
      </Form>
    </Dialog>
  );
}
