// One entry of the conversation.
import { useState } from "preact/hooks";
import { Button, Duration, Money, short, State, Time } from "../../../parts";
import { Link } from "../../../router";
import type { Finding, PlanStep } from "../bodies";
import type { Entry } from "../fold";
import { Cite, Markdown } from "../text/Markdown";
import { Shown } from "../text/Shown";
import { CallView } from "./CallView";
import { Pictures } from "./Pictures";

interface Props {
  attempt: string;
  /** Who submitted the task; empty where that is not known. */
  by: string;
  /** Whose it is, where it was said to the task later. */
  name: string;
  entry: Entry;
  onFork: ((step: string) => void) | undefined;
}

export function EntryView({ attempt, by, name, entry, onFork }: Props) {
  if (entry.kind === "call" && entry.call.name === "update_plan" && entry.finished?.ok) return null; // the plan itself follows
  return (
    <div class={`entry ${entry.kind} ${entry.undone ? "undone" : ""}`} id={`event-${entry.seq}`} data-seq={entry.seq}>
      <Inside attempt={attempt} by={by} name={name} entry={entry} onFork={onFork} />
    </div>
  );
}

function Inside({ attempt, by, name, entry, onFork }: Props) {
  switch (entry.kind) {
    case "said":
      return <Said attempt={attempt} by={by} name={name} entry={entry} />;
    case "reply":
      return <Reply entry={entry} />;
    case "call":
      return <CallView attempt={attempt} entry={entry} onFork={onFork} />;
    case "plan":
      return <PlanStep entry={entry} />;
    case "checked":
      return <CheckedView entry={entry} />;
    case "subtask":
      return (
        <p class="note">
          Subtask <Link to={`/tasks/${entry.task}`}>{entry.task}</Link>: {entry.status}, {entry.turns} model calls,{" "}
          <Money microusd={entry.cost} />
        </p>
      );
    case "review":
      return <Review entry={entry} />;
    case "note":
      return <Note entry={entry} />;
  }
}

type Of<K extends Entry["kind"]> = Extract<Entry, { kind: K }>;

const AUTHORS: Record<string, string> = { person: "A person", harness: "Midwatch", agent: "The agent", repository: "The repository" };

function Said({ attempt, by, name, entry }: { attempt: string; by: string; name: string; entry: Of<"said"> }) {
  const [open, setOpen] = useState(false);
  const person = entry.author === "person";
  const [around, text] = person ? parted(entry.text) : ["", entry.text];
  const author = (around ? by : name) || (AUTHORS[entry.author] ?? entry.author);
  const head = (
    <div class="entry-head">
      <strong>
        <Shown text={author} />
      </strong>{" "}
      <Time at={entry.time} />
    </div>
  );
  if (person) {
    return (
      <div class="bubble">
        {head}
        <Markdown text={text} />
        {around && (
          <details class="around">
            <summary>What the agent is told about its surroundings</summary>
            <pre class="words">
              <Shown text={around} />
            </pre>
          </details>
        )}
        <Pictures attempt={attempt} pictures={entry.images} />
      </div>
    );
  }
  const first = entry.text.trim().split("\n", 1)[0] ?? "";
  return (
    <div class="aside-words">
      <button type="button" class="fold-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="fold-sign" aria-hidden="true">
          {open ? "▾" : "▸"}
        </span>
        <span class="fold-text">
          <strong>{AUTHORS[entry.author] ?? <Shown text={entry.author} />}</strong> <Shown text={first} />
        </span>
      </button>
      {open && (
        <pre class="words">
          <Shown text={entry.text} />
        </pre>
      )}
    </div>
  );
}

/** The task as it was given begins with what the agent is told of where it works. */
function parted(text: string): [string, string] {
  const found = /^<environment>\n([\s\S]*?)\n<\/environment>\n+/.exec(text);
  return found ? [found[1] ?? "", text.slice(found[0].length)] : ["", text];
}

const CUT: Record<string, string> = { length: "The reply was cut short.", refusal: "The model refused." };

function Reply({ entry }: { entry: Of<"reply"> }) {
  const { usage } = entry;
  const cached = usage.cached_input_tokens ? ` (${short(usage.cached_input_tokens)} cached)` : "";
  const facts = `${short(usage.input_tokens ?? 0)} in${cached}, ${short(usage.output_tokens ?? 0)} out`;
  return (
    <div class="reply">
      {entry.thought && (
        <details class="thought">
          <summary>Thought</summary>
          <Markdown text={entry.thought} />
        </details>
      )}
      {entry.text && <Markdown text={entry.text} />}
      {CUT[entry.stop] && <p class="note warn">{CUT[entry.stop]}</p>}
      <div class="entry-facts">
        <Shown text={entry.model} /> · <Time at={entry.time} /> · <Duration seconds={entry.latency / 1000} /> · {facts} ·{" "}
        <Money microusd={entry.cost} />
      </div>
    </div>
  );
}

/** The plan as it was then; as it is now it stands beside the conversation. */
function PlanStep({ entry }: { entry: Of<"plan"> }) {
  const done = entry.steps.filter((one) => one.status === "completed").length;
  const now = entry.steps.find((one) => one.status === "in_progress");
  return (
    <details class="plan-step">
      <summary>
        Plan: {done} of {entry.steps.length} done
        {now && (
          <>
            , now <Shown text={now.step} />
          </>
        )}
      </summary>
      <PlanView steps={entry.steps} explanation={entry.explanation} />
    </details>
  );
}

const MARKS = { pending: ["○", "to do"], in_progress: ["◐", "under way"], completed: ["●", "done"] } as const;

export function PlanView({ steps, explanation }: { steps: readonly PlanStep[]; explanation: string }) {
  return (
    <div class="plan">
      {explanation && (
        <p>
          <Shown text={explanation} />
        </p>
      )}
      <ol>
        {steps.map((one, at) => {
          const [sign, word] = MARKS[one.status] ?? MARKS.pending;
          return (
            <li key={at} class={one.status}>
              <span role="img" aria-label={word}>
                {sign}
              </span>{" "}
              <Shown text={one.step} />
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function CheckedView({ entry }: { entry: Of<"checked"> }) {
  const { evidence } = entry.checked;
  return (
    <div class="checked">
      <div class="entry-head">
        <strong>Midwatch ran the checks</strong> on tree <code>{evidence.tree.slice(0, 12)}</code>
      </div>
      {evidence.checks.map((run, at) => (
        <p key={at} class="check-line">
          <State of={run.exit_code === 0 ? "passed" : "failed"} />{" "}
          <code>
            <Shown text={run.command} />
          </code>{" "}
          <span class="hint">
            <Shown text={run.ended} />, <Duration seconds={run.duration_ms / 1000} />
          </span>{" "}
          {run.digest && <Cite place={{ of: "check", number: at + 1, first: 0, last: 0 }} text={`log (${run.lines} lines)`} />}
        </p>
      ))}
      {!evidence.checks.length && <p class="note warn">There was no check to run.</p>}
    </div>
  );
}

function Review({ entry }: { entry: Of<"review"> }) {
  return (
    <div class="review">
      <div class="entry-head">
        <strong>Review</strong> <State of={entry.verdict === "correct" ? "passed" : "failed"} />
      </div>
      <Markdown text={entry.explanation} />
      {entry.findings.map((one, at) => (
        <FindingView key={at} finding={one} />
      ))}
    </div>
  );
}

function FindingView({ finding }: { finding: Finding }) {
  return (
    <details class="finding">
      <summary>
        P{finding.priority} <Shown text={finding.title} />{" "}
        <code>
          <Shown text={`${finding.file}:${finding.first_line}`} />
        </code>
      </summary>
      <Markdown text={finding.body} />
    </details>
  );
}

function Note({ entry }: { entry: Of<"note"> }) {
  const [open, setOpen] = useState(entry.tone === "bad");
  return (
    <div class={`note ${entry.tone}`}>
      <Shown text={entry.text} />{" "}
      {entry.setup !== undefined && <Cite place={{ of: "setup", number: entry.setup, first: 0, last: 0 }} text="log" />}
      {entry.more && (
        <Button kind="quiet" onClick={() => setOpen(!open)} pressed={open}>
          {open ? "less" : "more"}
        </Button>
      )}
      {open && entry.more && (
        <pre class="words">
          <Shown text={entry.more} />
        </pre>
      )}
    </div>
  );
}
