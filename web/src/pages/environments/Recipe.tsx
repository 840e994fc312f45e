/** The recipe: its text with faults beside their lines, and a form of what is most often changed in it. */
import { useEffect, useState } from "preact/hooks";
import { call, Problem, type RecipeAnswer, type RecipeChecked } from "../../api";
import { useDoing, useLate, useLoad } from "../../load";
import { Badge, Button, confirm, Plain, Shown, Time, Trouble, toast } from "../../parts";
import { may, useMe } from "../../session";
import { Editor } from "./Editor";
import { RecipeForm, useChanges } from "./RecipeForm";

interface Props {
  repository: string;
}

const SOURCES = {
  server: "The recipe is kept here, in place of the repository's own.",
  repository: "The recipe is the repository's own, .midwatch/environment.toml.",
  none: "There is no recipe yet: checks are detected, and there is no setup.",
} as const;

export function Recipe({ repository }: Props) {
  const path = { repository_id: repository };
  const found = useLoad((signal) => call("GET", "/repositories/{repository_id}/recipe", { path, signal }), [repository]);
  return (
    <Shown of={found} lines={12}>
      {(recipe) => (
        <div class="stack">
          <p>
            <strong>{SOURCES[recipe.source]}</strong>
            {recipe.wishes.length > 0 && <Wishes recipe={recipe} />}
          </p>
          <Editing
            key={recipe.version}
            repository={repository}
            recipe={recipe}
            onKept={(kept) => found.set(() => kept)}
            onAgain={found.again}
          />
          <Versions recipe={recipe} />
        </div>
      )}
    </Shown>
  );
}

function Wishes({ recipe }: { recipe: RecipeAnswer }) {
  return (
    <span>
      {" "}
      It asks for{" "}
      {recipe.wishes.map((wish) => (
        <Badge key={wish} tone="warn">
          <Plain text={wish} />
        </Badge>
      ))}
    </span>
  );
}

interface EditingProps extends Props {
  recipe: RecipeAnswer;
  onKept: (kept: RecipeAnswer) => void;
  onAgain: () => void;
}

function Editing({ repository, recipe, onKept, onAgain }: EditingProps) {
  const path = { repository_id: repository };
  const mayChange = may(useMe(), repository, "maintainer");
  const [text, setText] = useState(recipe.text);
  const checked = useChecked(repository, text, recipe);
  const doing = useDoing();
  const changed = text !== recipe.text;
  const changes = useChanges(repository, text, setText);
  const keep = () =>
    doing.run(async () => {
      const whole = await changes.settled(); // a field that was left by the click on the button is in it
      if (whole === recipe.text && recipe.source === "server") return toast("Nothing in it was changed");
      if (!whole.trim()) throw new Problem(0, "the text is empty", "write what is needed, or have one suggested");
      const kept = await call("PUT", "/repositories/{repository_id}/recipe", { path, body: { text: whole, version: recipe.version } });
      toast("The recipe is kept; new tasks use it");
      onKept(kept);
    });
  const suggest = () =>
    doing.run(async () => {
      const made = await call("POST", "/repositories/{repository_id}/recipe/suggest", { path });
      setText(made.text);
      toast(made.found.length ? `Found: ${made.found.join(", ")}` : "Nothing that is known was found: the text has examples only");
    });
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void keep();
      }}
    >
      <div class="environments-recipe">
        <Editor text={text} faults={checked.faults} onInput={setText} readOnly={!mayChange} />
        <RecipeForm form={checked.form} changes={changes} disabled={!mayChange} />
      </div>
      {doing.error && <Trouble problem={doing.error} />}
      {mayChange && (
        <div class="row">
          <Button type="submit" kind="primary" busy={doing.busy}>
            Keep this recipe here
          </Button>
          <Button disabled={!changed} onClick={() => setText(recipe.text)}>
            Undo my changes
          </Button>
          <Button busy={doing.busy} onClick={() => void suggest()}>
            Suggest one
          </Button>
          {recipe.source === "server" && <TakeAway repository={repository} onAgain={onAgain} />}
        </div>
      )}
    </form>
  );
}

function TakeAway({ repository, onAgain }: Props & { onAgain: () => void }) {
  const doing = useDoing();
  const remove = async () => {
    const text = "New tasks use the repository's own recipe again. Every version stays in the list below.";
    if (!(await confirm({ title: "Use the repository's own recipe?", text, yes: "Use its own", danger: true }))) return;
    if (await doing.run(() => call("DELETE", "/repositories/{repository_id}/recipe", { path: { repository_id: repository } }))) onAgain();
  };
  return (
    <Button kind="danger" busy={doing.busy} onClick={() => void remove()}>
      Use the repository's own
    </Button>
  );
}

/** What the server says of the text, once typing pauses. */
function useChecked(repository: string, text: string, recipe: RecipeAnswer): RecipeChecked {
  const late = useLate(text);
  const [known, setKnown] = useState<RecipeChecked>(recipe);
  useEffect(() => {
    if (late === recipe.text) {
      setKnown(recipe);
      return;
    }
    const ending = new AbortController();
    const asked = { path: { repository_id: repository }, body: { text: late }, signal: ending.signal };
    call("POST", "/repositories/{repository_id}/recipe/check", asked).then(setKnown, () => undefined);
    return () => ending.abort();
  }, [late]);
  return known;
}

function Versions({ recipe }: { recipe: RecipeAnswer }) {
  if (!recipe.versions.length) return null;
  return (
    <section class="stack">
      <h2>Versions</h2>
      <ul class="plain-list">
        {recipe.versions.map((one) => (
          <li key={one.version}>
            Version {one.version}: {one.removed ? "taken away" : "kept"} by <Plain text={one.by} />, <Time at={one.created} />
          </li>
        ))}
      </ul>
    </section>
  );
}
