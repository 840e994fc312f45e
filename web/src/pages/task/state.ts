// A task as the page has it: what the API says of it, asked for anew when the stream tells of a change.
import { useCallback, useEffect, useRef } from "preact/hooks";
import { type AttemptAnswer, call, type EvidenceAnswer, Problem, type PullRequestAnswer, type TaskAnswer } from "../../api";
import { type Loaded, useLoad } from "../../load";
import { useStream } from "../../stream";

export interface TaskState {
  task: Loaded<TaskAnswer>;
  request: Loaded<PullRequestAnswer | null>;
  /** Ask for all of it once more: something has been done. */
  again: () => void;
}

const PAUSE = 150;

export function useTask(id: string): TaskState {
  const task = useLoad((signal) => call("GET", "/tasks/{task}", { path: { task: id }, signal }), [id]);
  const number = task.value?.pull_request;
  const request = useLoad((signal) => (number ? requestOf(id, signal) : Promise.resolve(null)), [id, number]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const again = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      task.again();
      request.again();
    }, PAUSE);
  }, [task.again, request.again]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useStream("tasks", (message) => {
    if ((message.kind === "task" && message.task.id === id) || (message.kind === "away" && message.id === id) || message.kind === "reset")
      again();
  });
  const waits = number !== null && !request.value; // there is one, and it is being asked for
  return { task, request: waits ? { ...request, value: undefined } : request, again };
}

async function requestOf(task: string, signal: AbortSignal): Promise<PullRequestAnswer | null> {
  try {
    return await call("GET", "/tasks/{task}/pull-request", { path: { task }, signal });
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** What each attempt has come to, with its evidence. `about`: changes when they are to be asked for anew. */
export function useAttempts(ids: readonly string[], about: string): Loaded<{ attempt: AttemptAnswer; evidence: EvidenceAnswer }[]> {
  return useLoad(
    (signal) =>
      Promise.all(
        ids.map(async (attempt) => {
          const [found, evidence] = await Promise.all([
            call("GET", "/attempts/{attempt}", { path: { attempt }, signal }),
            call("GET", "/attempts/{attempt}/evidence", { path: { attempt }, signal }),
          ]);
          return { attempt: found, evidence };
        }),
      ),
    [ids.join(), about],
  );
}

/** Working now, or waiting to. */
export function isLive(task: TaskAnswer): boolean {
  return task.status === "running" || task.status === "waiting";
}

export function numberOf(attempt: string): number {
  return Number(attempt.slice(attempt.lastIndexOf(".") + 1));
}
