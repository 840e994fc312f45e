import { useState } from "preact/hooks";
import { call, type SessionAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import { attempt, Button, type Column, Field, Plain, Shown, Table, Time, toast } from "../../parts";
import { Link } from "../../router";
import { useMe } from "../../session";
import { Form } from "./Form";
import { allOrganisations, allRepositories } from "./lists";
import { TokensOf } from "./Tokens";
import "./admin.css";

export default function Account() {
  const me = useMe();
  return (
    <>
      <h1>My account</h1>
      <dl class="admin-facts">
        <dt>Name</dt>
        <dd>
          <Plain text={me.name} />
        </dd>
        <dt>Administrator</dt>
        <dd>{me.admin ? "yes: every role on every repository" : "no"}</dd>
        <dt>Id</dt>
        <dd>
          <code>{me.id}</code>
        </dd>
      </dl>
      <section class="stack">
        <h2>Roles</h2>
        <Mine />
      </section>
      <section class="card stack">
        <h2>Password</h2>
        <Password />
      </section>
      <section class="stack">
        <h2>Tokens</h2>
        <TokensOf user={me.id} />
      </section>
      <section class="stack">
        <h2>Where you are signed in</h2>
        <Sessions />
      </section>
    </>
  );
}

function Mine() {
  const me = useMe();
  const known = useLoad((signal) => Promise.all([allRepositories(signal), allOrganisations(signal)]), []);
  return (
    <Shown of={known}>
      {([all, within]) => {
        const those = [
          ...within
            .filter((one) => me.organisations[one.id])
            .map((one) => ({ ...one, to: `/settings/organisations/${one.id}`, has: me.organisations[one.id] })),
          ...all
            .filter((one) => me.roles[one.id])
            .map((one) => ({ ...one, to: `/repositories/${one.id}`, has: me.roles[one.id] })),
        ];
        if (!those.length) {
          return <p class="faint">{me.admin ? "Administrators need none." : "No role was given to you on a repository."}</p>;
        }
        return (
          <ul class="plain-list">
            {those.map((one) => (
              <li key={one.to}>
                {one.has} on{" "}
                <Link to={one.to}>
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

function Password() {
  const me = useMe();
  const doing = useDoing();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const send = async () => {
    if (!(await doing.run(() => call("PUT", "/me/password", { body: { current, new: next } })))) return;
    setCurrent("");
    setNext("");
    toast("The new password holds; you are signed out everywhere else");
  };
  return (
    <Form doing={doing} onSubmit={() => void send()} yes="Change the password">
      <input
        class="unseen"
        type="text"
        name="username"
        autocomplete="username"
        value={me.name}
        readOnly
        tabIndex={-1}
        aria-hidden="true"
      />
      <Field
        label="Current password"
        type="password"
        autocomplete="current-password"
        value={current}
        onInput={setCurrent}
        required
      />
      <Field
        label="New password"
        type="password"
        autocomplete="new-password"
        value={next}
        onInput={setNext}
        required
        hint="At least 12 characters"
        error={doing.error?.fields["new"]}
      />
    </Form>
  );
}

function Sessions() {
  const found = useLoad((signal) => call("GET", "/me/sessions", { signal }).then((all) => all.sessions), []);
  const end = async (one: SessionAnswer) => {
    if (
      await attempt(
        () => call("DELETE", "/me/sessions/{session_id}", { path: { session_id: one.id } }),
        "You are signed out there",
      )
    )
      found.again();
  };
  const columns: readonly Column<SessionAnswer>[] = [
    { name: "created", title: "Signed in", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
    { name: "expires", title: "Ends", by: (one) => one.expires, cell: (one) => <Time at={one.expires} /> },
    {
      name: "actions",
      title: "",
      cell: (one) => (
        <div class="admin-actions">
          {one.current ? (
            <span class="faint">this one</span>
          ) : (
            <Button kind="quiet" onClick={() => void end(one)}>
              Sign out there
            </Button>
          )}
        </div>
      ),
    },
  ];
  return <Shown of={found}>{(rows) => <Table label="Sessions" columns={columns} rows={rows} id={(one) => one.id} />}</Shown>;
}
