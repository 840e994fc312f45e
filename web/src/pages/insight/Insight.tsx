import { type Insight as Figures, call, Problem, queryOf } from "../../api";
import { useLoad } from "../../load";
import { Button, count, duration, money, Plain, Shown, Tabs } from "../../parts";
import { setQuery, usePlace } from "../../router";
import { keepFile } from "../../save";
import { allRepositories } from "../admin/lists";
import { Asking, BY, type Wanted, wantedOf } from "./Asked";
import { Chart } from "./Chart";
import { CausesTable, DaysTable, GroupsTable, known, lapse, share, TimesTable } from "./Tables";
import "./insight.css";

const TITLES = { repository: "By repository", model: "By model", person: "By person", label: "By label" };

/** What has come of tasks, in figures; `docs/insight.md` says how each is counted. */
export default function Insight() {
  const { query } = usePlace();
  const wanted = wantedOf(query);
  const repositories = useLoad(allRepositories, []);
  const found = useLoad((signal) => counted(wanted, signal), [JSON.stringify(wanted)]);
  return (
    <>
      <h1>Insight</h1>
      <Asking wanted={wanted} repositories={repositories.value ?? []} />
      <Shown of={found} lines={12}>
        {(figures) => <All figures={figures} wanted={wanted} />}
      </Shown>
    </>
  );
}

/** In this browser's zone; in UTC where the server does not know it. */
async function counted(wanted: Wanted, signal: AbortSignal): Promise<Figures> {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  try {
    return await call("GET", "/insight", { signal, query: { ...wanted, zone } });
  } catch (error) {
    if (zone === "UTC" || !(error instanceof Problem) || error.status !== 422 || !error.message.includes("time zone"))
      throw error;
    return call("GET", "/insight", { signal, query: { ...wanted, zone: "UTC" } });
  }
}

function All({ figures, wanted }: { figures: Figures; wanted: Wanted }) {
  const save = (table: string) =>
    keepFile(`/insight.csv${queryOf({ ...wanted, from: figures.first, to: figures.last, zone: figures.zone, table })}`);
  return (
    <>
      <Tiles figures={figures} />
      <section class="stack">
        <Head title="Pull requests by day" note={`Days of ${figures.zone}`} onSave={() => save("days")} />
        <Chart days={figures.days} />
        <details class="insight-days">
          <summary>The same as a table</summary>
          <DaysTable days={figures.days} />
        </details>
      </section>
      <section class="stack">
        <Head
          title="What came of it"
          note={`Of tasks submitted from ${figures.first} to ${figures.last}`}
          onSave={() => save("groups")}
        />
        <Tabs
          label="Groups"
          tabs={BY.map((name) => ({ name, title: TITLES[name] }))}
          chosen={wanted.by}
          onChoose={(by) => setQuery({ by: by === "repository" ? "" : by })}
        >
          <GroupsTable figures={figures} />
        </Tabs>
      </section>
      <div class="insight-two">
        <section class="stack">
          <Head title="How long it took" onSave={() => save("times")} />
          <TimesTable figures={figures} />
        </section>
        <section class="stack">
          <Head title="Why there is none to merge" onSave={() => save("causes")} />
          <CausesTable causes={figures.causes} />
        </section>
      </div>
    </>
  );
}

function Head({ title, note, onSave }: { title: string; note?: string; onSave: () => void }) {
  return (
    <div class="page-head">
      <div>
        <h2>{title}</h2>
        {note && (
          <p class="faint">
            <Plain text={note} />
          </p>
        )}
      </div>
      <Button kind="quiet" onClick={onSave} label={`Save as CSV: ${title}`}>
        Save as CSV
      </Button>
    </div>
  );
}

function Tiles({ figures }: { figures: Figures }) {
  const { total, now, to_merge: toMerge, to_pull_request: toPullRequest } = figures;
  const waits = now.longest_seconds === null ? "" : `the longest for ${duration(now.longest_seconds)}`;
  const tiles: readonly [string, string, string][] = [
    ["Tasks", count(total.tasks), "submitted in the span"],
    ["Pull requests", count(total.opened), `${count(total.merged)} merged, ${count(total.closed)} closed`],
    ["Merge rate", share(total.merge_rate), "merged of those opened"],
    ["Cost per merged", known(total.cost_per_merged_microusd), costNote(total)],
    ["To pull request", lapse(toPullRequest.median), `90 % within ${lapse(toPullRequest.p90)}`],
    ["To merge", lapse(toMerge.median), `90 % within ${lapse(toMerge.p90)}`],
    ["Under way now", count(now.running), `${count(now.queued)} queued${waits && `, ${waits}`}`],
  ];
  return (
    <dl class="insight-tiles">
      {tiles.map(([title, value, note]) => (
        <div key={title} class="insight-tile card">
          <dt>{title}</dt>
          <dd>
            {value}
            <br />
            <small>{note}</small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function costNote(total: Figures["total"]): string {
  if (total.unpriced) return `${count(total.unpriced)} tasks of unknown cost`;
  return `${money(total.cost_microusd)} in all`;
}
