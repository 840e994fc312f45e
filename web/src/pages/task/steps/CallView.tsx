// A call of a tool: one line, and what it did below it when it is unfolded.
import { useState } from "preact/hooks";
import { Button, duration, Plain } from "../../../parts";
import { Link } from "../../../router";
import type { Finished, Hook, Network } from "../bodies";
import type { CallEntry } from "../fold";
import { Cite } from "../text/Markdown";
import { Shown, Terminal } from "../text/Shown";
import { argument, commandOf, patchOf } from "./arguments";
import { Edit } from "./Edit";
import { Pictures } from "./Pictures";

interface Props {
  attempt: string;
  entry: CallEntry;
  onFork: ((step: string) => void) | undefined;
}

const SIGNS: Record<string, string> = {
  shell: "$",
  exec: "$",
  write_stdin: "$",
  apply_patch: "✎",
  update_plan: "☰",
  log: "≡",
  view_image: "▣",
  delegate: "↳",
};

/** The one line that stands for it. */
export function headOf(entry: CallEntry): string {
  return firstLine(entry.finished?.command || commandOf(entry.call) || entry.summary);
}

function mood(entry: CallEntry): "running" | "asked" | "good" | "bad" {
  if (entry.state !== "ended") return entry.state;
  return entry.finished?.ok ? "good" : "bad";
}

export function CallView({ attempt, entry, onFork }: Props) {
  const feeling = mood(entry);
  const patch = entry.call.name === "apply_patch" ? patchOf(entry.call.arguments) : "";
  const [opened, setOpen] = useState<boolean | undefined>();
  const open = opened ?? patch !== "";
  const { finished } = entry;
  const command = finished?.command || commandOf(entry.call);
  return (
    <div class={`call ${feeling}`}>
      <button type="button" class="fold-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="fold-sign" aria-hidden="true">
          {open ? "▾" : "▸"}
        </span>
        <span class="call-sign" aria-hidden="true">
          {SIGNS[entry.call.name] ?? "·"}
        </span>
        <code class="fold-text" dir="ltr">
          <Shown text={headOf(entry)} />
        </code>
        <span class="call-facts">{facts(entry)}</span>
      </button>
      {open && <Body attempt={attempt} entry={entry} command={command} patch={patch} onFork={onFork} />}
    </div>
  );
}

function firstLine(text: string): string {
  const line = text.trimStart().split("\n", 1)[0] ?? "";
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function facts(entry: CallEntry) {
  const { finished } = entry;
  if (!finished) return <span class={`call-state ${entry.state}`}>{entry.state === "running" ? "running" : "waits"}</span>;
  const code = finished.exit_code;
  const ended = code === null ? finished.ended : code === 0 ? "" : `exit ${code}`;
  return (
    <>
      {ended && (
        <span class={`call-state ${finished.ok ? "" : "bad"}`}>
          <Plain text={ended} />
        </span>
      )}
      <span class="tabular">{duration(finished.duration_ms / 1000)}</span>
      <span class="sign" role="img" aria-label={finished.ok ? "succeeded" : "failed"}>
        {finished.ok ? "✓" : "✕"}
      </span>
    </>
  );
}

function Body({ attempt, entry, command, patch, onFork }: Props & { command: string; patch: string }) {
  const { finished } = entry;
  const long = command.includes("\n") || command.length > 120;
  return (
    <div class="fold-body">
      {long && (
        <pre class="words">
          <Shown text={command} />
        </pre>
      )}
      {entry.approval && (
        <p class="note">
          {entry.approval.allowed ? "Allowed" : "Refused"} by {entry.approval.author}: <Shown text={entry.approval.reason} />
        </p>
      )}
      {patch ? <Edit patch={patch} /> : !command && <Arguments entry={entry} />}
      {entry.requests.map((one, at) => (
        <Request key={at} request={one} />
      ))}
      {entry.hooks.map((one, at) => (
        <HookLine key={at} hook={one} />
      ))}
      {finished && <Outcome attempt={attempt} finished={finished} quiet={patch !== "" && finished.ok} />}
      {finished && onFork && (
        <Button kind="quiet" onClick={() => onFork(finished.number && finished.command ? `cmd:${finished.number}` : String(entry.seq))}>
          Fork from here
        </Button>
      )}
    </div>
  );
}

function Outcome({ attempt, finished, quiet }: { attempt: string; finished: Finished; quiet: boolean }) {
  const task = finished.tool === "delegate" ? /\b[0-9a-z]{12}\b/.exec(finished.output)?.[0] : undefined;
  return (
    <>
      {!quiet && finished.output && <Terminal text={tail(finished.output)} />}
      <Pictures attempt={attempt} pictures={finished.images ?? []} />
      {task && <Link to={`/tasks/${task}`}>the subtask</Link>}
      {finished.number > 0 && finished.digest && (
        <p class="call-log">
          <Cite
            place={{ of: "cmd", number: finished.number, first: 0, last: 0 }}
            text={`cmd ${finished.number}: full log, ${finished.lines} lines`}
          />
        </p>
      )}
    </>
  );
}

const SHOWN_LINES = 60;
const SHOWN_TEXT = 20_000;

function tail(text: string): string {
  const cut = text.length > SHOWN_TEXT ? text.slice(-SHOWN_TEXT) : text;
  const lines = cut.replace(/\n$/, "").split("\n");
  return lines.length > SHOWN_LINES
    ? [`… ${lines.length - SHOWN_LINES} lines above`, ...lines.slice(-SHOWN_LINES)].join("\n")
    : lines.join("\n");
}

function Arguments({ entry }: { entry: CallEntry }) {
  return (
    <pre class="words">
      <Shown text={argument(entry.call.arguments)} />
    </pre>
  );
}

function Request({ request }: { request: Network }) {
  return (
    <p class={`network ${request.allowed ? "" : "bad"}`}>
      {request.allowed ? "⇄" : "⊘"} <Shown text={`${request.method} ${request.host}:${request.port}${request.path}`} />
      {request.count > 1 && ` × ${request.count}`}{" "}
      <span class="hint">
        {request.allowed ? "" : "refused: "}
        <Shown text={request.reason} />
      </span>
    </p>
  );
}

function HookLine({ hook }: { hook: Hook }) {
  return (
    <p class={`network ${hook.refused ? "bad" : ""}`}>
      hook {hook.hook}: <Shown text={hook.command} />{" "}
      <span class="hint">
        <Shown text={hook.refused || hook.ended} />
      </span>
    </p>
  );
}
