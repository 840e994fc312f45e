import { useCallback, useMemo, useState } from "preact/hooks";
import { call, type ChoicesAnswer, newKey, type RepositoryAnswer, type TaskLine } from "../../api";
import { useKeys } from "../../keys";
import { useDoing, useLoad } from "../../load";
import { Button, Empty, More, Plain, Skeleton, toast, Trouble } from "../../parts";
import { go, setQuery, usePlace } from "../../router";
import { useMe } from "../../session";
import { allRepositories } from "../admin/lists";
import { Bulk } from "./Bulk";
import { Composer } from "./Composer";
import { type Filter, filterOf, isNarrow } from "./filter";
import { Filters } from "./Filters";
import { useTaskList } from "./list";
import { Row } from "./Row";
import "./tasks.css";

export default function Tasks() {
  const me = useMe();
  const { query } = usePlace();
  const filter = filterOf(query);
  const list = useTaskList(filter, me.name);
  const repositories = useLoad(allRepositories, []);
  const choices = useLoad((signal) => call("GET", "/choices", { signal }), []);
  const known = repositories.value ?? [];
  const mine = known.filter((one) => me.admin || one.role !== "viewer");
  const made = (task: TaskLine) => {
    list.put(task);
    toast("The task is queued");
  };
  return (
    <>
      <h1 class="unseen">Tasks</h1>
      {repositories.value && !mine.length ? (
        <NoRepository some={known.length > 0} />
      ) : (
        <Composer repositories={mine} choices={choices.value} onMade={made} />
      )}
      <Filters filter={filter} repositories={known} />
      {list.error && <Trouble problem={list.error} onAgain={list.again} />}
      {list.tasks ? (
        <List tasks={list.tasks} filter={filter} repositories={known} choices={choices.value} />
      ) : (
        !list.error && <Skeleton lines={8} />
      )}
      <More more={list.more} busy={list.busy} onMore={list.onMore} />
    </>
  );
}

interface ListProps {
  tasks: readonly TaskLine[];
  filter: Filter;
  repositories: readonly RepositoryAnswer[];
  choices: ChoicesAnswer | undefined;
}

function List({ tasks, filter, repositories, choices }: ListProps) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const names = useMemo(() => new Map(repositories.map((one) => [one.id, one.name])), [repositories]);
  const select = useCallback((id: string, on: boolean) => setSelected((before) => withOne(before, id, on)), []);
  useRowKeys(select, selected);
  if (!tasks.length) return isNarrow(filter) ? <None filter={filter} /> : <First choices={choices} />;
  const found = tasks.filter((one) => selected.has(one.id));
  return (
    <>
      {found.length > 0 && <Bulk selected={found} archived={filter.archived} onDone={() => setSelected(new Set())} />}
      <ul class="task-list" aria-label="Tasks">
        {tasks.map((one) => (
          <Row
            key={one.id}
            task={one}
            repository={names.get(one.repository) ?? ""}
            selected={selected.has(one.id)}
            onSelect={select}
          />
        ))}
      </ul>
    </>
  );
}

function withOne(before: ReadonlySet<string>, id: string, on: boolean): ReadonlySet<string> {
  const next = new Set(before);
  if (on) next.add(id);
  else next.delete(id);
  return next;
}

/** j and k go from task to task, x selects the one that has the focus. */
function useRowKeys(select: (id: string, on: boolean) => void, selected: ReadonlySet<string>): void {
  const rows = () => [...document.querySelectorAll<HTMLElement>(".task-row")];
  const current = () => document.activeElement?.closest<HTMLElement>(".task-row") ?? undefined;
  const step = (by: number) => {
    const all = rows();
    const now = current();
    const to = now ? all.indexOf(now) + by : by > 0 ? 0 : all.length - 1;
    all[Math.min(all.length - 1, Math.max(0, to))]?.querySelector<HTMLElement>(".task-title")?.focus();
  };
  const toggle = () => {
    const id = current()?.dataset["task"];
    if (id) select(id, !selected.has(id));
  };
  useKeys([
    { key: "j", about: "Next task", run: () => step(1) },
    { key: "k", about: "Previous task", run: () => step(-1) },
    { key: "x", about: "Select the task", run: toggle },
  ]);
}

/** The filter takes none. */
function None({ filter }: { filter: Filter }) {
  const [title, narrow] = filter.archived
    ? ["No task is archived", isNarrow({ ...filter, archived: false })]
    : ["No task is like that", true];
  const all = { text: "", status: "", repository: "", mine: "" };
  if (!narrow) return <Empty title={title} />;
  return (
    <Empty title={title} action={<Button onClick={() => setQuery(all)}>Show all</Button>}>
      None that the search and the choices above let through.
    </Empty>
  );
}

/** While none is listed: the first one can be had with a click, when none is archived either. */
function First({ choices }: { choices: ChoicesAnswer | undefined }) {
  const doing = useDoing();
  const archived = useLoad((signal) => call("GET", "/tasks", { query: { archived: true, limit: 1 }, signal }), []);
  const example = choices?.example;
  if (!archived.value && !archived.error) return <Skeleton lines={3} />;
  if (archived.value?.tasks.length) {
    const show = <Button onClick={() => setQuery({ archived: "1" })}>Show the archived ones</Button>;
    return (
      <Empty title="All tasks are archived" action={show}>
        Write a new one above.
      </Empty>
    );
  }
  if (!example) return <Empty title="No tasks yet">Write one above.</Empty>;
  const start = () =>
    doing.run(async () => {
      const { repository, prompt, model } = example;
      const task = await call("POST", "/tasks", { body: { repository, prompt, model }, key: newKey() });
      go(`/tasks/${task.id}`);
    });
  const action = (
    <>
      {doing.error && <Trouble problem={doing.error} />}
      <Button kind="primary" busy={doing.busy} onClick={() => void start()}>
        Start “<Plain text={example.prompt} />”
      </Button>
    </>
  );
  return (
    <Empty title="No tasks yet" action={action}>
      Try one on the example repository, a small package with a bug in it. It needs no key: the model that comes with
      Midwatch works offline, and in a moment there is a pull request to look at.
    </Empty>
  );
}

function NoRepository({ some }: { some: boolean }) {
  const me = useMe();
  if (some) return <p class="faint">You may look at these tasks. A member of a repository writes them.</p>;
  return (
    <Empty title="There is no repository yet">
      {me.admin ? "Register one under Repositories, then write the first task." : "An administrator gives you a role on one."}
    </Empty>
  );
}
