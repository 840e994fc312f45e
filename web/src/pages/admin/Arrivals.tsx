import { type ArrivalLine, call, type ForgeAnswer } from "../../api";
import { useLoad } from "../../load";
import { attempt, type Column, Dialog, Empty, More, Plain, plain, Shown, State, Table, Time } from "../../parts";
import { Link } from "../../router";
import "./admin.css";

const COLUMNS: readonly Column<ArrivalLine>[] = [
  { name: "created", title: "When", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
  { name: "event", title: "What", by: (one) => one.event, cell: (one) => <Plain text={one.event} /> },
  {
    name: "slug",
    title: "Of",
    by: (one) => one.slug,
    cell: (one) => <Plain text={one.number ? `${one.slug}#${one.number}` : one.slug} />,
  },
  { name: "how", title: "How", wide: true, cell: (one) => (one.looked ? "found by looking" : "told") },
  { name: "state", title: "State", by: (one) => one.state, cell: (one) => <State of={one.state} /> },
  { name: "outcome", title: "What came of it", cell: (one) => <Plain text={one.error || one.outcome} /> },
  { name: "task", title: "Task", wide: true, cell: (one) => one.task && <Link to={`/tasks/${one.task}`}>{one.task}</Link> },
];

/** What has come in from a forge in 30 days, and what was made of it. */
export function ArrivalsDialog({ forge, onClose }: { forge: ForgeAnswer; onClose: () => void }) {
  const path = { forge_id: forge.id };
  const found = useLoad(
    (signal) => call("GET", "/forges/{forge_id}/arrivals", { path, query: { limit: 50 }, signal }),
    [forge.id],
  );
  const more = async () => {
    const page = await call("GET", "/forges/{forge_id}/arrivals", {
      path,
      query: { limit: 50, before: found.value?.next ?? "" },
    });
    found.set((known) => known && { arrivals: [...known.arrivals, ...page.arrivals], next: page.next });
  };
  return (
    <Dialog title={`What came in from ${plain(forge.name)}`} onClose={onClose} wide>
      <Shown of={found}>
        {(page) => (
          <>
            <Table
              label="What came in"
              columns={COLUMNS}
              rows={page.arrivals}
              id={(one) => one.id}
              empty={
                <Empty title="Nothing has come in">
                  Its webhooks, or looking at it from time to time, bring what people ask for there.
                </Empty>
              }
            />
            <More more={page.next !== null} onMore={() => void attempt(more)} />
          </>
        )}
      </Shown>
    </Dialog>
  );
}
