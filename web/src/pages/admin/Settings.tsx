import { useState } from "preact/hooks";
import { call, type SettingAnswer } from "../../api";
import { useLoad } from "../../load";
import { Check, type Column, Field, Plain, Shown, Table } from "../../parts";
import { Where } from "./Where";
import "./admin.css";

const COLUMNS: readonly Column<SettingAnswer>[] = [
  { name: "key", title: "Setting", by: (one) => one.key, cell: (one) => <Where text={one.key} /> },
  {
    name: "value",
    title: "Value",
    by: (one) => one.value,
    cell: (one) => <Where text={one.value.replace(/^"(is (?:not )?set)"$/, "$1")} />,
  },
  { name: "own", title: "Origin", by: (one) => Number(one.own), cell: (one) => (one.own ? "set" : <span class="faint">default</span>) },
];

/** What the server runs with. It is read from a file when the server starts, so it is only shown. */
export default function Settings() {
  const [search, setSearch] = useState("");
  const [own, setOwn] = useState(false);
  const found = useLoad((signal) => call("GET", "/server", { signal }), []);
  return (
    <>
      <h1>Settings</h1>
      <Shown of={found} lines={10}>
        {(one) => (
          <>
            <dl class="admin-facts">
              <dt>Midwatch</dt>
              <dd>{one.version}</dd>
              <dt>Python</dt>
              <dd>{one.python}</dd>
              <dt>System</dt>
              <dd>{one.system}</dd>
              <dt>Database</dt>
              <dd>
                {one.database},{" "}
                <code>
                  <Plain text={one.place} />
                </code>
              </dd>
              <dt>State folder</dt>
              <dd>
                <code>
                  <Plain text={one.state} />
                </code>
              </dd>
              <dt>Settings file</dt>
              <dd>
                <code>
                  <Plain text={one.settings_file} />
                </code>
                {!one.there && " (there is none)"}
              </dd>
            </dl>
            <p class="faint">
              Settings are read from that file when the server and its workers start. Of secrets it is said only whether they are
              set.
            </p>
            <div class="admin-form">
              <Field label="Search" type="search" value={search} onInput={setSearch} bare placeholder="Setting" />
              <Check label="Only what is set" checked={own} onChange={setOwn} />
            </div>
            <Table
              label="Settings"
              columns={COLUMNS}
              rows={one.settings.filter((each) => each.key.includes(search.toLowerCase()) && (each.own || !own))}
              id={(each) => each.key}
              empty={<p class="faint">No setting matches.</p>}
            />
          </>
        )}
      </Shown>
    </>
  );
}
