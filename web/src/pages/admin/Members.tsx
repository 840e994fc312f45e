import { useState } from "preact/hooks";
import { type Loaded, useDoing, useLoad } from "../../load";
import { attempt, Button, type Column, confirm, Empty, Field, Plain, plain, Select, Shown, Table, toast } from "../../parts";
import { type Role, useMe } from "../../session";
import { Form } from "./Form";
import { allUsers, ROLE_OPTIONS } from "./lists";
import "./admin.css";

export interface Member {
  user: string;
  name: string;
  role: Role;
}

interface Props {
  /** Of what these are the roles, in words. */
  on: string;
  found: Loaded<readonly Member[]>;
  /** Whether the caller may give and take them. */
  mayGive: boolean;
  give: (user: string, role: Role) => Promise<unknown>;
  take: (user: string) => Promise<unknown>;
}

/** Who may what on a repository or in an organisation. */
export function MembersTable({ on, found, mayGive, give, take }: Props) {
  const change = async (one: Member, role: Role) => {
    if (await attempt(() => give(one.user, role), `${plain(one.name)} is ${role} on ${plain(on)}`)) found.again();
  };
  const remove = async (one: Member) => {
    const question = {
      title: "Take the role back",
      text: <Plain text={`${one.name} will no longer be ${one.role} on ${on}.`} />,
      yes: "Take it back",
    };
    if ((await confirm({ ...question, danger: true })) && (await attempt(() => take(one.user)))) found.again();
  };
  return (
    <div class="stack">
      {mayGive && <Give on={on} give={give} onGiven={found.again} />}
      <Shown of={found}>
        {(rows) => (
          <Table
            label={`Roles on ${plain(on)}`}
            columns={columns(
              mayGive,
              (one, role) => void change(one, role),
              (one) => void remove(one),
            )}
            rows={rows}
            id={(one) => one.user}
            empty={
              <Empty title="Nobody has a role of their own here">
                Roles on every repository, and those of administrators, are not listed.
              </Empty>
            }
          />
        )}
      </Shown>
    </div>
  );
}

type Change = (one: Member, role: Role) => void;

function columns(mayGive: boolean, change: Change, remove: (one: Member) => void): readonly Column<Member>[] {
  return [
    { name: "name", title: "Name", by: (one) => one.name, cell: (one) => <Plain text={one.name} /> },
    {
      name: "role",
      title: "Role",
      by: (one) => one.role,
      cell: (one) =>
        mayGive ? (
          <Select
            label={`Role of ${plain(one.name)}`}
            bare
            value={one.role}
            options={ROLE_OPTIONS}
            onChange={(role) => change(one, role)}
          />
        ) : (
          one.role
        ),
    },
    {
      name: "actions",
      title: "",
      cell: (one) =>
        mayGive && (
          <div class="admin-actions">
            <Button kind="quiet" label={`Take the role of ${plain(one.name)} back`} onClick={() => remove(one)}>
              Remove
            </Button>
          </div>
        ),
    },
  ];
}

function Give({ on, give, onGiven }: Pick<Props, "on" | "give"> & { onGiven: () => void }) {
  const me = useMe();
  const doing = useDoing();
  const [user, setUser] = useState("");
  const [role, setRole] = useState<Role>("member");
  const known = useLoad((signal) => (me.admin ? allUsers(signal) : Promise.resolve([])), [me.admin]);
  const send = async () => {
    if (!(await doing.run(() => give(user.trim(), role)))) return;
    toast(`${plain(user)} is ${role} on ${plain(on)}`);
    setUser("");
    onGiven();
  };
  return (
    <Form doing={doing} onSubmit={() => void send()} yes="Give the role">
      <Field
        label="User"
        value={user}
        onInput={setUser}
        required
        options={(known.value ?? []).map((one) => one.name)}
        hint="Their name"
      />
      <Select
        label="Role"
        value={role}
        options={ROLE_OPTIONS}
        onChange={setRole}
        hint="viewers read, members submit, maintainers settle, admins give roles"
      />
    </Form>
  );
}
