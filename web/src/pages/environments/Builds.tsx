/** Building the environment, what is kept of it, and the log of a build as it comes. */
import { useState } from "preact/hooks";
import { call, newKey, type EnvironmentAnswer, type EnvironmentState, type SittingAnswer } from "../../api";
import { useDoing, useLoad } from "../../load";
import { Badge, Button, Check, confirm, duration, Plain, Shown, size, State, Table, Time, Trouble } from "../../parts";
import { may, useMe } from "../../session";
import { BuildLog } from "./BuildLog";

interface Props {
  repository: string;
}

export function Builds({ repository }: Props) {
  const path = { repository_id: repository };
  const state = useLoad((signal) => call("GET", "/repositories/{repository_id}/environment", { path, signal }), [repository]);
  const builds = useLoad((signal) => call("GET", "/repositories/{repository_id}/environment/builds", { path, signal }), [repository]);
  const [chosen, setChosen] = useState("");
  const again = () => {
    state.again();
    builds.again();
  };
  return (
    <div class="stack">
      <Shown of={state} lines={5}>
        {(now) => (
          <>
            <Now state={now} />
            <Begin
              repository={repository}
              state={now}
              onBegun={(build) => {
                setChosen(build.id);
                again();
              }}
              onReset={again}
            />
            <Kept layers={now.kept} fits={now.key} />
          </>
        )}
      </Shown>
      <Shown of={builds} lines={3}>
        {({ builds }) => {
          const shown = builds.find((one) => one.id === chosen) ?? builds[0];
          return (
            <>
              {shown && <BuildLog key={shown.id} repository={repository} build={shown} onOver={again} />}
              <List builds={builds} shown={shown?.id ?? ""} onChoose={setChosen} />
            </>
          );
        }}
      </Shown>
    </div>
  );
}

function Now({ state }: { state: EnvironmentState }) {
  const words = state.key ? (state.cached ? "built and kept" : "to be built") : "no setup, so nothing to build";
  return (
    <section class="card stack">
      <div class="row">
        <Badge tone={state.cached ? "good" : "plain"}>{words}</Badge>
        {state.key && <code title={state.key}>{state.key.slice(0, 16)}</code>}
        {state.cached && (
          <span class="faint">
            {size(state.cached.size)}, built <Time at={state.cached.created} /> in {duration(state.cached.seconds)}
          </span>
        )}
      </div>
      <p>
        For <code>{state.commit.slice(0, 12)}</code> (<Plain text={state.ref} />), in boxes of {state.sandbox}.
      </p>
      {state.rebuild.length > 0 && (
        <div>
          Why it is to be built:
          <ul>
            {state.rebuild.map((one) => (
              <li key={one}>
                <Plain text={one} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {!state.trusted && (
        <p role="note">
          The repository's own recipe asks for <Plain text={state.wishes.join("; ")} />, which nobody has trusted: a maintainer keeps the
          recipe here, or says so with each build and task.
        </p>
      )}
      {state.missing.length > 0 && (
        <p role="note">
          These secrets have no value: <Plain text={state.missing.join(", ")} />.
        </p>
      )}
    </section>
  );
}

interface BeginProps extends Props {
  state: EnvironmentState;
  onBegun: (build: SittingAnswer) => void;
  onReset: () => void;
}

function Begin({ repository, state, onBegun, onReset }: BeginProps) {
  const me = useMe();
  const path = { repository_id: repository };
  const maintainer = may(me, repository, "maintainer");
  const [fresh, setFresh] = useState(false);
  const [trust, setTrust] = useState(false);
  const doing = useDoing();
  const build = () =>
    doing.run(async () => {
      const body = { fresh, trust_recipe: trust };
      onBegun(await call("POST", "/repositories/{repository_id}/environment/builds", { path, body, key: newKey() }));
    });
  const reset = async () => {
    const text = "All that is kept for this repository is deleted; the next task or build runs its setup again.";
    if (!(await confirm({ title: "Reset the cache?", text, yes: "Reset", danger: true }))) return;
    if (await doing.run(() => call("DELETE", "/repositories/{repository_id}/environment/cache", { path }))) onReset();
  };
  if (!may(me, repository, "member")) return null;
  return (
    <div class="stack">
      <div class="row">
        <Button kind="primary" busy={doing.busy} onClick={() => void build()}>
          Run the setup
        </Button>
        {maintainer && state.cached && <Check label="Build it anew" checked={fresh} onChange={setFresh} />}
        {maintainer && !state.trusted && <Check label="Trust the recipe for this" checked={trust} onChange={setTrust} />}
        {maintainer && state.kept.length > 0 && (
          <Button kind="danger" busy={doing.busy} onClick={() => void reset()}>
            Reset the cache
          </Button>
        )}
      </div>
      {doing.error && <Trouble problem={doing.error} />}
    </div>
  );
}

function Kept({ layers, fits }: { layers: readonly EnvironmentAnswer[]; fits: string }) {
  if (!layers.length) return null;
  return (
    <Table
      label="What is kept"
      rows={layers}
      id={(one) => one.key}
      columns={[
        { name: "key", title: "Kept layers", cell: (one) => <code title={one.key}>{one.key.slice(0, 16)}</code> },
        {
          name: "fits",
          title: "Now",
          cell: (one) => (one.key === fits ? <Badge tone="good">used</Badge> : <span class="faint">of before</span>),
        },
        { name: "size", title: "Size", number: true, by: (one) => one.size, cell: (one) => size(one.size) },
        { name: "created", title: "Built", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
        { name: "used", title: "Last used", wide: true, by: (one) => one.used, cell: (one) => <Time at={one.used} /> },
      ]}
    />
  );
}

function List({ builds, shown, onChoose }: { builds: readonly SittingAnswer[]; shown: string; onChoose: (id: string) => void }) {
  return (
    <Table
      label="Builds"
      rows={builds}
      id={(one) => one.id}
      onOpen={(one) => onChoose(one.id)}
      empty={<p class="faint">Nobody has run the setup from here yet.</p>}
      columns={[
        { name: "state", title: "Builds", cell: (one) => <State of={one.state} /> },
        { name: "by", title: "By", cell: (one) => <Plain text={one.by} /> },
        { name: "created", title: "When", by: (one) => one.created, cell: (one) => <Time at={one.created} /> },
        {
          name: "log",
          title: "Log",
          cell: (one) => (one.id === shown ? "shown above" : <Button onClick={() => onChoose(one.id)}>Show</Button>),
        },
      ]}
    />
  );
}
