/** What a new task will run in, in a line. */
import { call, type EnvironmentState } from "../../api";
import { useLoad } from "../../load";
import { Plain } from "../../parts";
import { Link } from "../../router";

interface Props {
  repository: string;
  /** What the task is to start from; empty for the usual. */
  base: string;
  /** Whether the repository answers: looking at the environment of one that does not would wait for it long. */
  answered: boolean | undefined;
}

export function Surroundings({ repository, base, answered }: Props) {
  const found = useLoad(
    async (signal) => {
      if (!answered) return undefined;
      const asked = { path: { repository_id: repository }, query: { base }, signal };
      const state = await call("GET", "/repositories/{repository_id}/environment", asked);
      return { repository, state };
    },
    [repository, base, answered],
  );
  const value = found.value?.repository === repository ? found.value.state : undefined;
  const failed = answered === false ? "the repository does not answer" : found.loading ? undefined : found.error?.message;
  return (
    <p class="composer-wide hint">
      Environment: <Plain text={failed ? `cannot be looked at: ${failed}.` : value ? `${told(value)}.` : "looking…"} />{" "}
      <Link to={`/environments/${repository}`}>Open it</Link>
    </p>
  );
}

function told(state: EnvironmentState): string {
  const recipe = {
    server: `the recipe kept here, version ${state.version}`,
    repository: "the repository's own recipe",
    none: "no recipe, so checks are found by the files",
  }[state.source];
  const words = [recipe];
  if (state.key) words.push(state.cached ? "its setup is ready" : "its setup runs first");
  else if (state.source !== "none") words.push("no setup");
  if (!state.trusted) words.push("it asks for what nobody has trusted");
  if (state.missing.length) words.push(`no value for ${state.missing.join(", ")}`);
  return words.join("; ");
}
