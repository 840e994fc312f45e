import { Fragment } from "preact";
import { useEffect } from "preact/hooks";
import { call, type WaitAnswer, type WorkerAnswer } from "../../api";
import { useLoad } from "../../load";
import { type Column, count, Empty, Plain, Shown, State, Table, Time } from "../../parts";
import { Link } from "../../router";
import "./admin.css";

const EVERY = 5000;
const STATES = ["running", "queued", "paused", "done", "failed", "cancelled"];

/** Who works, on how much, and what waits and why. */
export default function Workers() {
  const found = useLoad((signal) => call("GET", "/workers", { signal }), []);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && found.again(), EVERY);
    return () => clearInterval(timer);
  }, [found.again]);
  return (
    <>
      <h1>Workers</h1>
      <Shown of={found} lines={6}>
        {({ workers, turns, waiting }) => (
          <>
            <dl class="admin-facts">
              {STATES.filter((state) => turns[state]).map((state) => (
                <Fragment key={state}>
                  <dt>
                    <State of={state} />
                  </dt>
                  <dd class="tabular">{count(turns[state] ?? 0)}</dd>
                </Fragment>
              ))}
            </dl>
            <Table
              label="Workers"
              columns={COLUMNS}
              rows={workers}
              id={(one) => one.id}
              empty={<Empty title="No worker runs">`midwatch worker`, on this machine or another, does what is submitted.</Empty>}
            />
            <section class="stack">
              <h2>What waits</h2>
              <Table
                label="What waits"
                columns={WAITING}
                rows={waiting}
                id={(one) => one.why}
                empty={<p class="faint">Nothing waits.</p>}
              />
            </section>
            <p>
              <Link to="/settings/budgets?part=limits">Limits</Link> say how much may be worked on at a time.
            </p>
          </>
        )}
      </Shown>
    </>
  );
}

const COLUMNS: readonly Column<WorkerAnswer>[] = [
  { name: "host", title: "Machine", by: (one) => one.host, cell: (one) => <Plain text={one.host} /> },
  { name: "id", title: "Worker", wide: true, by: (one) => one.id, cell: (one) => <code class="admin-where">{one.id}</code> },
  { name: "turns", title: "Works on", number: true, by: (one) => one.turns, cell: (one) => `${one.turns} of ${one.capacity}` },
  { name: "labels", title: "Labels", cell: (one) => (one.labels.length ? <Plain text={one.labels.join(", ")} /> : "–") },
  { name: "version", title: "Version", wide: true, by: (one) => one.version, cell: (one) => one.version },
  { name: "started", title: "Started", by: (one) => one.started, cell: (one) => <Time at={one.started} /> },
  {
    name: "fresh",
    title: "State",
    by: (one) => Number(one.fresh),
    cell: (one) => (
      <State
        of={one.fresh ? "active" : "silent"}
        detail={
          <>
            {" "}
            · <Time at={one.beat} />
          </>
        }
      />
    ),
  },
];

const WAITING: readonly Column<WaitAnswer>[] = [
  { name: "why", title: "For", by: (one) => one.why, cell: (one) => <Plain text={one.why || "a worker with room"} /> },
  { name: "turns", title: "Turns", number: true, by: (one) => one.turns, cell: (one) => count(one.turns) },
  { name: "since", title: "The longest since", by: (one) => one.since, cell: (one) => <Time at={one.since} /> },
  { name: "until", title: "Not before", cell: (one) => (one.until ? <Time at={one.until} /> : "–") },
];
