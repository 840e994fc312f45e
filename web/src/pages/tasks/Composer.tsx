import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, type ChoicesAnswer, newKey, type RepositoryAnswer, type TaskLine } from "../../api";
import { useKeys } from "../../keys";
import { useDoing } from "../../load";
import { Area, AttachButton, type Attached, AttachedList, Button, Combo, plain, Select, Switch, Trouble, useAttached } from "../../parts";
import { useBranches } from "./branches";
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

/** What is being written, and the branches of its repository. */
function useWritten(repositories: readonly RepositoryAnswer[]) {
  const [draft, change] = useDraft();
  const repository = repositories.some((one) => one.id === draft.repository) ? draft.repository : (repositories[0]?.id ?? "");
  const branches = useBranches(repository);
  const [settled, settle] = useState(draft.base);
  const move = (to: string) => (change({ repository: to, base: "" }), settle(""));
  return { draft, change, repository, branches, base: settled.trim(), settle, move };
}

/** Sends what is written; with the same words it is the same task however often. */
function useSending({ draft, change, repository }: ReturnType<typeof useWritten>, attached: Attached, onMade: Props["onMade"]) {
  const doing = useDoing();
  const key = useMemo(newKey, [JSON.stringify(draft), repository, attached.name]); // other words are another task
  useEffect(doing.clear, [repository]); // what was wrong there is not wrong here
  const now = useRef(draft);
  now.current = draft;
  const ready = Boolean(draft.prompt.trim() && repository && !attached.reading);
  const send = async () => {
    if (!ready) return;
    const body = { ...asked({ ...draft, repository }), images: attached.images };
    await doing.run(async () => {
      onMade(await call("POST", "/tasks", { body, key }));
      if (now.current.prompt !== draft.prompt) return; // the next one is being written already
      change(SENT);
      attached.clear();
    });
  };
  return { doing, ready, send };
}

/** Where a task is written. What was typed stays until it was sent, also over a reload. */
export function Composer({ repositories, choices, onMade }: Props) {
  const written = useWritten(repositories);
  const { draft, change, repository, branches } = written;
  const [open, setOpen] = useState(false);
  const attached = useAttached();
  const form = useRef<HTMLFormElement>(null);
  const { doing, ready, send } = useSending(written, attached, onMade);
  useKeys([
    { key: "n", about: "Write a new task", run: () => form.current?.querySelector("textarea")?.focus() },
    { key: "mod+Enter", about: "Send the task that is written", typing: true, run: () => void send() },
  ]);
  useEffect(() => {
    if (open && repository) branches.seek("");
  }, [open, repository]);
  return (
    <form
      class={`card composer ${attached.over ? "drop-here" : ""}`}
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
        <Where repositories={repositories} written={written} />
        <Switch label="Kind" value={draft.ask ? "ask" : "code"} options={KINDS} onChange={(to) => change({ ask: to === "ask" })} />
        <Button kind="quiet" pressed={open} onClick={() => setOpen(!open)}>
          Options{chosen(draft) ? ` (${chosen(draft)})` : ""}
        </Button>
        <AttachButton attached={attached} />
        <Button kind="primary" type="submit" busy={doing.busy} disabled={!ready} title="Ctrl+Enter">
          {draft.ask ? "Ask" : "Start"}
        </Button>
      </div>
      {open && (
        <Options
          repository={repository}
          base={written.base}
          answered={branches.answered}
          draft={draft}
          choices={choices}
          onChange={change}
        />
      )}
    </form>
  );
}

interface WhereProps {
  repositories: readonly RepositoryAnswer[];
  written: ReturnType<typeof useWritten>;
}

/** The repository, and where in it a task starts. */
function Where({ repositories, written }: WhereProps) {
  const { draft, change, repository, branches, settle, move } = written;
  return (
    <>
      <Select
        label="Repository"
        bare
        class="composer-repository"
        value={repository}
        options={repositories.map((one) => ({ value: one.id, label: plain(one.name) }))}
        onChange={move}
      />
      <Combo
        label="Branch, tag or commit"
        bare
        class="composer-branch"
        value={draft.base}
        onInput={(base) => change({ repository, base })}
        onSettle={settle}
        options={branches.options}
        note={branches.note}
        onSeek={branches.seek}
        placeholder={plain(branches.usual) || "default branch"}
        maxLength={1000}
      />
    </>
  );
}
