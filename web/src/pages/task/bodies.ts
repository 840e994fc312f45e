// What events hold, as docs/events.md says it: the fields that the page reads.

export interface Event {
  attempt: string;
  seq: number;
  time: string;
  kind: string;
  body: Record<string, unknown>;
}

export interface Usage {
  input_tokens?: number;
  cached_input_tokens?: number;
  output_tokens?: number;
  reasoning_tokens?: number;
}

export interface Call {
  id: string;
  name: string;
  arguments: string;
}

export interface Picture {
  media_type: string;
  bytes: number;
  width: number;
  height: number;
  digest: string;
}

export interface Finished {
  call_id: string;
  tool: string;
  ok: boolean;
  output: string;
  ended: string;
  duration_ms: number;
  number: number;
  command: string;
  exit_code: number | null;
  digest: string;
  bytes: number;
  lines: number;
  truncated: boolean;
  images: Picture[];
  detail: { files?: { path: string; kind: string; move_path?: string }[] };
  checkpoint: { tree: string; commit: string };
}

export interface Network {
  phase: string;
  host: string;
  port: number;
  method: string;
  path: string;
  allowed: boolean;
  reason: string;
  count: number;
}

export interface PlanStep {
  step: string;
  status: "pending" | "in_progress" | "completed";
}

export interface CheckRun {
  command: string;
  exit_code: number | null;
  ended: string;
  duration_ms: number;
  digest: string;
  bytes: number;
  lines: number;
}

export interface Checked {
  evidence: { tree: string; checks: CheckRun[] };
  commit: string;
}

export interface Hook {
  hook: string;
  command: string;
  call_id: string;
  exit_code: number | null;
  ended: string;
  refused: string;
  duration_ms: number;
  lines: number;
}

export interface Approval {
  call_id: string;
  subject: string;
  allowed: boolean;
  author: string;
  reason: string;
}

export interface Finding {
  title: string;
  body: string;
  priority: number;
  file: string;
  first_line: number;
  last_line: number;
}

/** Fields of a body, where it is not known which version wrote it. */
export function words(body: Record<string, unknown>, name: string): string {
  const found = body[name];
  return typeof found === "string" ? found : found === undefined || found === null ? "" : String(found);
}

export function number(body: Record<string, unknown>, name: string): number {
  const found = body[name];
  return typeof found === "number" ? found : 0;
}

export function list<T>(body: Record<string, unknown>, name: string): T[] {
  const found = body[name];
  return Array.isArray(found) ? (found as T[]) : [];
}
