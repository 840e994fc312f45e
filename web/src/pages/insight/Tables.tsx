import type { CauseAnswer, DayAnswer, GroupAnswer, Insight, LapseAnswer } from "../../api";
import { type Column, count, duration, money, Plain, Table } from "../../parts";
import { Link } from "../../router";

/** A part of a whole; a dash for nothing divided by nothing. */
export function share(rate: number | null): string {
  return rate === null ? "–" : `${(rate * 100).toFixed(1)} %`;
}

export function known(microusd: number | null): string {
  return microusd === null ? "–" : money(microusd);
}

export function lapse(seconds: number | null): string {
  return seconds === null ? "–" : duration(seconds);
}

export function GroupsTable({ figures }: { figures: Insight }) {
  const columns: readonly Column<GroupAnswer>[] = [
    { name: "name", title: figures.by, by: (one) => one.name, cell: (one) => <Name one={one} /> },
    { name: "tasks", title: "Tasks", number: true, by: (one) => one.tasks, cell: (one) => count(one.tasks) },
    { name: "opened", title: "Opened", number: true, by: (one) => one.opened, cell: (one) => count(one.opened) },
    { name: "merged", title: "Merged", number: true, by: (one) => one.merged, cell: (one) => count(one.merged) },
    { name: "closed", title: "Closed", number: true, by: (one) => one.closed, cell: (one) => count(one.closed) },
    { name: "rate", title: "Merge rate", number: true, by: (one) => one.merge_rate ?? -1, cell: (one) => share(one.merge_rate) },
    { name: "cost", title: "Cost", number: true, wide: true, by: (one) => one.cost_microusd, cell: (one) => cost(one) },
    {
      name: "per",
      title: "Per merged",
      number: true,
      by: (one) => one.cost_per_merged_microusd ?? -1,
      cell: (one) => known(one.cost_per_merged_microusd),
    },
  ];
  return (
    <>
      <Table
        label={`Figures by ${figures.by}`}
        columns={columns}
        rows={figures.groups}
        id={(one) => one.id || one.name}
        empty={<Nothing />}
      />
      {figures.more > 0 && <p class="faint">{count(figures.more)} more with fewer tasks are left out.</p>}
    </>
  );
}

function Name({ one }: { one: GroupAnswer }) {
  if (!one.name) return <span class="faint">none</span>;
  if (!one.id) return <Plain text={one.name} />;
  return (
    <Link to={`/repositories/${one.id}`}>
      <Plain text={one.name} />
    </Link>
  );
}

function cost(one: GroupAnswer): string {
  return one.unpriced ? `at least ${money(one.cost_microusd)}` : money(one.cost_microusd);
}

const DAYS: readonly Column<DayAnswer>[] = [
  { name: "day", title: "Day", by: (one) => one.day, cell: (one) => one.day },
  { name: "opened", title: "Opened", number: true, by: (one) => one.opened, cell: (one) => count(one.opened) },
  { name: "merged", title: "Merged", number: true, by: (one) => one.merged, cell: (one) => count(one.merged) },
  { name: "closed", title: "Closed", number: true, by: (one) => one.closed, cell: (one) => count(one.closed) },
];

export function DaysTable({ days }: { days: readonly DayAnswer[] }) {
  return <Table label="Pull requests by day" columns={DAYS} rows={days} id={(one) => one.day} />;
}

interface Lapse extends LapseAnswer {
  title: string;
}

const TIMES: readonly Column<Lapse>[] = [
  { name: "title", title: "Time", cell: (one) => one.title },
  { name: "median", title: "Median", number: true, cell: (one) => lapse(one.median) },
  { name: "p90", title: "90 % within", number: true, cell: (one) => lapse(one.p90) },
  { name: "count", title: "Of", number: true, cell: (one) => count(one.count) },
];

export function TimesTable({ figures }: { figures: Insight }) {
  const rows = [
    { title: "In the queue", ...figures.queue },
    { title: "To the pull request", ...figures.to_pull_request },
    { title: "From there to the merge", ...figures.to_merge },
  ];
  return <Table label="How long it took" columns={TIMES} rows={rows} id={(one) => one.title} />;
}

const CAUSES: readonly Column<CauseAnswer>[] = [
  { name: "cause", title: "Cause", by: (one) => one.cause, cell: (one) => <Plain text={one.cause} /> },
  { name: "tasks", title: "Tasks", number: true, by: (one) => one.tasks, cell: (one) => count(one.tasks) },
  { name: "example", title: "For example", wide: true, cell: (one) => <Plain text={one.example} /> },
];

export function CausesTable({ causes }: { causes: readonly CauseAnswer[] }) {
  return (
    <Table
      label="Causes"
      columns={CAUSES}
      rows={causes}
      id={(one) => one.cause}
      empty={<p class="faint">Nothing went wrong.</p>}
    />
  );
}

function Nothing() {
  return <p class="faint">No task was submitted in this span.</p>;
}
