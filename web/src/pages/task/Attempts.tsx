// Attempts beside each other: what each has come to, and the diffs of two at once.
import { useState } from "preact/hooks";
import { type AttemptAnswer, call, type EvidenceAnswer, newKey, type TaskAnswer } from "../../api";
import type { Loaded } from "../../load";
import {
  attempt as trying,
  Button,
  type Column,
  count,
  DiffStat,
  Duration,
  Money,
  Select,
  Shown as Showing,
  State,
  Table,
} from "../../parts";
import { may, useMe } from "../../session";
import { Diff } from "./diff/Diff";
import { useDiff } from "./Changes";
import { isLive, numberOf } from "./state";
import { Shown } from "./text/Shown";

interface Row {
  attempt: AttemptAnswer;
  evidence: EvidenceAnswer;
}

interface Props {
  task: TaskAnswer;
  rows: Loaded<Row[]>;
  /** The commit that the pull request stands at. */
  offered: string;
  onView: (attempt: string, tab: string) => void;
  again: () => void;
}

export function Attempts({ task, rows, offered, onView, again }: Props) {
  return (
    <Showing of={rows} lines={4}>
      {(found) => (
        <>
          <Comparison task={task} rows={found} offered={offered} onView={onView} again={again} />
          {found.length > 1 && <Beside rows={found} />}
        </>
      )}
    </Showing>
  );
}

/** Two attempts may have come to the very same commit: one of them is offered. */
function isOffered(row: Row, offered: string): boolean {
  return offered !== "" && row.evidence.commit === offered && !["not chosen", "cancelled"].includes(row.attempt.status);
}

function sums(evidence: EvidenceAnswer): [number, number] {
  return evidence.changes.reduce<[number, number]>((sum, one) => [sum[0] + (one.added ?? 0), sum[1] + (one.removed ?? 0)], [0, 0]);
}

function Comparison({ task, rows, offered, onView, again }: Omit<Props, "rows"> & { rows: readonly Row[] }) {
  const me = useMe();
  const [busy, setBusy] = useState("");
  const choosable = may(me, task.repository, "member") && task.kind === "task" && !isLive(task);
  const choose = async (attempt: string) => {
    setBusy(attempt);
    const body = { attempt: numberOf(attempt) };
    await trying(
      () => call("POST", "/tasks/{task}/choose", { path: { task: task.id }, body, key: newKey() }),
      "chosen: the pull request is brought up to date",
    );
    setBusy("");
    again();
  };
  const columns: Column<Row>[] = [
    { name: "attempt", title: "Attempt", cell: (row) => <Name row={row} offered={offered} /> },
    { name: "state", title: "State", cell: (row) => <State of={row.attempt.status} title={row.attempt.detail} /> },
    { name: "checks", title: "Checks", by: passed, cell: (row) => <Verdict row={row} /> },
    { name: "size", title: "Change", by: (row) => sums(row.evidence)[0] + sums(row.evidence)[1], cell: (row) => <Size row={row} /> },
    { name: "turns", title: "Calls", number: true, wide: true, by: (row) => row.attempt.turns, cell: (row) => count(row.attempt.turns) },
    {
      name: "cost",
      title: "Cost",
      number: true,
      by: (row) => row.attempt.cost_microusd ?? 0,
      cell: (row) => <Money microusd={row.attempt.cost_microusd} />,
    },
    {
      name: "time",
      title: "Time",
      number: true,
      wide: true,
      by: (row) => row.attempt.seconds,
      cell: (row) => <Duration seconds={row.attempt.seconds} />,
    },
    {
      name: "actions",
      title: "",
      cell: (row) => (
        <span class="row">
          <Button kind="quiet" onClick={() => onView(row.attempt.id, "")}>
            Conversation
          </Button>
          <Button kind="quiet" onClick={() => onView(row.attempt.id, "changes")}>
            Changes
          </Button>
          {choosable && row.evidence.commit && !isOffered(row, offered) && (
            <Button busy={busy === row.attempt.id} disabled={busy !== ""} onClick={() => void choose(row.attempt.id)}>
              Choose
            </Button>
          )}
        </span>
      ),
    },
  ];
  return <Table label="Attempts" columns={columns} rows={rows} id={(row) => row.attempt.id} />;
}

function Name({ row, offered }: { row: Row; offered: string }) {
  return (
    <>
      {numberOf(row.attempt.id)} {isOffered(row, offered) && <strong>offered</strong>}
    </>
  );
}

function passed(row: Row): number {
  return row.evidence.checks.filter((check) => check.passed).length;
}

function Verdict({ row }: { row: Row }) {
  const all = row.evidence.checks.length;
  return (
    <>
      <State of={row.evidence.verdict} /> {all > 0 && `${passed(row)} of ${all}`}
    </>
  );
}

function Size({ row }: { row: Row }) {
  const [added, removed] = sums(row.evidence);
  const files = row.evidence.changes.length;
  return (
    <>
      {files} {files === 1 ? "file" : "files"} <DiffStat added={added} removed={removed} />
    </>
  );
}

function Beside({ rows }: { rows: readonly Row[] }) {
  const [left, setLeft] = useState(rows[0]?.attempt.id ?? "");
  const [right, setRight] = useState(rows[1]?.attempt.id ?? "");
  const options = rows.map((row) => ({ value: row.attempt.id, label: `Attempt ${numberOf(row.attempt.id)}` }));
  return (
    <div class="beside">
      <section aria-label="Left">
        <Select label="Left" value={left} options={options} onChange={setLeft} />
        <Words row={rows.find((row) => row.attempt.id === left)} />
        <One attempt={left} />
      </section>
      <section aria-label="Right">
        <Select label="Right" value={right} options={options} onChange={setRight} />
        <Words row={rows.find((row) => row.attempt.id === right)} />
        <One attempt={right} />
      </section>
    </div>
  );
}

function Words({ row }: { row: Row | undefined }) {
  return (
    <p class="last-words">
      <Shown text={row?.attempt.text.trim().split("\n", 1)[0] || "without a word"} />
    </p>
  );
}

function One({ attempt }: { attempt: string }) {
  const diff = useDiff(attempt, 0, 0, "");
  return (
    <Showing of={diff} lines={6}>
      {(files) =>
        files.length ? (
          <Diff files={files} remarks={undefined} label={`Changes of attempt ${numberOf(attempt)}`} small />
        ) : (
          <p class="hint">Nothing was changed.</p>
        )
      }
    </Showing>
  );
}
