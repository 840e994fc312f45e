import { call, type EnvironmentLine } from "../../api";
import { useLoad } from "../../load";
import { type Column, Empty, Plain, Shown, size, State, Table, Time } from "../../parts";
import { go, Link } from "../../router";
import "./environments.css";

const COLUMNS: readonly Column<EnvironmentLine>[] = [
  {
    name: "name",
    title: "Repository",
    by: (one) => one.name,
    cell: (one) => (
      <Link to={`/environments/${one.repository}`}>
        <Plain text={one.name} />
      </Link>
    ),
  },
  { name: "recipe", title: "Recipe", cell: (one) => (one.recipe ? `kept here, version ${one.recipe}` : "the repository's own, if any") },
  {
    name: "kept",
    title: "Kept layers",
    by: (one) => one.size,
    cell: (one) => (one.kept ? `${one.kept}, ${size(one.size)}` : <span class="faint">none</span>),
  },
  { name: "used", title: "Last used", wide: true, by: (one) => one.used ?? "", cell: (one) => <Time at={one.used} /> },
  {
    name: "build",
    title: "Last build",
    cell: (one) =>
      one.build ? (
        <>
          <State of={one.build.state} /> <Time at={one.build.ended ?? one.build.created} />
        </>
      ) : (
        <span class="faint">none</span>
      ),
  },
];

export default function Environments() {
  const found = useLoad((signal) => call("GET", "/environments/repositories", { signal }), []);
  return (
    <>
      <h1>Environments</h1>
      <p class="faint">
        How each repository is prepared for the agent: what is installed, which hosts it reaches, and how its work is checked.
      </p>
      <Shown of={found} lines={6}>
        {({ environments }) => (
          <Table
            label="Environments"
            columns={COLUMNS}
            rows={environments}
            id={(one) => one.repository}
            onOpen={(one) => go(`/environments/${one.repository}`)}
            empty={<Empty title="No repository yet">An administrator registers repositories.</Empty>}
          />
        )}
      </Shown>
    </>
  );
}
