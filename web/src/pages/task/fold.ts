// An attempt's events, folded into what the conversation shows. An entry that changes is a new object, so that only it
// is drawn anew.
import {
  type Approval,
  type Call,
  type Checked,
  type Event,
  type Finding,
  type Finished,
  type Hook,
  list,
  type Network,
  number,
  type Picture,
  type PlanStep,
  type Usage,
  words,
} from "./bodies";

export interface CallEntry {
  kind: "call";
  key: string;
  seq: number;
  time: string;
  call: Call;
  summary: string;
  /** Asked for, being run, or ended. */
  state: "asked" | "running" | "ended";
  finished: Finished | undefined;
  requests: readonly Network[];
  hooks: readonly Hook[];
  approval: Approval | undefined;
}

interface Base {
  key: string;
  seq: number;
  time: string;
}

export type Entry = (
  | (Base & { kind: "said"; author: string; text: string; images: readonly Picture[] })
  | (Base & {
      kind: "reply";
      text: string;
      thought: string;
      model: string;
      usage: Usage;
      cost: number | null;
      latency: number;
      stop: string;
    })
  | CallEntry
  | (Base & { kind: "plan"; steps: readonly PlanStep[]; explanation: string })
  | (Base & { kind: "checked"; checked: Checked })
  | (Base & { kind: "subtask"; task: string; status: string; turns: number; cost: number | null })
  | (Base & { kind: "review"; verdict: string; explanation: string; findings: readonly Finding[] })
  | (Base & { kind: "note"; tone: "plain" | "bad" | "warn" | "good"; text: string; more: string; setup?: number })
) & { undone?: boolean };

export interface Totals {
  turns: number;
  input: number;
  output: number;
  /** null once the price of a call is not known. */
  cost: number | null;
  commands: number;
  files: readonly string[];
  seconds: number;
}

/** A call after which the files were others. */
export interface Step {
  seq: number;
  name: string;
  tree: string;
}

export interface Folded {
  entries: readonly Entry[];
  last: number;
  totals: Totals;
  plan: readonly PlanStep[];
  checked: Checked | undefined;
  /** Numbers of commands, and how many lines each has. */
  commands: ReadonlyMap<number, number>;
  setups: ReadonlyMap<number, string>;
  hooks: ReadonlyMap<number, number>;
  steps: readonly Step[];
  /** What `task_started` says. */
  opening: Record<string, unknown> | undefined;
}

export const NOTHING: Folded = {
  entries: [],
  last: 0,
  plan: [],
  checked: undefined,
  opening: undefined,
  commands: new Map(),
  setups: new Map(),
  hooks: new Map(),
  steps: [],
  totals: { turns: 0, input: 0, output: 0, cost: 0, commands: 0, files: [], seconds: 0 },
};

/** What is being put together. */
interface Draft extends Omit<Folded, "last"> {
  entries: Entry[];
  commands: Map<number, number>;
  setups: Map<number, string>;
  hooks: Map<number, number>;
}

/** With further events, in order; those that are known already are left out. */
export function fold(before: Folded, events: readonly Event[]): Folded {
  const fresh = events.filter((event) => event.seq > before.last);
  if (!fresh.length) return before;
  const draft: Draft = {
    ...before,
    entries: [...before.entries],
    totals: { ...before.totals },
    commands: new Map(before.commands),
    setups: new Map(before.setups),
    hooks: new Map(before.hooks),
  };
  for (const event of fresh) {
    try {
      HANDLERS[event.kind]?.(draft, event);
    } catch (error) {
      console.error(error);
      note(draft, event, `an event that this page cannot show: ${event.kind}`, "", "warn");
    }
  }
  return { ...draft, last: fresh.at(-1)?.seq ?? before.last };
}

function base(event: Event): Base {
  return { key: `e${event.seq}`, seq: event.seq, time: event.time };
}

function note(draft: Draft, event: Event, text: string, more = "", tone: "plain" | "bad" | "warn" | "good" = "plain"): void {
  draft.entries.push({ ...base(event), kind: "note", tone, text, more });
}

function changeCall(draft: Draft, id: string, change: (entry: CallEntry) => CallEntry): boolean {
  for (let at = draft.entries.length - 1; at >= 0; at--) {
    const entry = draft.entries[at];
    if (entry?.kind === "call" && entry.call.id === id) {
      draft.entries[at] = change(entry);
      return true;
    }
  }
  return false;
}

function thought(items: readonly Record<string, unknown>[]): string {
  return items
    .flatMap((item) => {
      const parts = item["type"] === "reasoning" ? item["summary"] : undefined;
      const texts = Array.isArray(parts)
        ? parts.map((part: { text?: unknown }) => part.text)
        : [item["reasoning_content"], item["thinking"]];
      return texts.filter((text): text is string => typeof text === "string" && text !== "");
    })
    .join("\n\n");
}

function replied(draft: Draft, event: Event): void {
  const { body } = event;
  const usage = (body["usage"] ?? {}) as Usage;
  const cost = typeof body["cost_microusd"] === "number" ? body["cost_microusd"] : null;
  const before = draft.totals;
  draft.totals = {
    ...before,
    turns: before.turns + 1,
    input: before.input + (usage.input_tokens ?? 0),
    output: before.output + (usage.output_tokens ?? 0),
    cost: cost === null || before.cost === null ? null : before.cost + cost,
    seconds: before.seconds + number(body, "latency_ms") / 1000,
  };
  const text = words(body, "text");
  const mind = thought(list(body, "items"));
  if (text || mind) {
    const more = {
      text,
      thought: mind,
      model: words(body, "model"),
      usage,
      cost,
      latency: number(body, "latency_ms"),
      stop: words(body, "stop"),
    };
    draft.entries.push({ ...base(event), kind: "reply", ...more });
  }
  for (const call of list<Call>(body, "calls")) {
    draft.entries.push({
      ...base(event),
      key: `c${event.seq}:${call.id}`,
      kind: "call",
      call,
      summary: call.name,
      state: "asked",
      finished: undefined,
      requests: [],
      hooks: [],
      approval: undefined,
    });
  }
}

function baseTree(opening: Record<string, unknown> | undefined): string {
  const task = opening?.["task"] as { base?: { tree?: string } } | undefined;
  return task?.base?.tree ?? "";
}

function stepName(body: Finished): string {
  const files = (body.detail?.files ?? []).map((file) => file.move_path ?? file.path).join(", ");
  return body.command ? `cmd ${body.number}: ${body.command.split("\n", 1)[0] ?? ""}` : files || body.tool;
}

function finished(draft: Draft, event: Event): void {
  const body = event.body as unknown as Finished;
  const { totals } = draft;
  const paths = (body.detail?.files ?? []).map((file) => file.move_path ?? file.path);
  draft.totals = {
    ...totals,
    commands: totals.commands + (body.number && body.command ? 1 : 0),
    files: body.ok ? [...new Set([...totals.files, ...paths])] : totals.files,
    seconds: totals.seconds + body.duration_ms / 1000,
  };
  if (body.number && body.digest) draft.commands.set(body.number, body.lines);
  const tree = body.checkpoint?.tree ?? "";
  const before = draft.steps.at(-1)?.tree ?? baseTree(draft.opening);
  if (tree && tree !== before) draft.steps = [...draft.steps, { seq: event.seq, name: stepName(body), tree }];
  const done = changeCall(draft, body.call_id, (entry) => ({ ...entry, seq: event.seq, state: "ended", finished: body }));
  if (!done) note(draft, event, `${body.tool}: ${body.ended}`, body.output);
}

function network(draft: Draft, event: Event): void {
  const request = event.body as unknown as Network;
  const running = draft.entries.findLast((entry) => entry.kind === "call" && entry.state === "running");
  if (request.phase === "work" && running?.kind === "call") {
    changeCall(draft, running.call.id, (entry) => ({ ...entry, requests: [...entry.requests, request] }));
    return;
  }
  const text = `${request.allowed ? "let through" : "refused"}: ${request.method} ${request.host}:${request.port}${request.path}`;
  note(draft, event, request.count > 1 ? `${text} (${request.count} times)` : text, request.reason, request.allowed ? "plain" : "warn");
}

function undone(draft: Draft, event: Event): void {
  const to = number(event.body, "to");
  draft.entries = draft.entries.map((entry) => (entry.seq > to && !entry.undone ? { ...entry, undone: true } : entry));
  const plan = draft.entries.findLast((entry) => entry.kind === "plan" && !entry.undone);
  draft.plan = plan?.kind === "plan" ? plan.steps : [];
  note(draft, event, `back to event ${to}`, words(event.body, "reason"), "warn");
}

function hookRan(draft: Draft, event: Event): void {
  const hook = event.body as unknown as Hook;
  draft.hooks.set(event.seq, hook.lines);
  if (hook.call_id && changeCall(draft, hook.call_id, (entry) => ({ ...entry, hooks: [...entry.hooks, hook] }))) return;
  note(draft, event, `hook ${hook.hook}: ${hook.command} — ${hook.ended}`, hook.refused, hook.refused ? "warn" : "plain");
}

function reviewed(draft: Draft, event: Event): void {
  const { body } = event;
  const found = { verdict: words(body, "verdict"), explanation: words(body, "explanation"), findings: list<Finding>(body, "findings") };
  draft.entries.push({ ...base(event), kind: "review", ...found });
}

function delegated(draft: Draft, event: Event): void {
  const { body } = event;
  const cost = typeof body["cost_microusd"] === "number" ? body["cost_microusd"] : null;
  const spent = (body["usage"] ?? {}) as Usage;
  const before = draft.totals;
  draft.totals = {
    ...before,
    turns: before.turns + number(body, "turns"),
    input: before.input + (spent.input_tokens ?? 0),
    output: before.output + (spent.output_tokens ?? 0),
    cost: cost === null || before.cost === null ? null : before.cost + cost,
  };
  draft.entries.push({
    ...base(event),
    kind: "subtask",
    task: words(body, "task"),
    status: words(body, "status"),
    turns: number(body, "turns"),
    cost,
  });
}

function setUp(draft: Draft, event: Event): void {
  const { body } = event;
  draft.setups.set(event.seq, words(body, "digest"));
  const count = list(body, "commands").length;
  const done = body["built"] ? "set up" : "the environment was there";
  const text = `${done}: ${count} ${count === 1 ? "command" : "commands"}, ${number(body, "seconds").toFixed(1)} s`;
  const notes = list<string>(body, "notes").join("\n");
  draft.entries.push({ ...base(event), kind: "note", tone: notes ? "warn" : "plain", text, more: notes, setup: event.seq });
}

function told(name: string, text: (body: Record<string, unknown>) => string, tone: "plain" | "bad" | "warn" | "good" = "plain", more = "") {
  return { [name]: (draft: Draft, event: Event) => note(draft, event, text(event.body), more ? words(event.body, more) : "", tone) };
}

const HANDLERS: Record<string, (draft: Draft, event: Event) => void> = {
  ...told("limit_reached", (body) => `a limit ended the work: ${words(body, "text")}`, "warn"),
  ...told("compacted", () => "what was said earlier was put in a few words for the model", "plain", "summary"),
  ...told("failed", (body) => words(body, "error"), "bad", "mend"),
  ...told("stopped", (body) => `ended: ${words(body, "text") || words(body, "reason").replace("_", " ")}`, "plain"),
  ...told("forked", (body) => `begins with what attempt ${words(body, "attempt")} had done up to event ${number(body, "seq")}`),
  ...told("files_imported", (body) => `files were changed by a person: ${list<string>(body, "files").join(", ")}`),
  ...told("interrupted", (body) => `interrupted: ${words(body, "reason")}`, "warn"),
  ...told("model_chosen", (body) => `${words(body, "model")} answers from here on`),
  ...told("mode_chosen", (body) => `mode ${words(body, "mode")} from here on`),
  ...told(
    "mcp_connected",
    (body) => `MCP server ${words(body, "server")}: ${words(body, "error") || `${list(body, "tools").length} tools`}`,
  ),
  ...told("session_ended", (body) => `background command ended: ${words(body, "command")} — ${words(body, "ended")}`),
  ...told("proposing", (body) => `offering ${words(body, "title")}`),
  ...told(
    "proposed",
    (body) => `pull request #${number(body, "number")}${body["draft"] ? " (draft)" : ""} stands at ${words(body, "commit").slice(0, 12)}`,
    "good",
  ),
  task_started: (draft, event) => void (draft.opening = event.body),
  environment_ready: setUp,
  message: (draft, event) => {
    const { body } = event;
    const more = {
      author: words(body, "author"),
      text: words(body, "text"),
      images: list<Picture>(body, "images"),
    };
    draft.entries.push({ ...base(event), kind: "said", ...more });
  },
  model_replied: replied,
  tool_started: (draft, event) => {
    const { body } = event;
    changeCall(draft, words(body, "call_id"), (entry) => ({
      ...entry,
      time: event.time,
      state: "running",
      summary: words(body, "summary"),
    }));
  },
  tool_finished: finished,
  network_requested: network,
  plan_updated: (draft, event) => {
    draft.plan = list<PlanStep>(event.body, "steps");
    draft.entries.push({ ...base(event), kind: "plan", steps: draft.plan, explanation: words(event.body, "explanation") });
  },
  checked: (draft, event) => {
    draft.checked = event.body as unknown as Checked;
    draft.entries.push({ ...base(event), kind: "checked", checked: draft.checked });
  },
  undone,
  hook_ran: hookRan,
  delegated,
  reviewed,
  approval_given: (draft, event) => {
    const approval = event.body as unknown as Approval;
    if (!changeCall(draft, approval.call_id, (entry) => ({ ...entry, approval })))
      note(draft, event, `${approval.allowed ? "allowed" : "refused"}: ${approval.subject}`, approval.reason);
  },
};
