import { useState } from "preact/hooks";
import { call, type LoginsAnswer, type UserAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import { Button, Empty, Field, Plain, plain, Select, Shown } from "../../parts";
import { Form } from "./Form";
import "./admin.css";

type Login = LoginsAnswer["logins"][number];

/** Who a user is at forges: what that login asks for there counts as theirs. */
export function LoginsOf({ user }: { user: UserAnswer }) {
  const path = { user_id: user.id };
  const doing = useDoing();
  const [forge, setForge] = useState("");
  const [login, setLogin] = useState("");
  const forges = useLoad((signal) => call("GET", "/forges", { signal }).then((all) => all.forges), []);
  const found = useLoad((signal) => call("GET", "/users/{user_id}/logins", { path, signal }), [user.id]);
  const known = forges.value ?? [];
  const put = async (logins: Login[]) => {
    const done = await doing.run(async () => {
      const now = await call("PUT", "/users/{user_id}/logins", { path, body: { logins } });
      found.set(() => now);
    });
    if (done) setLogin("");
  };
  if (forges.value && !known.length)
    return <Empty title="No forge is connected">With a connection, people are known by their logins there.</Empty>;
  const chosen = forge || known[0]?.id || "";
  return (
    <Shown of={found}>
      {({ logins }) => (
        <div class="stack">
          <ul class="plain-list stack">
            {logins.map((one) => (
              <li key={`${one.forge} ${one.login}`} class="row">
                <span>
                  <strong>
                    <Plain text={one.login} />
                  </strong>{" "}
                  at <Plain text={known.find((each) => each.id === one.forge)?.name ?? one.forge} />
                </span>
                <Button
                  kind="quiet"
                  label={`Forget the login ${plain(one.login)}`}
                  onClick={() => void put(logins.filter((each) => each !== one))}
                >
                  Forget
                </Button>
              </li>
            ))}
          </ul>
          <Form doing={doing} onSubmit={() => void put([...logins, { forge: chosen, login }])} yes="Link the login">
            <Select
              label="Forge"
              value={chosen}
              options={known.map((one) => ({ value: one.id, label: one.name }))}
              onChange={setForge}
            />
            <Field label="Login" value={login} onInput={setLogin} required hint="What they are called there" />
          </Form>
        </div>
      )}
    </Shown>
  );
}
