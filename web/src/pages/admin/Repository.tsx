import { useState } from "preact/hooks";
import { call, type RepositoryAnswer } from "../../api";
import { type Loaded, useDoing, useLoad } from "../../load";
import type { PageProps } from "..";
import { Button, confirm, Field, Plain, Shown, Tabs, Time, toast } from "../../parts";
import { go, Link, setQuery, usePlace } from "../../router";
import { may, useMe } from "../../session";
import { BudgetsOf } from "./Budgets";
import { ForgeOf } from "./ForgeOf";
import { Form } from "./Form";
import { LimitsOf } from "./Limits";
import { administers, allOrganisations } from "./lists";
import { type Member, MembersTable } from "./Members";
import { WebhooksOf } from "./Webhooks";
import "./admin.css";

type Part = "about" | "people" | "budgets" | "limits" | "webhooks" | "forge";

export default function Repository({ params }: PageProps) {
  const name = params["repository"] ?? "";
  const found = useLoad(
    (signal) => call("GET", "/repositories/{repository_id}", { path: { repository_id: name }, signal }),
    [name],
  );
  return <Shown of={found}>{(one) => <Here one={one} found={found} />}</Shown>;
}

function Here({ one, found }: { one: RepositoryAnswer; found: Loaded<RepositoryAnswer> }) {
  const me = useMe();
  const { query } = usePlace();
  const tabs: { name: Part; title: string }[] = [{ name: "about", title: "About" }];
  if (may(me, one.id, "maintainer")) tabs.push({ name: "people", title: "People" });
  tabs.push({ name: "budgets", title: "Budgets" }, { name: "limits", title: "Limits" });
  if (may(me, one.id, "maintainer")) tabs.push({ name: "webhooks", title: "Webhooks" });
  tabs.push({ name: "forge", title: "Forge" });
  const chosen = tabs.find((tab) => tab.name === query.get("part"))?.name ?? "about";
  return (
    <>
      <div class="page-head">
        <h1>
          <Plain text={one.name} />
        </h1>
        <Link to={`/insight?repository=${one.id}`}>Insight</Link>
      </div>
      <Tabs label="Parts" tabs={tabs} chosen={chosen} onChoose={(part) => setQuery({ part: part === "about" ? "" : part })}>
        {chosen === "about" && <About one={one} found={found} />}
        {chosen === "people" && <People one={one} />}
        {chosen === "budgets" && (
          <BudgetsOf kind="repository" name={one.id} shown={one.location} mayChange={may(me, one.id, "maintainer")} />
        )}
        {chosen === "limits" && <LimitsOf scope="repository" name={one.id} />}
        {chosen === "forge" && <ForgeOf repository={one.id} mayChange={may(me, one.id, "maintainer")} />}
        {chosen === "webhooks" && <WebhooksOf repository={one} />}
      </Tabs>
    </>
  );
}

function About({ one, found }: { one: RepositoryAnswer; found: Loaded<RepositoryAnswer> }) {
  const me = useMe();
  return (
    <div class="stack">
      <dl class="admin-facts">
        <dt>Location</dt>
        <dd>
          <code>
            <Plain text={one.location} />
          </code>
        </dd>
        <dt>Organisation</dt>
        <dd>
          {one.organisation ? (
            <Link to={`/settings/organisations/${one.organisation}`}>
              <Plain text={one.organisation_name} />
            </Link>
          ) : (
            "–"
          )}
        </dd>
        <dt>Your role</dt>
        <dd>{one.role ?? "administrator of the server"}</dd>
        <dt>Registered</dt>
        <dd>
          <Time at={one.created} />
        </dd>
        <dt>Id</dt>
        <dd>
          <code>{one.id}</code>
        </dd>
      </dl>
      {me.admin && <Change one={one} found={found} />}
    </div>
  );
}

function Change({ one, found }: { one: RepositoryAnswer; found: Loaded<RepositoryAnswer> }) {
  const doing = useDoing();
  const [name, setName] = useState(one.name);
  const [organisation, setOrganisation] = useState(one.organisation_name);
  const known = useLoad(allOrganisations, []);
  const at = { repository_id: one.id };
  const send = async () => {
    if (!(await doing.run(() => call("PATCH", "/repositories/{repository_id}", { path: at, body: { name, organisation } }))))
      return;
    toast("Saved");
    found.again();
  };
  const remove = async () => {
    const text = "It is taken from the list. Its files and its tasks stay; only administrators see these from then on.";
    if (!(await confirm({ title: "Take the repository from the list", text, yes: "Take it from the list", danger: true })))
      return;
    if (await doing.run(() => call("DELETE", "/repositories/{repository_id}", { path: at }))) {
      toast("It is no longer in the list");
      go("/repositories");
    }
  };
  return (
    <section class="card stack">
      <h2>Change</h2>
      <Form doing={doing} onSubmit={() => void send()} yes="Save">
        <Field label="Name" value={name} onInput={setName} required maxLength={200} error={doing.error?.fields["name"]} />
        <Field
          label="Organisation"
          value={organisation}
          onInput={setOrganisation}
          hint="Empty for none"
          options={(known.value ?? []).map((each) => each.name)}
        />
      </Form>
      <hr />
      <div>
        <Button kind="danger" onClick={() => void remove()}>
          Take it from the list
        </Button>
      </div>
    </section>
  );
}

function People({ one }: { one: RepositoryAnswer }) {
  const me = useMe();
  const at = (user: string) => ({ path: { repository_id: one.id, user_id: user } });
  const found = useLoad<readonly Member[]>(
    (signal) =>
      call("GET", "/repositories/{repository_id}/roles", { path: { repository_id: one.id }, signal }).then((all) => all.roles),
    [one.id],
  );
  return (
    <MembersTable
      on={one.name}
      found={found}
      mayGive={administers(me, me.roles[one.id])}
      give={(user, role) => call("PUT", "/repositories/{repository_id}/roles/{user_id}", { ...at(user), body: { role } })}
      take={(user) => call("DELETE", "/repositories/{repository_id}/roles/{user_id}", at(user))}
    />
  );
}
