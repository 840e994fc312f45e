/** The tasks of a list, page after page, as they change. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, gone, type Problem, type TaskLine } from "../../api";
import { asProblem } from "../../load";
import { type Message, useStream } from "../../stream";
import { type Filter, fits } from "./filter";

const PAGE = 50;
const MOST = 200;

export interface TaskList {
  tasks: readonly TaskLine[] | undefined;
  /** There are more than these. */
  more: boolean;
  busy: boolean;
  error: Problem | undefined;
  /** Ask for the next page. */
  onMore: () => void;
  again: () => void;
  /** Put in what an answer has said. */
  put: (task: TaskLine) => void;
}

interface Page {
  tasks: readonly TaskLine[];
  next: string | null | undefined;
}

export function useTaskList(filter: Filter, me: string): TaskList {
  const [page, setPage] = useState<Page | undefined>();
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState<Problem | undefined>();
  const ending = useRef(new AbortController());
  const name = JSON.stringify(filter);

  const ask = useCallback(
    async (before: string, limit: number) => {
      ending.current.abort();
      const mine = (ending.current = new AbortController());
      setBusy(true);
      try {
        const found = await call("GET", "/tasks", { query: queryOf(filter, before, limit), signal: mine.signal });
        setPage((old) => ({ tasks: before && old ? merged(old.tasks, found.tasks) : found.tasks, next: found.next }));
        setError(undefined);
        setBusy(false);
      } catch (caught) {
        if (gone(caught) || mine.signal.aborted) return;
        setError(asProblem(caught));
        setBusy(false);
      }
    },
    [name],
  );
  useEffect(() => {
    void ask("", PAGE);
    return () => ending.current.abort();
  }, [ask]);

  const again = useCallback(() => void ask("", Math.min(MOST, Math.max(PAGE, page?.tasks.length ?? 0))), [ask, page?.tasks.length]);
  useChanges((changes) => {
    if (changes.some((one) => one.kind === "reset") || (filter.archived && changes.some((one) => one.kind === "away"))) again();
    setPage((old) => old && { ...old, tasks: changed(old, changes, (task) => fits(filter, task, me)) });
  });
  return {
    tasks: page?.tasks,
    more: Boolean(page?.next),
    busy,
    error,
    onMore: () => void (page?.next && ask(page.next, PAGE)),
    again,
    put: (task) => setPage((old) => old && { ...old, tasks: merged([task], old.tasks) }),
  };
}

/** What the stream says, once for each frame that is drawn. */
function useChanges(apply: (changes: readonly Message[]) => void): void {
  const waiting = useRef<Message[]>([]);
  const current = useRef(apply);
  current.current = apply;
  useStream("tasks", (message) => {
    waiting.current.push(message);
    if (waiting.current.length > 1) return;
    // a tab in the background draws no frames, and is to be right when it is looked at again
    const later = document.hidden ? (run: () => void) => setTimeout(run, 200) : requestAnimationFrame;
    later(() => current.current(waiting.current.splice(0)));
  });
}

function queryOf(filter: Filter, before: string, limit: number) {
  const { text, repository, mine, archived } = filter;
  const status = filter.status || undefined;
  return { text, repository, mine: mine || undefined, archived: archived || undefined, status, before, limit };
}

function changed(page: Page, changes: readonly Message[], fitting: (task: TaskLine) => boolean): readonly TaskLine[] {
  const known = new Map(page.tasks.map((one) => [one.id, one]));
  const oldest = page.next ? (page.tasks.at(-1)?.id ?? "") : "";
  for (const one of changes) {
    if (one.kind === "away") known.delete(one.id);
    if (one.kind !== "task") continue;
    if (!fitting(one.task)) known.delete(one.task.id);
    else if (known.has(one.task.id) || one.task.id > oldest) known.set(one.task.id, one.task);
  }
  return sorted(known);
}

function merged(first: readonly TaskLine[], then: readonly TaskLine[]): readonly TaskLine[] {
  return sorted(new Map([...then, ...first].map((one) => [one.id, one])));
}

/** The newest first: ids begin with the time. */
function sorted(found: ReadonlyMap<string, TaskLine>): readonly TaskLine[] {
  return [...found.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}
