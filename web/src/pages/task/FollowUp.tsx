// Saying something further: what is typed is kept in this browser until it is sent, with the remarks on lines.
import { useMemo, useRef } from "preact/hooks";
import { call, newKey, type TaskAnswer } from "../../api";
import { useKeys } from "../../keys";
import { useDoing, useKept } from "../../load";
import { AttachButton, AttachedList, Button, toast, Trouble, useAttached } from "../../parts";
import { may, useMe } from "../../session";
import { message, placeName, type Remarks } from "./diff/remarks";
import { isLive } from "./state";
import { Shown } from "./text/Shown";

const LONGEST = 100_000;

export function FollowUp({ task, remarks, again }: { task: TaskAnswer; remarks: Remarks; again: () => void }) {
  const me = useMe();
  const [text, setText] = useKept(`follow-up.${me.id}.${task.id}`);
  const whole = message(text, remarks.all);
  const attached = useAttached();
  const key = useMemo(newKey, [whole, attached.name]); // sent again it is the same; changed it is another one
  const doing = useDoing();
  const area = useRef<HTMLTextAreaElement>(null);
  useKeys([{ key: "m", about: "Write a message", run: () => area.current?.focus() }]);
  if (task.kind !== "task" || !may(me, task.repository, "member")) return null;
  const send = async () => {
    if (!whole || attached.reading) return;
    const body = { text: whole, images: attached.images };
    const done = await doing.run(() => call("POST", "/tasks/{task}/messages", { path: { task: task.id }, body, key }));
    if (!done) return;
    setText("");
    attached.clear();
    remarks.clear();
    toast(task.status === "running" ? "sent: the agent reads it with its next call" : "sent: the task goes on with it");
    again();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void send();
  };
  const live = isLive(task);
  return (
    <form
      class={`follow-up ${attached.over ? "drop-here" : ""}`}
      aria-label="Follow-up"
      {...attached.handlers}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <AttachedList attached={attached} />
      {remarks.all.length > 0 && <Waiting remarks={remarks} />}
      <div class="follow-up-row">
        <textarea
          ref={area}
          class="input grow"
          rows={Math.min(8, Math.max(1, text.split("\n").length))}
          maxLength={LONGEST}
          value={text}
          aria-label="Message to the agent"
          onKeyDown={onKeyDown}
          onInput={(event) => setText(event.currentTarget.value)}
          placeholder={live ? "Say something to the agent" : "Ask for something further"}
        />
        <AttachButton attached={attached} />
        <Button type="submit" kind="primary" busy={doing.busy} disabled={!whole || attached.reading} title="Ctrl+Enter">
          {remarks.all.length ? `Send with ${remarks.all.length} ${remarks.all.length === 1 ? "remark" : "remarks"}` : "Send"}
        </Button>
      </div>
      {doing.error && <Trouble problem={doing.error} />}
    </form>
  );
}

function Waiting({ remarks }: { remarks: Remarks }) {
  return (
    <ul class="plain-list follow-up-remarks" aria-label="Remarks that are sent with it">
      {remarks.all.map((one) => (
        <li key={one.id}>
          <code>
            <Shown text={placeName(one)} />
          </code>
          <span class="grow cut-line">
            <Shown text={one.text} />
          </span>
          <Button kind="quiet" label={`Remove the remark on ${placeName(one)}`} onClick={() => remarks.remove(one.id)}>
            ✕
          </Button>
        </li>
      ))}
    </ul>
  );
}
