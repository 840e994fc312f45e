/** What is listed: said by the address, so that a list can be linked to and gone back to. */
import type { TaskLine } from "../../api";

export const STATES = ["waiting", "running", "paused", "done", "answered", "no change", "failed", "interrupted", "cancelled"] as const;
export type Status = (typeof STATES)[number];

export interface Filter {
  text: string;
  status: Status | "";
  /** An id. */
  repository: string;
  mine: boolean;
  archived: boolean;
}

export function filterOf(query: URLSearchParams): Filter {
  const status = query.get("status") ?? "";
  return {
    text: query.get("text") ?? "",
    status: STATES.find((one) => one === status) ?? "",
    repository: query.get("repository") ?? "",
    mine: query.has("mine"),
    archived: query.has("archived"),
  };
}

export function isNarrow(filter: Filter): boolean {
  return Boolean(filter.text || filter.status || filter.repository || filter.mine || filter.archived);
}

/** Whether a task that has changed belongs to the list. */
export function fits(filter: Filter, task: TaskLine, me: string): boolean {
  const text = filter.text.trim().toLowerCase();
  return (
    !filter.archived &&
    (!filter.status || task.status === filter.status) &&
    (!filter.repository || task.repository === filter.repository) &&
    (!filter.mine || task.by === me) &&
    (!text || task.id.includes(text) || task.prompt.toLowerCase().includes(text))
  );
}
