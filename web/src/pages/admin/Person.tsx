import { useState } from "preact/hooks";
import { call, type RoleAnswer, type UserAnswer, type UserChange } from "../../api";
import { type Loaded, useDoing, useLoad } from "../../load";
import type { PageProps } from "..";
import {
  attempt,
  Button,
  type Column,
  confirm,
  Empty,
  Field,
  Plain,
  Select,
  Shown,
  State,
  Table,
  Time,
  toast,
} from "../../parts";
import { Link } from "../../router";
import { type Role, useMe } from "../../session";
import { Form } from "./Form";
import { allRepositories, ROLE_OPTIONS } from "./lists";
import { LoginsOf } from "./Logins";
import { means } from "./People";
import { TokensOf } from "./Tokens";
import "./admin.css";

const EVERY = "*";

export default function Person({ params }: PageProps) {
  const user = params["user"] ?? "";
  const found = useLoad((signal) => call("GET", "/users/{user_id}", { path: { user_id: user }, signal }), [user]);
  return <Shown of={found}>{(one) => <Here one={one} found={found} />}</Shown>;
}

function Here({ one, found }: { one: UserAnswer; found: Loaded<UserAnswer> }) {
  return (
    <>
      <div class="page-head">
        <h1>
          <Plain text={one.name} />
        </h1>
        <Link to={`/settings/audit?user=${one.id}`}>What they did</Link>
      </div>
      <dl class="admin-facts">
        <dt>State</dt>
        <dd>
          <State of={one.disabled ? "disabled" : "active"} />
        </dd>
        <dt>Administrator</dt>
        <dd>{one.admin ? "yes" : "no"}</dd>
        <dt>Signs in with</dt>
        <dd>{means(one)}</dd>
        <dt>Made</dt>
        <dd>
          <Time at={one.created} />
        </dd>
      </dl>
      <Standing one={one} again={found.again} />
      <section class="stack">
        <h2>Roles</h2>
        <Roles user={one} />
      </section>
      <section class="stack">
        <h2>At forges</h2>
        <LoginsOf user={one} />
      </section>
      <section class="stack">
        <h2>Tokens</h2>
        <TokensOf user={one.id} />
      </section>
    </>
  );
}

function Standing({ one, again }: { one: UserAnswer; again: () => void }) {
  const me = useMe();
  const doing = useDoing();
  const [password, setPassword] = useState("");
  const change = async (body: UserChange, said: string) => {
    if (!(await doing.run(() => call("PATCH", "/users/{user_id}", { path: { user_id: one.id }, body })))) return;
    toast(said);
    setPassword("");
    again();
  };
  const disable = async () => {
    const text = "Their sessions end at once, and their tokens open nothing any more. What they have submitted goes on.";
    const sure = one.disabled || (await confirm({ title: "Disable the user", text, yes: "Disable", danger: true }));
    if (sure)
      await change({ disabled: !one.disabled }, one.disabled ? "They may sign in again" : "They are signed out everywhere");
  };
  const promote = async () => {
    const text = one.admin ? "They keep their roles on repositories." : "They may then do everything, on every repository.";
    const title = one.admin ? "No longer an administrator" : "Make them an administrator";
    if (await confirm({ title, text, yes: one.admin ? "Take it back" : "Make them one", danger: true }))
      await change({ admin: !one.admin }, "Saved");
  };
  return (
    <section class="card stack">
      <Form
        doing={doing}
        onSubmit={() => void change({ password }, "The new password holds; their sessions have ended")}
        yes="Set the password"
      >
        <Field
          label="New password"
          type="password"
          autocomplete="new-password"
          value={password}
          onInput={setPassword}
          required
          error={doing.error?.fields["password"]}
          hint="At least 12 characters. It ends their sessions"
        />
      </Form>
      <hr />
      <div class="row">
        <Button onClick={() => void promote()}>{one.admin ? "No longer an administrator" : "Make them an administrator"}</Button>
        <Button kind={one.disabled ? "plain" : "danger"} onClick={() => void disable()} disabled={one.id === me.id}>
          {one.disabled ? "Enable" : "Disable"}
        </Button>
      </div>
    </section>
  );
}

function Roles({ user }: { user: UserAnswer }) {
  const doing = useDoing();
  const [repository, setRepository] = useState("");
  const [role, setRole] = useState<Role>("member");
  const known = useLoad(allRepositories, []);
  const found = useLoad(
    (signal) => call("GET", "/roles", { signal }).then((all) => all.roles.filter((one) => one.user === user.id)),
    [user.id],
  );
  const names = new Map((known.value ?? []).map((one) => [one.id, one.name]));
  const give = async () => {
    const path = { user_id: user.id };
    const named = known.value?.find((one) => one.name === repository.trim())?.id ?? repository.trim();
    const to = { path: { ...path, repository_id: named }, body: { role } };
    const every = repository.trim() === EVERY || !repository.trim();
    const asked = () =>
      every
        ? call("PUT", "/roles/{user_id}", { path, body: { role } })
        : call("PUT", "/repositories/{repository_id}/roles/{user_id}", to);
    if (await doing.run(asked)) found.again();
  };
  return (
    <div class="stack">
      <Form doing={doing} onSubmit={() => void give()} yes="Give the role">
        <Field
          label="Repository"
          value={repository}
          onInput={setRepository}
          options={[...names.values()]}
          hint="Empty for every repository"
        />
        <Select label="Role" value={role} options={ROLE_OPTIONS} onChange={setRole} />
      </Form>
      <Shown of={found}>
        {(rows) => (
          <Table
            label="Roles"
            columns={columns(names, found.again)}
            rows={rows}
            id={(one) => one.repository}
            empty={<Empty title="No roles">They see no repository, unless an organisation gives them one.</Empty>}
          />
        )}
      </Shown>
    </div>
  );
}

function columns(names: ReadonlyMap<string, string>, again: () => void): readonly Column<RoleAnswer>[] {
  const take = async (one: RoleAnswer) => {
    const path = { user_id: one.user };
    const of = { path: { ...path, repository_id: one.repository } };
    const asked = () =>
      one.repository === EVERY
        ? call("DELETE", "/roles/{user_id}", { path })
        : call("DELETE", "/repositories/{repository_id}/roles/{user_id}", of);
    if (await attempt(asked)) again();
  };
  return [
    {
      name: "repository",
      title: "On",
      by: (one) => names.get(one.repository) ?? one.repository,
      cell: (one) =>
        one.repository === EVERY ? "every repository" : <Plain text={names.get(one.repository) ?? one.repository} />,
    },
    { name: "role", title: "Role", by: (one) => one.role, cell: (one) => one.role },
    {
      name: "actions",
      title: "",
      cell: (one) => (
        <div class="admin-actions">
          <Button kind="quiet" onClick={() => void take(one)}>
            Take back
          </Button>
        </div>
      ),
    },
  ];
}
