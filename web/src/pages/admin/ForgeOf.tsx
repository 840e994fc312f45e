import { useState } from "preact/hooks";
import { call, type RepositoryForgeAnswer, type RepositoryForgeAsked } from "../../api";
import { type Loaded, useDoing, useLoad } from "../../load";
import { Check, Field, Plain, Shown, toast } from "../../parts";
import { Form } from "./Form";
import { numberOf } from "./lists";
import "./admin.css";

/** What a repository wants of its forge. */
export function ForgeOf({ repository, mayChange }: { repository: string; mayChange: boolean }) {
  const path = { repository_id: repository };
  const found = useLoad((signal) => call("GET", "/repositories/{repository_id}/forge", { path, signal }), [repository]);
  return (
    <Shown of={found}>
      {(rules) => (
        <div class="stack">
          <p>
            {rules.connection ? (
              <>
                It is{" "}
                <strong>
                  <Plain text={rules.slug} />
                </strong>{" "}
                of the connection <Plain text={rules.connection} />.
              </>
            ) : (
              "Its location belongs to no connection: pull requests are kept here, and its branches in the repository itself."
            )}
          </p>
          {mayChange && <Rules repository={repository} rules={rules} found={found} />}
        </div>
      )}
    </Shown>
  );
}

interface Props {
  repository: string;
  rules: RepositoryForgeAnswer;
  found: Loaded<RepositoryForgeAnswer>;
}

function Rules({ repository, rules, found }: Props) {
  const doing = useDoing();
  const { connection: _, slug: __, ...first } = rules;
  const [now, setNow] = useState<RepositoryForgeAsked>(first);
  const [labels, setLabels] = useState((rules.labels ?? []).join(", "));
  const [reviewers, setReviewers] = useState((rules.reviewers ?? []).join(", "));
  const [runs, setRuns] = useState(String(rules.fix_runs ?? 2));
  const set = (change: Partial<RepositoryForgeAsked>) => setNow({ ...now, ...change });
  const send = async () => {
    const body = { ...now, labels: listed(labels), reviewers: listed(reviewers), fix_runs: numberOf(runs) ?? 0 };
    if (
      !(await doing.run(() => call("PUT", "/repositories/{repository_id}/forge", { path: { repository_id: repository }, body })))
    )
      return;
    toast("Saved");
    found.again();
  };
  const wrong = doing.error?.fields ?? {};
  return (
    <Form doing={doing} onSubmit={() => void send()} yes="Save">
      <Field
        label="Labels"
        value={labels}
        onInput={setLabels}
        hint="Put on every pull request of ours; a comma between"
        error={wrong["labels"]}
      />
      <Field
        label="Reviewers"
        value={reviewers}
        onInput={setReviewers}
        hint="Logins, or team:NAME; a comma between"
        error={wrong["reviewers"]}
      />
      <Field
        label="Failed CI runs to mend"
        type="number"
        min={0}
        max={10}
        value={runs}
        onInput={setRuns}
        error={wrong["fix_runs"]}
      />
      <Starts now={now} set={set} wrong={wrong} />
    </Form>
  );
}

interface StartsProps {
  now: RepositoryForgeAsked;
  set: (change: Partial<RepositoryForgeAsked>) => void;
  wrong: Readonly<Record<string, string>>;
}

/** What starts work there. */
function Starts({ now, set, wrong }: StartsProps) {
  return (
    <>
      <Field
        label="Label that starts a task"
        value={now.trigger_label ?? ""}
        onInput={(trigger_label) => set({ trigger_label })}
        hint="On an issue; empty for none"
        error={wrong["trigger_label"]}
      />
      <Field
        label="Called"
        value={now.mention ?? ""}
        onInput={(mention) => set({ mention })}
        hint="Without the @"
        error={wrong["mention"]}
      />
      <Check
        label="Whoever may write at the forge may start work"
        checked={now.write_may_start ?? false}
        onChange={(write_may_start) => set({ write_may_start })}
        hint="Also who is no user of this server"
      />
      <Check
        label="Review every pull request"
        checked={now.auto_review ?? false}
        onChange={(auto_review) => set({ auto_review })}
      />
      <Check
        label="Reviews tell of everything"
        checked={now.review_all ?? false}
        onChange={(review_all) => set({ review_all })}
        hint="Else of what is urgent"
      />
    </>
  );
}

function listed(text: string): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
}
