import { call, newKey, type TaskLine } from "../../api";
import { asProblem, useDoing } from "../../load";
import { Button, confirm, toast } from "../../parts";

interface Props {
  selected: readonly TaskLine[];
  archived: boolean;
  onDone: () => void;
}

const AT_ONCE = 4;
const OPEN = ["waiting", "running", "paused"];
const FAILED = ["failed", "cancelled", "interrupted", "paused"];

/** What can be done with the tasks that are selected. */
export function Bulk({ selected, archived, onDone }: Props) {
  const doing = useDoing();
  const open = selected.filter((one) => OPEN.includes(one.status));
  const ended = selected.filter((one) => !OPEN.includes(one.status));
  const failed = selected.filter((one) => FAILED.includes(one.status));
  const all = (tasks: readonly TaskLine[], said: string, one: (task: TaskLine) => Promise<unknown>) => () =>
    void doing.run(async () => {
      await each(tasks, said, one);
      onDone();
    });
  const cancel = async () => {
    const text = "What they have done so far stays, and a retry takes them up again.";
    if (!(await confirm({ title: `Cancel ${tasks(open.length)}?`, text, yes: "Cancel them", danger: true }))) return;
    all(open, "cancelled", (task) => call("POST", "/tasks/{task}/cancel", { path: { task: task.id }, key: newKey() }))();
  };
  return (
    <div class="row bulk" role="toolbar" aria-label="Selected tasks">
      <span>{tasks(selected.length)} selected</span>
      {archived ? (
        <Button busy={doing.busy} onClick={all(selected, "brought back", (task) => of("unarchive", task))}>
          Bring back
        </Button>
      ) : (
        <>
          <Button busy={doing.busy} disabled={!ended.length} onClick={all(ended, "archived", (task) => of("archive", task))}>
            Archive
          </Button>
          <Button
            busy={doing.busy}
            disabled={!failed.length}
            onClick={all(failed, "tried again", (task) => (task.status === "paused" ? of("resume", task) : of("retry", task)))}
          >
            Retry
          </Button>
          <Button kind="danger" busy={doing.busy} disabled={!open.length} onClick={() => void cancel()}>
            Cancel
          </Button>
        </>
      )}
      <Button kind="quiet" onClick={onDone}>
        Select none
      </Button>
    </div>
  );
}

function of(action: "archive" | "unarchive" | "retry" | "resume", task: TaskLine): Promise<unknown> {
  return call("POST", `/tasks/{task}/${action}`, { path: { task: task.id }, key: newKey() });
}

/** Some at a time; says how many it was done for, and why not for the others. */
async function each(found: readonly TaskLine[], said: string, action: (task: TaskLine) => Promise<unknown>): Promise<void> {
  const left = [...found];
  const wrong: string[] = [];
  const work = async () => {
    for (let task = left.shift(); task; task = left.shift()) {
      await action(task).catch((error: unknown) => wrong.push(asProblem(error).message));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (wrong.length < found.length) toast(`${tasks(found.length - wrong.length)} ${said}`);
  if (wrong.length) toast(`${tasks(wrong.length)} not: ${wrong[0] ?? ""}`, true);
}

function tasks(number: number): string {
  return number === 1 ? "1 task" : `${number} tasks`;
}
