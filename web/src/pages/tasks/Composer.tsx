import { useMemo, useRef, useState } from "preact/hooks";
import { call, type ChoicesAnswer, newKey, type RepositoryAnswer, type TaskAsked, type TaskLine } from "../../api";
import { useKeys } from "../../keys";
import { useDoing } from "../../load";
import { Area, AttachButton, AttachedList, Button, plain, Select, Switch, Trouble, useAttached } from "../../parts";
import { asked, chosen, SENT, useDraft } from "./draft";
import { Options } from "./Options";

const KINDS = [
  { value: "code", label: "Code" },
  { value: "ask", label: "Ask" },
] as const;

interface Props {
  repositories: readonly RepositoryAnswer[];
  choices: ChoicesAnswer | undefined;
  onMade: (task: TaskLine) => void;
}

/** Sends tasks; with the same words it is the same task however often. */
function usePosting(words: string) {
  const doing = useDoing();
  const key = useMemo(newKey, [words]); // other words are another task
  const post = (body: TaskAsked, then: (made: TaskLine) => void) =>
    doing.run(async () => then(await call("POST", "/tasks", { body, key })));
  return { doing, post };
}

/** Where a task is written. What was typed stays until it was sent, also over a reload. */
export function Composer({ repositories, choices, onMade }: Props) {
  const [draft, change] = useDraft();
  const [open, setOpen] = useState(false);
  const attached = useAttached();
  const form = useRef<HTMLFormElement>(null);
  const repository = repositories.some((one) => one.id === draft.repository) ? draft.repository : (repositories[0]?.id ?? "");
  const ready = Boolean(draft.prompt.trim() && repository && !attached.reading);
  const { doing, post } = usePosting(`${JSON.stringify(draft)}${attached.name}`);
  const send = async () => {
    if (!ready) return;
    const sent = () => (change(SENT), attached.clear());
    await post({ ...asked({ ...draft, repository }), images: attached.images }, (made) => (onMade(made), sent()));
  };
  useKeys([
    { key: "n", about: "Write a new task", run: () => form.current?.querySelector("textarea")?.focus() },
    { key: "mod+Enter", about: "Send the task that is written", typing: true, run: () => void send() },
  ]);
  return (
    <form
      class="card composer"
      ref={form}
      {...attached.handlers}
      onSubmit={(event) => (event.preventDefault(), void send())}
      aria-label="New task"
    >
      <Area
        label="What is to be done"
        bare
        rows={3}
        value={draft.prompt}
        onInput={(prompt) => change({ prompt })}
        placeholder={draft.ask ? "Ask about the code" : "Say what is to be done, with all that one must know"}
        maxLength={200_000}
      />
      <AttachedList attached={attached} />
      {doing.error && <Trouble problem={doing.error} />}
      <div class="row composer-row">
        <Select
          label="Repository"
          bare
          class="composer-repository"
          value={repository}
          options={repositories.map((one) => ({ value: one.id, label: plain(one.name) }))}
          onChange={(to) => change({ repository: to, base: "" })}
        />
        <Switch label="Kind" value={draft.ask ? "ask" : "code"} options={KINDS} onChange={(to) => change({ ask: to === "ask" })} />
        <Button kind="quiet" pressed={open} onClick={() => setOpen(!open)}>
          Options{chosen(draft) ? ` (${chosen(draft)})` : ""}
        </Button>
        <AttachButton attached={attached} />
        <span class="grow" />
        <Button kind="primary" type="submit" busy={doing.busy} disabled={!ready} title="Ctrl+Enter">
          {draft.ask ? "Ask" : "Start"}
        </Button>
      </div>
      {open && <Options repository={repository} draft={draft} choices={choices} onChange={change} />}
    </form>
  );
}
