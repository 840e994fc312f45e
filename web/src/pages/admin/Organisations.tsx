import { useState } from "preact/hooks";
import { call, newKey, type OrganisationAnswer } from "../../api";
import { useKeys } from "../../keys";
import { useDoing, useLoad } from "../../load";
import { Button, type Column, Dialog, Empty, Field, Plain, Shown, Table, Time, toast } from "../../parts";
import { go, Link } from "../../router";
import { Form } from "./Form";
import { allOrganisations } from "./lists";
import "./admin.css";

const COLUMNS: readonly Column<OrganisationAnswer>[] = [
  {
    name: "name",
    title: "Name",
    by: (one) => one.name,
    cell: (one) => (
      <Link to={`/settings/organisations/${one.id}`}>
        <Plain text={one.name} />
      </Link>
    ),
  },
  { name: "role", title: "Your role", by: (one) => one.role ?? "", cell: (one) => one.role ?? "administrator" },
  { name: "created", title: "Made", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
];

/** For administrators of the server; others come to theirs from their account. */
export default function Organisations() {
  const [making, setMaking] = useState(false);
  const found = useLoad(allOrganisations, []);
  useKeys([{ key: "n", about: "Make an organisation", run: () => setMaking(true) }]);
  return (
    <>
      <div class="page-head">
        <h1>Organisations</h1>
        <Button kind="primary" onClick={() => setMaking(true)}>
          New organisation
        </Button>
      </div>
      <Shown of={found}>
        {(rows) => (
          <Table
            label="Organisations"
            columns={COLUMNS}
            rows={rows}
            id={(one) => one.id}
            onOpen={(one) => go(`/settings/organisations/${one.id}`)}
            empty={
              <Empty title="No organisations">Repositories that belong together: a role in one is a role on all of them.</Empty>
            }
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
  const send = async () => {
    if (!(await doing.run(() => call("POST", "/organisations", { body: { name }, key })))) return;
    toast(`${name} is there`);
    onMade();
    onClose();
  };
  return (
    <Dialog title="New organisation" onClose={onClose}>
      <Form doing={doing} onSubmit={() => void send()} yes="Make it" onCancel={onClose}>
        <Field
          label="Name"
          value={name}
          onInput={setName}
          required
          maxLength={64}
          hint="Letters, digits and . _ -"
          error={doing.error?.fields["name"]}
        />
      </Form>
    </Dialog>
  );
}
