/** The common values of a recipe. What is changed here is changed in the text, and nothing else in it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Problem, type RecipeForm as Form } from "../../api";
import { asProblem } from "../../load";
import { Area, Trouble } from "../../parts";
import { Hosts } from "./Hosts";

interface Props {
  /** Undefined while the text has faults. */
  form: Form | null;
  changes: Changes;
  disabled: boolean;
}

type Value = string[] | null;

export interface Changes {
  change: (place: string[], value: Value) => void;
  problem: Problem | undefined;
  /** The text once all that was changed is in it. Raises the `Problem` of a change that could not be made. */
  settled: () => Promise<string>;
}

/** One change after the other, each to the text as it is by then: also as it was typed on meanwhile. */
export function useChanges(repository: string, text: string, onText: (text: string) => void): Changes {
  const latest = useRef(text);
  latest.current = text;
  const last = useRef(Promise.resolve());
  const [problem, setProblem] = useState<Problem>();
  const failed = useRef<Problem>(undefined);
  const apply = async (place: string[], value: Value) => {
    for (let tries = 0; tries < 5; tries++) {
      const before = latest.current;
      const asked = { path: { repository_id: repository }, body: { text: before, changes: [{ place, value }] } };
      const made = (await call("POST", "/repositories/{repository_id}/recipe/edit", asked)).text;
      if (latest.current !== before) continue;
      latest.current = made;
      onText(made);
      break;
    }
    failed.current = undefined;
    setProblem(undefined);
  };
  const change = (place: string[], value: Value) => {
    last.current = last.current.then(() => apply(place, value)).catch((error: unknown) => {
      failed.current = asProblem(error);
      setProblem(failed.current);
    });
  };
  const settled = () =>
    last.current.then(() => {
      const wrong = failed.current;
      failed.current = undefined; // said once; what is in the text may be kept after that
      if (wrong) throw wrong;
      return latest.current;
    });
  return { change, problem, settled };
}

export function RecipeForm({ form, changes: { change, problem }, disabled }: Props) {
  if (!form) return <p class="faint">What is in the text is shown here again once it has no fault.</p>;
  const lists = [
    ["setup", "Setup", "Shell commands, one in a line: run once, and what they leave is kept for every attempt."],
    ["maintenance", "Maintenance", "Run on what is kept when it is used for another commit."],
    ["checks", "Checks", "Each must exit with 0. Empty: those that are detected."],
  ] as const;
  const hosts = [
    ["setup", "The setup reaches", form.setup_hosts],
    ["agent", "The agent reaches", form.agent_hosts],
  ] as const;
  return (
    <div class="stack">
      {lists.map(([name, label, hint]) => (
        <List key={name} label={label} hint={hint} value={form[name]} disabled={disabled} onChange={(value) => change([name], value)} />
      ))}
      {hosts.map(([name, label, value]) => (
        <Hosts key={name} label={label} value={value} disabled={disabled} onChange={(value) => change(["network", name], value)} />
      ))}
      {problem && <Trouble problem={problem} />}
    </div>
  );
}

interface ListProps {
  label: string;
  hint: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  disabled: boolean;
}

/** Lines, handed on when the field is left: half a command is none. */
export function List({ label, hint, value, onChange, disabled }: ListProps) {
  const known = value.join("\n");
  const [typed, setTyped] = useState(known);
  useEffect(() => setTyped(known), [known]);
  const leave = () => {
    const lines = typed.split("\n").map((one) => one.trim()).filter(Boolean);
    if (lines.join("\n") !== known) onChange(lines);
  };
  const long = value.some((one) => one.includes("\n"));
  const about = long ? "One of these has several lines: change it in the text." : hint;
  const rows = Math.max(2, typed.split("\n").length);
  return (
    <div onFocusOut={leave}>
      <Area label={label} hint={about} mono rows={rows} value={typed} onInput={setTyped} disabled={disabled || long} />
    </div>
  );
}
