import { useState } from "preact/hooks";
import { call, type OrganisationAnswer } from "../../api";
import { type Loaded, useDoing, useLoad } from "../../load";
import type { PageProps } from "..";
import { Button, confirm, Empty, Field, Plain, Shown, toast } from "../../parts";
import { go, Link } from "../../router";
import { useMe } from "../../session";
import { BudgetsOf } from "./Budgets";
import { Form } from "./Form";
import { administers, allRepositories } from "./lists";
import { type Member, MembersTable } from "./Members";
import "./admin.css";

export default function Organisation({ params }: PageProps) {
  const name = params["organisation"] ?? "";
  const found = useLoad(
    (signal) => call("GET", "/organisations/{organisation_id}", { path: { organisation_id: name }, signal }),
    [name],
  );
  return <Shown of={found}>{(one) => <Here one={one} found={found} />}</Shown>;
}

function Here({ one, found }: { one: OrganisationAnswer; found: Loaded<OrganisationAnswer> }) {
  const me = useMe();
  const role = me.organisations[one.id];
  return (
    <>
      <h1>
        <Plain text={one.name} />
      </h1>
      {me.admin && <Change one={one} found={found} />}
      <section class="stack">
        <h2>Repositories</h2>
        <Within organisation={one.id} />
      </section>
      {(me.admin || role === "maintainer" || role === "admin") && (
        <section class="stack">
          <h2>People</h2>
          <People one={one} />
        </section>
      )}
      <section class="stack">
        <h2>Budgets</h2>
        <BudgetsOf kind="organisation" name={one.name} shown={one.name} mayChange={me.admin} />
      </section>
    </>
  );
}

function Within({ organisation }: { organisation: string }) {
  const found = useLoad(allRepositories, []);
  return (
    <Shown of={found}>
      {(all) => {
        const those = all.filter((one) => one.organisation === organisation);
        if (!those.length) return <Empty title="No repositories">An administrator moves them here on their pages.</Empty>;
        return (
          <ul class="plain-list stack">
            {those.map((one) => (
              <li key={one.id}>
                <Link to={`/repositories/${one.id}`}>
                  <Plain text={one.name} />
                </Link>
              </li>
            ))}
          </ul>
        );
      }}
    </Shown>
  );
}

function People({ one }: { one: OrganisationAnswer }) {
  const me = useMe();
  const at = (user: string) => ({ path: { organisation_id: one.id, user_id: user } });
  const found = useLoad<readonly Member[]>(
    (signal) =>
      call("GET", "/organisations/{organisation_id}/roles", { path: { organisation_id: one.id }, signal }).then(
        (all) => all.roles,
      ),
    [one.id],
  );
  return (
    <MembersTable
      on={one.name}
      found={found}
      mayGive={administers(me, me.organisations[one.id])}
      give={(user, role) => call("PUT", "/organisations/{organisation_id}/roles/{user_id}", { ...at(user), body: { role } })}
      take={(user) => call("DELETE", "/organisations/{organisation_id}/roles/{user_id}", at(user))}
    />
  );
}

function Change({ one, found }: { one: OrganisationAnswer; found: Loaded<OrganisationAnswer> }) {
  const doing = useDoing();
  const [name, setName] = useState(one.name);
  const path = { organisation_id: one.id };
  const send = async () => {
    if (!(await doing.run(() => call("PATCH", "/organisations/{organisation_id}", { path, body: { name } })))) return;
    toast("Saved");
    found.again();
  };
  const remove = async () => {
    const text = "The roles in it and its budgets go with it. It must have no repositories.";
    if (!(await confirm({ title: "Remove the organisation", text, yes: "Remove it", danger: true }))) return;
    if (await doing.run(() => call("DELETE", "/organisations/{organisation_id}", { path }))) {
      toast("It is removed");
      go("/admin/organisations");
    }
  };
  return (
    <section class="card stack">
      <Form doing={doing} onSubmit={() => void send()} yes="Rename">
        <Field label="Name" value={name} onInput={setName} required maxLength={64} error={doing.error?.fields["name"]} />
      </Form>
      <hr />
      <div>
        <Button kind="danger" onClick={() => void remove()}>
          Remove the organisation
        </Button>
      </div>
    </section>
  );
}
