// What the task is, how it stands, and what one can do with it.
import { useMemo, useState } from "preact/hooks";
import { call, newKey, type PullRequestAnswer, type TaskAnswer } from "../../api";
import {
  Area,
  attempt as trying,
  Button,
  Command,
  confirm,
  Copy,
  Dialog,
  Menu,
  type MenuItem,
  Plain,
  State,
  Time,
  toast,
} from "../../parts";
import { go, Link } from "../../router";
import { may, useMe } from "../../session";
import { download } from "./patch";
import { PullRequestState } from "./PullRequest";
import { isLive } from "./state";
import { Shown } from "./text/Shown";

interface Props {
  task: TaskAnswer;
  request: PullRequestAnswer | null | undefined;
  attempt: string;
  again: () => void;
  onFork: (step: string) => void;
}

export function Head({ task, request, attempt, again, onFork }: Props) {
  const first = task.prompt.trim().split("\n", 1)[0] ?? "";
  return (
    <header class="task-head">
      <nav class="crumb" aria-label="Where this is">
        <Link to="/">Tasks</Link> <span aria-hidden="true">/</span> <code>{task.id}</code>
      </nav>
      <div class="task-top">
        <h1>
          <Shown text={first} />
        </h1>
        <Actions task={task} attempt={attempt} again={again} onFork={onFork} />
      </div>
      <div class="task-facts">
        <State of={task.status} />
        {request && <PullRequestState request={request} />}
        <span>
          <Repository task={task} />
        </span>
        <span class="task-branch">
          <code>
            <Shown text={task.branch} />
          </code>
          <Copy text={task.branch} label="Copy the branch's name" />
        </span>
        <span>
          <Plain text={task.model} />
        </span>
        {(task.submitted_by || task.by) && (
          <span>
            by <Shown text={task.submitted_by || task.by} />
          </span>
        )}
        <Time at={task.created} />
      </div>
      <Standing task={task} />
    </header>
  );
}

function Repository({ task }: { task: TaskAnswer }) {
  const name = task.location.replace(/\/+$/, "").split("/").slice(-2).join("/");
  return (
    <bdi title={task.location}>
      <Plain text={name} />
      {task.base.branch && <Plain text={` @ ${task.base.branch}`} />}
    </bdi>
  );
}

/** Why it waits, and what was wrong: said where it is seen at once. */
function Standing({ task }: { task: TaskAnswer }) {
  const { turn } = task;
  return (
    <>
      {turn?.wish && turn.state === "running" && <p class="note">{turn.wish === "pause" ? "It pauses" : "It ends"} at its next move.</p>}
      {task.status === "waiting" && task.waits_for && (
        <p class="note">
          It waits for <Shown text={task.waits_for} /> {task.waits_until && <Time at={task.waits_until} />}
        </p>
      )}
      {turn?.state === "failed" && (
        <div class="trouble" role="alert">
          <strong>
            <Shown text={turn.detail} />
          </strong>
          {turn.mend && (
            <p>
              <Shown text={turn.mend} />
            </p>
          )}
        </div>
      )}
    </>
  );
}

type Verb = "cancel" | "pause" | "resume" | "retry" | "archive" | "unarchive";

async function doTo(task: string, verb: Verb): Promise<void> {
  await call("POST", `/tasks/{task}/${verb}`, { path: { task }, key: newKey() });
}

function Actions({
  task,
  attempt,
  again,
  onFork,
}: {
  task: TaskAnswer;
  attempt: string;
  again: () => void;
  onFork: (step: string) => void;
}) {
  const me = useMe();
  const [applying, setApplying] = useState(false);
  const [busy, setBusy] = useState("");
  const member = may(me, task.repository, "member") && task.kind === "task";
  const run = async (verb: Verb, done = "") => {
    setBusy(verb);
    await trying(() => doTo(task.id, verb), done);
    setBusy("");
    again();
  };
  const live = isLive(task);
  const stop = async () => {
    if (
      await confirm({
        title: "Stop this task?",
        text: "What was done stays; a retry or a message takes it up again.",
        yes: "Stop",
        danger: true,
      })
    )
      await run("cancel");
  };
  const items: MenuItem[] = [
    { label: "Download patch", run: () => void trying(() => download(attempt, task.id)) },
    { label: "Apply locally…", run: () => setApplying(true) },
  ];
  if (member) {
    items.push({ label: "Fork…", run: () => onFork("") });
    if (!live)
      items.push(
        task.archived
          ? { label: "Bring back to the lists", run: () => void run("unarchive") }
          : { label: "Archive", run: () => void run("archive", "archived") },
      );
  }
  const button = (verb: Verb, text: string, action?: () => void) => (
    <Button
      key={verb}
      onClick={action ?? (() => void run(verb))}
      busy={busy === verb}
      disabled={busy !== ""}
      kind={verb === "resume" || verb === "retry" ? "primary" : "plain"}
    >
      {text}
    </Button>
  );
  return (
    <div class="task-actions">
      {member && task.status === "running" && button("pause", "Pause")}
      {member && (live || task.status === "paused") && button("cancel", "Stop", () => void stop())}
      {member && task.status === "waiting" && task.turn?.begin_at && button("resume", "Begin now")}
      {member && (task.status === "paused" || task.turn?.state === "failed") && button("resume", "Resume")}
      {member && task.turn?.state === "cancelled" && button("retry", "Retry")}
      <Menu label="More actions" items={items}>
        More ▾
      </Menu>
      {applying && <Apply task={task} onClose={() => setApplying(false)} />}
    </div>
  );
}

function Apply({ task, onClose }: { task: TaskAnswer; onClose: () => void }) {
  return (
    <Dialog title="Apply locally" onClose={onClose}>
      <p>In a clone of the repository, this puts the change into your working tree, without a commit:</p>
      <Command text={`midwatch apply ${task.id} --server ${location.origin}`} />
      <p>Without Midwatch, with the patch that was downloaded:</p>
      <Command text={`git apply ${task.id}.patch`} />
    </Dialog>
  );
}

/** A new task that begins with what this one had done up to a step. */
export function Fork({ task, attempt, step, onClose }: { task: string; attempt: number; step: string; onClose: () => void }) {
  const [text, setText] = useState("");
  const key = useMemo(newKey, [text]);
  const [busy, setBusy] = useState(false);
  const fork = async () => {
    setBusy(true);
    const done = await trying(async () => {
      const made = await call("POST", "/tasks/{task}/fork", { path: { task }, body: { step, message: text.trim(), attempt }, key });
      toast("forked: this is the new task");
      onClose();
      go(`/tasks/${made.id}`);
    });
    if (!done) setBusy(false);
  };
  const foot = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="primary" busy={busy} onClick={() => void fork()}>
        Fork
      </Button>
    </>
  );
  return (
    <Dialog
      title={step ? `Fork from ${step.startsWith("cmd:") ? `command ${step.slice(4)}` : `event ${step}`}` : "Fork"}
      onClose={onClose}
      foot={foot}
    >
      <p>
        A new task with a pull request of its own begins with the files and the conversation as they were then. This one stays as it is.
      </p>
      <Area label="What should it do from there?" value={text} onInput={setText} rows={4} placeholder="Leave it empty to have it go on" />
    </Dialog>
  );
}
