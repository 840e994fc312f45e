import { useState } from "preact/hooks";
import { call, newKey, type RepositoryAnswer, type WebhookAsked } from "../../api";
import { useDoing } from "../../load";
import { Check, Dialog, Field, toast } from "../../parts";
import { useMe } from "../../session";
import { Form, Once } from "./Form";
import "./admin.css";

type Event = NonNullable<WebhookAsked["events"]>[number];

/** All that there are: the compiler misses one that is not here. */
const NAMED: Readonly<Record<Event, true>> = {
  "task.finished": true,
  "task.needs_attention": true,
  "task.failed": true,
  "task.cancelled": true,
  "pull_request.opened": true,
  "pull_request.updated": true,
  "pull_request.merged": true,
  "pull_request.closed": true,
  "pull_request.reopened": true,
};
export const EVENTS = Object.keys(NAMED) as readonly Event[];

interface Props {
  /** That one may choose from. */
  among: readonly RepositoryAnswer[];
  /** The one it is for, by its id. */
  only: string | undefined;
  onMade: () => void;
  onClose: () => void;
}

export function NewWebhook({ among, only, onMade, onClose }: Props) {
  const me = useMe();
  const doing = useDoing();
  const [url, setUrl] = useState("");
  const [repository, setRepository] = useState("");
  const [events, setEvents] = useState<readonly Event[]>(EVENTS);
  const [secret, setSecret] = useState("");
  const [key] = useState(newKey);
  const send = () =>
    doing.run(async () => {
      const of = only ?? among.find((one) => one.name === repository)?.id ?? (repository || null);
      setSecret((await call("POST", "/webhooks", { body: { url, repository: of, events: [...events] }, key })).secret);
      toast("The webhook is there");
      onMade();
    });
  if (secret) return <Made secret={secret} onClose={onClose} />;
  const wrong = doing.error?.fields ?? {};
  return (
    <Dialog title="New webhook" onClose={onClose}>
      <Form doing={doing} onSubmit={() => void send()} yes="Make it" onCancel={onClose}>
        <Field
          label="Address"
          type="url"
          value={url}
          onInput={setUrl}
          required
          error={wrong["url"]}
          class="admin-wide"
          hint="That is sent to, with https"
        />
        {only === undefined && (
          <Field
            label="Repository"
            value={repository}
            onInput={setRepository}
            required={!me.admin}
            options={among.map((one) => one.name)}
            hint={me.admin ? "Empty for all repositories" : "One that you maintain"}
          />
        )}
        <fieldset class="admin-wide admin-events">
          <legend>Events</legend>
          {EVENTS.map((one) => (
            <Check
              key={one}
              label={one}
              checked={events.includes(one)}
              onChange={(on) => setEvents((before) => (on ? [...before, one] : before.filter((each) => each !== one)))}
            />
          ))}
        </fieldset>
      </Form>
    </Dialog>
  );
}

function Made({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Once title="The webhook's secret" secret={secret} copy="Copy the secret" onClose={onClose}>
      <p>It signs what is sent, so that the other side knows who sends it.</p>
    </Once>
  );
}
