import { memo } from "preact/compat";
import type { TaskLine } from "../../api";
import { Badge, Check, DiffStat, Money, Plain, plain, State, Time } from "../../parts";
import { Away, Link } from "../../router";

interface Props {
  task: TaskLine;
  repository: string;
  selected: boolean;
  onSelect: (id: string, selected: boolean) => void;
}

/** A task in a list. Drawn again only when something of it has changed. */
export const Row = memo(({ task, repository, selected, onSelect }: Props) => (
  <li class={`task-row ${selected ? "selected" : ""}`} data-task={task.id}>
    <Check label={`Select: ${plain(firstLine(task.prompt))}`} bare checked={selected} onChange={(to) => onSelect(task.id, to)} />
    <div class="task-words">
      <Link to={`/tasks/${task.id}`} class="task-title">
        <Plain text={firstLine(task.prompt)} />
      </Link>
      <div class="task-about">
        <span>
          <Plain text={repository || task.location} />
        </span>
        {task.mode === "read-only" && <Badge>Ask</Badge>}
        {task.kind !== "task" && <Badge>{task.kind}</Badge>}
        {task.tries > 1 && <Badge>{task.tries} attempts</Badge>}
        {task.by && (
          <span title="Who asked for it last">
            <Plain text={task.by} />
          </span>
        )}
        <Time at={task.created} />
        {task.waits_for && (
          <span class="task-waits">
            waits for <Plain text={task.waits_for} />
          </span>
        )}
      </div>
    </div>
    <Numbers task={task} />
    <State of={task.status} />
  </li>
));

function Numbers({ task }: { task: TaskLine }) {
  const sum = task.sum;
  const state = sum?.pull_request_state;
  return (
    <>
      <span class="task-diff">{sum && sum.files > 0 && <DiffStat added={sum.added} removed={sum.removed} />}</span>
      <span class="task-cost">{sum && sum.tokens > 0 && <Money microusd={sum.cost_microusd} />}</span>
      <span class="task-request">
        {sum && state && (
          <Away to={sum.pull_request_url}>
            <State of={state} title={`pull request ${sum.pull_request ?? ""}: checks ${sum.verdict}`} />
          </Away>
        )}
      </span>
    </>
  );
}

function firstLine(prompt: string): string {
  return prompt.trim().split("\n", 1)[0]?.slice(0, 300) || "(no words)";
}
