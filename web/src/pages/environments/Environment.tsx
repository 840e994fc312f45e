import { call } from "../../api";
import { useLoad } from "../../load";
import type { PageProps } from "..";
import { Badge, Plain, Shown, Tabs } from "../../parts";
import { Link, setQuery, usePlace } from "../../router";
import { Builds } from "./Builds";
import { Recipe } from "./Recipe";
import { Secrets } from "./Secrets";
import { Terminals } from "./Terminals";
import "./environments.css";

const TABS = [
  { name: "recipe", title: "Recipe" },
  { name: "build", title: "Build and cache" },
  { name: "secrets", title: "Secrets and variables" },
  { name: "terminal", title: "Terminal" },
] as const;

export default function Environment({ params }: PageProps) {
  const repository = params["repository"] ?? "";
  const path = { repository_id: repository };
  const about = useLoad((signal) => call("GET", "/repositories/{repository_id}", { path, signal }), [repository]);
  const wanted = usePlace().query.get("tab");
  const tab = TABS.find((one) => one.name === wanted)?.name ?? "recipe";
  return (
    <>
      <nav aria-label="Where this is">
        <Link to="/environments">Environments</Link>
      </nav>
      <Shown of={about} lines={6}>
        {({ id, name, role }) => (
          <>
            <div class="page-head">
              <h1>
                <Plain text={name} />
              </h1>
              <Badge>{role ? `your role: ${role}` : "administrator"}</Badge>
            </div>
            <Tabs label="Parts of the environment" tabs={TABS} chosen={tab} onChoose={(name) => setQuery({ tab: name })}>
              {tab === "recipe" && <Recipe repository={id} />}
              {tab === "build" && <Builds repository={id} />}
              {tab === "secrets" && <Secrets repository={id} />}
              {tab === "terminal" && <Terminals repository={id} />}
            </Tabs>
          </>
        )}
      </Shown>
    </>
  );
}
