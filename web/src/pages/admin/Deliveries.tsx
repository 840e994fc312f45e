import { useState } from "preact/hooks";
import { call, type DeliveryLine, newKey, type WebhookAnswer } from "../../api";
import { useLoad } from "../../load";
import { attempt, Button, type Column, Dialog, Empty, More, Plain, Shown, State, Table, Time } from "../../parts";
import { Link } from "../../router";

/** What was sent to a webhook, and sending it again. */
export function DeliveriesDialog({ hook, onClose }: { hook: WebhookAnswer; onClose: () => void }) {
  const path = { webhook_id: hook.id };
  const found = useLoad(
    (signal) => call("GET", "/webhooks/{webhook_id}/deliveries", { path, query: { limit: 50 }, signal }),
    [hook.id],
  );
  const [seen, setSeen] = useState("");
  const more = async () => {
    const before = found.value?.next ?? "";
    const page = await call("GET", "/webhooks/{webhook_id}/deliveries", { path, query: { limit: 50, before } });
    found.set((known) => known && { deliveries: [...known.deliveries, ...page.deliveries], next: page.next });
  };
  const again = async (one: DeliveryLine) => {
    const asked = { path: { ...path, delivery_id: one.id }, key: newKey() };
    if (await attempt(() => call("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", asked), "It is sent again"))
      found.again();
  };
  return (
    <Dialog title="Deliveries" onClose={onClose} wide>
      <p class="admin-where">
        <Plain text={hook.url} />
      </p>
      <Shown of={found}>
        {(page) => (
          <>
            <Table
              label="Deliveries"
              columns={columns((one) => void again(one), setSeen)}
              rows={page.deliveries}
              id={(one) => one.id}
              empty={<Empty title="Nothing was sent yet">A ping tries it.</Empty>}
            />
            <More more={page.next !== null} onMore={() => void attempt(more)} />
          </>
        )}
      </Shown>
      {seen && <Sent webhook={hook.id} delivery={seen} />}
    </Dialog>
  );
}

function columns(again: (one: DeliveryLine) => void, open: (id: string) => void): readonly Column<DeliveryLine>[] {
  return [
    { name: "created", title: "When", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
    { name: "name", title: "Event", by: (one) => one.name, cell: (one) => one.name },
    { name: "task", title: "Task", wide: true, cell: (one) => one.task && <Link to={`/tasks/${one.task}`}>{one.task}</Link> },
    { name: "state", title: "State", by: (one) => one.state, cell: (one) => <State of={one.state} /> },
    { name: "tries", title: "Tries", number: true, by: (one) => one.tries, cell: (one) => one.tries },
    { name: "error", title: "What was wrong", wide: true, cell: (one) => <Plain text={one.error} /> },
    {
      name: "actions",
      title: "",
      cell: (one) => (
        <div class="admin-actions">
          <Button kind="quiet" onClick={() => open(one.id)}>
            Show
          </Button>
          <Button kind="quiet" onClick={() => again(one)}>
            Send again
          </Button>
        </div>
      ),
    },
  ];
}

function Sent({ webhook, delivery }: { webhook: string; delivery: string }) {
  const path = { webhook_id: webhook, delivery_id: delivery };
  const found = useLoad((signal) => call("GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}", { path, signal }), [delivery]);
  return (
    <section class="stack">
      <h3>What is sent</h3>
      <Shown of={found}>
        {(one) => (
          <pre class="card">
            <Plain text={pretty(one.request)} />
          </pre>
        )}
      </Shown>
    </section>
  );
}

function pretty(request: string): string {
  try {
    return JSON.stringify(JSON.parse(request), null, 2);
  } catch {
    return request;
  }
}
