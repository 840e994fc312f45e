// The pull request: its words, how it stands, and settling it.
import { useState } from "preact/hooks";
import { call, newKey, type PullRequestAnswer, type TaskAnswer } from "../../api";
import { attempt as trying, Button, confirm, Copy, Empty, State, Time } from "../../parts";
import { Away } from "../../router";
import { may, useMe } from "../../session";
import { numberOf } from "./state";
import { Markdown } from "./text/Markdown";
import { Shown } from "./text/Shown";

export function stateOf(request: PullRequestAnswer): string {
  return request.state === "open" && request.draft ? "draft" : request.state;
}

export function PullRequestState({ request }: { request: PullRequestAnswer }) {
  return (
    <span class="pull-request-state">
      <State of={stateOf(request)} /> <Away to={request.url}>#{request.number}</Away>
    </span>
  );
}

interface Props {
  task: TaskAnswer;
  request: PullRequestAnswer | null;
  attempt: string;
  /** It has evidence, so it can be offered. */
  offerable: boolean;
  again: () => void;
}

export function PullRequest({ task, request, attempt, offerable, again }: Props) {
  return (
    <div class="pull-request">
      {request ? <Words request={request} /> : <Empty title="There is no pull request">{why(task)}</Empty>}
      <Settle task={task} request={request} attempt={attempt} offerable={offerable} again={again} />
    </div>
  );
}

function why(task: TaskAnswer): string {
  if (task.status === "running" || task.status === "waiting") return "It is opened once the work is done and checked.";
  if (task.status === "answered") return "The task was a question, and has its answer.";
  return task.status === "no change" ? "Nothing was changed." : "The work has not come to an end that can be offered.";
}

function Words({ request }: { request: PullRequestAnswer }) {
  return (
    <>
      <div class="pull-request-head">
        <h2>
          <Shown text={request.title} />
        </h2>
        <div class="task-facts">
          <PullRequestState request={request} />
          <span>
            <code>
              <Shown text={request.branch} />
            </code>{" "}
            →{" "}
            <code>
              <Shown text={request.base} />
            </code>
          </span>
          <span>
            at <code>{request.commit.slice(0, 12)}</code>
            <Copy text={request.commit} label="Copy the commit's id" />
          </span>
          {request.merge_commit && (
            <span>
              merged as <code>{request.merge_commit.slice(0, 12)}</code>
            </span>
          )}
          <Time at={request.updated} />
        </div>
      </div>
      <div class="pull-request-body">
        <Markdown text={request.body} />
      </div>
    </>
  );
}

function Settle({ task, request, attempt, offerable, again }: Props) {
  const me = useMe();
  const [busy, setBusy] = useState("");
  const run = async (name: string, action: () => Promise<unknown>, done: string) => {
    setBusy(name);
    await trying(action, done);
    setBusy("");
    again();
  };
  const settle = (how: "merge" | "close") => () =>
    call("POST", `/tasks/{task}/pull-request/${how}`, { path: { task: task.id }, key: newKey() });
  const merge = async () => {
    if (
      request?.draft &&
      !(await confirm({
        title: "Merge a draft?",
        text: "It is a draft: a check failed, or a limit ended the work.",
        yes: "Merge",
        danger: true,
      }))
    )
      return;
    await run("merge", settle("merge"), "merged");
  };
  const close = async () => {
    if (await confirm({ title: "Close the pull request?", text: "It is not merged; its branch stays.", yes: "Close", danger: true }))
      await run("close", settle("close"), "closed");
  };
  const offer = () =>
    run(
      "offer",
      () => call("POST", "/tasks/{task}/choose", { path: { task: task.id }, body: { attempt: numberOf(attempt) }, key: newKey() }),
      "",
    );
  const open = request?.state === "open";
  const resting = task.status !== "running" && task.status !== "waiting";
  return (
    <div class="settle">
      {open && may(me, task.repository, "maintainer") && (
        <>
          <Button
            kind="primary"
            busy={busy === "merge"}
            disabled={busy !== "" || !resting}
            onClick={() => void merge()}
            title={resting ? undefined : "The task is still being worked on"}
          >
            Merge
          </Button>
          <Button busy={busy === "close"} disabled={busy !== ""} onClick={() => void close()}>
            Close
          </Button>
        </>
      )}
      {offerable && resting && (!request || open) && may(me, task.repository, "member") && (
        <Button
          busy={busy === "offer"}
          disabled={busy !== ""}
          onClick={() => void offer()}
          title="Push the branch and write the pull request once more"
        >
          {request ? "Update pull request" : "Create pull request"}
        </Button>
      )}
    </div>
  );
}
