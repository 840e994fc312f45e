// One task: what was asked, what happens, what has come of it, and what is said to it further.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { call, type TaskAnswer } from "../../api";
import { useKeys } from "../../keys";
import { useLoad } from "../../load";
import { Empty, plain, Select, Shown as Showing, Tabs } from "../../parts";
import { goWithin, Link, setQuery, usePlace } from "../../router";
import { may, useMe } from "../../session";
import { Attempts } from "./Attempts";
import { Changes } from "./Changes";
import { useRemarks } from "./diff/remarks";
import { Evidence } from "./Evidence";
import { Facts } from "./Facts";
import { type Feed, useAttempt } from "./feed";
import { FollowUp } from "./FollowUp";
import { Fork, Head } from "./Head";
import { Known } from "./known";
import { Log } from "./log/Log";
import { PullRequest, stateOf } from "./PullRequest";
import { isLive, numberOf, type TaskState, useAttempts, useTask } from "./state";
import { Steps } from "./steps/Steps";
import "./diff/diff.css";
import "./log/log.css";
import "./task.css";
import { type LogPlace, ofHash } from "./text/citations";
import { Markdown } from "./text/Markdown";

export default function TaskPage({ params }: { params: Readonly<Record<string, string>> }) {
  const id = params["task"] ?? "";
  return <OneTask key={id} id={id} />;
}

function OneTask({ id }: { id: string }) {
  const state = useTask(id);
  const title = state.task.value?.prompt.trim().split("\n", 1)[0];
  useEffect(() => {
    if (title) document.title = `${plain(title).slice(0, 80)} · Midwatch`;
  }, [title]);
  if (!state.task.value && [404, 422].includes(state.task.error?.status ?? 0)) {
    return (
      <>
        <h1 class="unseen">Task</h1>
        <Empty title="There is no such task" action={<Link to="/">To the tasks</Link>}>
          Its id is wrong, or it is gone, or you may not see it.
        </Empty>
      </>
    );
  }
  return (
    <Showing of={state.task} lines={10}>
      {(task) => <Inside task={task} state={state} />}
    </Showing>
  );
}

const TELLING = new Set(["checked", "proposed", "stopped", "failed", "limit_reached", "reviewed", "end", "task_started"]);

function useChosen(task: TaskAnswer): [string, (attempt: string, tab?: string) => void] {
  const { query } = usePlace();
  const asked = `${task.id}.${query.get("attempt") ?? ""}`;
  const several = task.attempts.length > 1;
  const offered = useLoad(
    (signal) => (several ? call("GET", "/tasks/{task}/evidence", { path: { task: task.id }, signal }) : Promise.resolve(undefined)),
    [task.id, several, task.status],
  );
  const known = task.attempts.some((one) => one.id === asked);
  const first = task.attempts[0]?.id ?? `${task.id}.1`;
  const chosen = known ? asked : (offered.value?.attempt ?? first);
  const choose = (attempt: string, tab?: string) => setQuery({ attempt: String(numberOf(attempt)), ...(tab === undefined ? {} : { tab }) });
  return [chosen, choose];
}

function useKnown(feed: Feed): (place: LogPlace) => boolean {
  const { commands, setups, hooks, checked } = feed.folded;
  return useCallback(
    (place: LogPlace) => {
      if (place.of === "cmd") return commands.has(place.number);
      if (place.of === "check") return Boolean(checked?.evidence.checks[place.number - 1]?.digest);
      return place.of === "setup" ? setups.has(place.number) : hooks.has(place.number);
    },
    [commands, setups, hooks, checked],
  );
}

const TABS = ["", "changes", "evidence", "attempts", "request"] as const;
type TabName = (typeof TABS)[number];
const ABOUT: Record<TabName, string> = {
  "": "The conversation",
  changes: "What was changed",
  evidence: "The evidence",
  attempts: "The attempts",
  request: "The pull request",
};

function Inside({ task, state }: { task: TaskAnswer; state: TaskState }) {
  const me = useMe();
  const place = usePlace();
  const [attempt, choose] = useChosen(task);
  const feed = useAttempt(attempt, (kinds) => kinds.some((kind) => TELLING.has(kind)) && state.again());
  const remarks = useRemarks(`${me.id}.${task.id}`);
  const known = useKnown(feed);
  const [forking, setForking] = useState<string | undefined>();
  const member = may(me, task.repository, "member") && task.kind === "task";
  const onFork = useMemo(() => (member ? setForking : undefined), [member]);
  const log = ofHash(place.hash);
  const closeLog = () => goWithin({ ...place, hash: "" });
  const tab = TABS.find((one) => one === place.query.get("tab")) ?? "";
  return (
    <Known.Provider value={known}>
      <div class={`task ${log ? "with-log" : ""}`}>
        <Head task={task} request={state.request.value} attempt={attempt} again={state.again} onFork={setForking} />
        <Body task={task} state={state} attempt={attempt} choose={choose} feed={feed} tab={tab} remarks={remarks} onFork={onFork} />
        <FollowUp task={task} remarks={remarks} again={state.again} />
        {log && (
          <Log
            key={`${attempt}.${log.of}.${log.number}`}
            attempt={attempt}
            place={log}
            digest={feed.folded.setups.get(log.number) ?? ""}
            onClose={closeLog}
          />
        )}
        {forking !== undefined && <Fork task={task.id} attempt={numberOf(attempt)} step={forking} onClose={() => setForking(undefined)} />}
      </div>
    </Known.Provider>
  );
}

interface BodyProps {
  task: TaskAnswer;
  state: TaskState;
  attempt: string;
  choose: (attempt: string, tab?: string) => void;
  feed: Feed;
  tab: TabName;
  remarks: ReturnType<typeof useRemarks>;
  onFork: ((step: string) => void) | undefined;
}

function Body({ task, state, attempt, choose, feed, tab, remarks, onFork }: BodyProps) {
  const request = state.request.value;
  const about = `${task.status} ${task.updated} ${feed.folded.checked?.commit ?? ""}`;
  const evidence = useLoad((signal) => call("GET", "/attempts/{attempt}/evidence", { path: { attempt }, signal }), [attempt, about]);
  const toTab = (to: TabName) => setQuery({ tab: to });
  const changes = evidence.value?.changes.length ?? 0;
  const tabs = [
    { name: "" as const, title: "Conversation" },
    { name: "changes" as const, title: `Changes${changes ? ` ${changes}` : ""}` },
    {
      name: "evidence" as const,
      title: `Evidence${evidence.value && evidence.value.verdict !== "none" ? `: ${evidence.value.verdict}` : ""}`,
    },
    ...(task.attempts.length > 1 ? [{ name: "attempts" as const, title: `Attempts ${task.attempts.length}` }] : []),
    { name: "request" as const, title: `Pull request${request ? `: ${stateOf(request)}` : ""}` },
  ];
  const shown = tabs.some((one) => one.name === tab) ? tab : "";
  useKeys(tabs.map(({ name }, at) => ({ key: String(at + 1), about: ABOUT[name], run: () => toTab(name) })));
  return (
    <div class="task-body">
      {task.attempts.length > 1 && tab !== "attempts" && (
        <Select
          label="Attempt"
          bare
          class="attempt-choice"
          value={attempt}
          onChange={(to) => choose(to)}
          options={task.attempts.map((one) => ({ value: one.id, label: `Attempt ${numberOf(one.id)} of ${task.attempts.length}` }))}
        />
      )}
      <Tabs label="Parts of the task" tabs={tabs} chosen={shown} onChoose={toTab}>
        {shown === "" && <Talk task={task} attempt={attempt} feed={feed} onFork={isLive(task) ? undefined : onFork} />}
        {shown === "changes" && (
          <Changes key={attempt} ready={feed.ready} attempt={attempt} folded={feed.folded} remarks={onFork && remarks} />
        )}
        {shown === "evidence" && <Evidence task={task.id} evidence={evidence} />}
        {shown === "attempts" && (
          <AttemptsTab task={task} about={about} offered={request?.commit ?? ""} onView={choose} again={state.again} />
        )}
        {shown === "request" && (
          <Showing of={state.request} lines={8}>
            {(found) => (
              <PullRequest task={task} request={found} attempt={attempt} commit={evidence.value?.commit ?? ""} again={state.again} />
            )}
          </Showing>
        )}
      </Tabs>
    </div>
  );
}

function Talk({ task, attempt, feed, onFork }: Pick<BodyProps, "task" | "attempt" | "feed" | "onFork">) {
  return (
    <div class="talk">
      <div>
        {feed.ready && !feed.folded.entries.length && (
          <div class="bubble">
            <Markdown text={task.prompt} />
          </div>
        )}
        <Steps attempt={attempt} by={task.submitted_by ?? ""} feed={feed} live={task.status === "running"} onFork={onFork} />
      </div>
      <Facts task={task} folded={feed.folded} />
    </div>
  );
}

function AttemptsTab({
  task,
  about,
  offered,
  onView,
  again,
}: {
  task: TaskAnswer;
  about: string;
  offered: string;
  onView: (attempt: string, tab: string) => void;
  again: () => void;
}) {
  const rows = useAttempts(
    task.attempts.map((one) => one.id),
    about,
  );
  return <Attempts task={task} rows={rows} offered={offered} onView={onView} again={again} />;
}
