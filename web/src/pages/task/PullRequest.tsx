// The pull request: its words, how it stands, and settling it.
import { useState } from "preact/hooks";
import { call, newKey, type PullRequestAnswer, type TaskAnswer } from "../../api";
import { attempt as trying, Button, confirm, Copy, Empty, State, Time } from "../../parts";
import { Away } from "../../router";
import { may, useMe } from "../../session";
import { isLive, numberOf } from "./state";
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
  /** What the attempt would offer; empty where it has no evidence. */
  commit: string;
  again: () => void;
}

export function PullRequest({ task, request, attempt, commit, again }: Props) {
  return (
    <div class="pull-request">
      {request ? <Words request={request} /> : <Empty title="There is no pull request">{why(task)}</Empty>}
      <Settle task={task} request={request} attempt={attempt} commit={commit} again={again} />
    </div>
  );
}

function why(task: TaskAnswer): string {
  if (isLive(task)) return "It is opened once the work is done and checked.";
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

type Deed = "merge" | "close" | "offer";

const DRAFT = { title: "Merge a draft?", text: "It is a draft: a check failed, or a limit ended the work.", yes: "Merge", danger: true };
const CLOSING = { title: "Close the pull request?", text: "It is not merged; its branch stays.", yes: "Close", danger: true };
const DONE = { merge: "merged", close: "closed", offer: "" };

function doIt(deed: Deed, task: string, attempt: string): Promise<unknown> {
  const path = { task };
  if (deed !== "offer") return call("POST", `/tasks/{task}/pull-request/${deed}`, { path, key: newKey() });
  return call("POST", "/tasks/{task}/choose", { path, body: { attempt: numberOf(attempt) }, key: newKey() });
}

function Settle({ task, request, attempt, commit, again }: Props) {
  const me = useMe();
  const [busy, setBusy] = useState<Deed | "">("");
  const run = async (deed: Deed) => {
    if (deed === "merge" && request?.draft && !(await confirm(DRAFT))) return;
    if (deed === "close" && !(await confirm(CLOSING))) return;
    setBusy(deed);
    await trying(() => doIt(deed, task.id, attempt), DONE[deed]);
    setBusy("");
    again();
  };
  const open = request?.state === "open";
  const resting = !isLive(task);
  const behind = commit !== "" && resting && (!request || (open && request.commit !== commit));
  const waits = resting ? undefined : "The task is still being worked on";
  const button = (deed: Deed, text: string, primary = false) => (
    <Button
      kind={primary ? "primary" : "plain"}
      busy={busy === deed}
      disabled={busy !== "" || (deed === "merge" && !resting)}
      onClick={() => void run(deed)}
      title={deed === "merge" ? waits : undefined}
    >
      {text}
    </Button>
  );
  return (
    <div class="settle">
      {open && may(me, task.repository, "maintainer") && (
        <>
          {button("merge", "Merge", true)}
          {button("close", "Close")}
        </>
      )}
      {behind && may(me, task.repository, "member") && button("offer", request ? "Update pull request" : "Create pull request")}
    </div>
  );
}
