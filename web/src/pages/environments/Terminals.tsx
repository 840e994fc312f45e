import { useState } from "preact/hooks";
import { call, newKey } from "../../api";
import { useDoing, useLoad } from "../../load";
import { Button, Check, Plain, Shown, Time, Trouble } from "../../parts";
import { may, useMe } from "../../session";
import { Terminal } from "./Terminal";

/** Terminals in boxes of the environment: those of this person that are open, and one more. */
export function Terminals({ repository }: { repository: string }) {
  const me = useMe();
  const path = { repository_id: repository };
  const state = useLoad((signal) => call("GET", "/repositories/{repository_id}/environment", { path, signal }), [repository]);
  const [shown, setShown] = useState("");
  const [trust, setTrust] = useState(false);
  const doing = useDoing();
  const open = () =>
    doing.run(async () => {
      const body = { rows: 24, columns: 80, trust_recipe: trust };
      const made = await call("POST", "/repositories/{repository_id}/environment/terminals", { path, body, key: newKey() });
      setShown(made.id);
    });
  if (!may(me, repository, "member")) return <p class="faint">A terminal is for members: they could run the same in a task.</p>;
  return (
    <div class="stack">
      <p class="faint">
        A box as an attempt has it, with the same files and hosts. Nothing that is done in it is kept. It is closed when nobody types for
        15 minutes, and after two hours in any case.
      </p>
      <div class="row">
        <Button kind="primary" busy={doing.busy} onClick={() => void open()}>
          Open a terminal
        </Button>
        {state.value && !state.value.trusted && may(me, repository, "maintainer") && (
          <Check label="Trust the recipe for this" checked={trust} onChange={setTrust} />
        )}
      </div>
      {doing.error && <Trouble problem={doing.error} />}
      {shown ? (
        <Terminal key={shown} repository={repository} id={shown} onLeft={() => (setShown(""), state.again())} />
      ) : (
        <Shown of={state} lines={1}>
          {({ terminals }) =>
            terminals.length > 0 && (
              <ul class="plain-list stack">
                {terminals.map((one) => (
                  <li key={one.id} class="row">
                    Open since <Time at={one.created} />, by <Plain text={one.by} />
                    <Button onClick={() => setShown(one.id)}>Show it</Button>
                  </li>
                ))}
              </ul>
            )
          }
        </Shown>
      )}
    </div>
  );
}
