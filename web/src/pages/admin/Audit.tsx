import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { call, type EntryAnswer, queryOf } from "../../api";
import { useLate, useLoad } from "../../load";
import { Button, type Column, Empty, Field, Pager, Plain, Shown, Table, Time } from "../../parts";
import { setQuery, usePlace } from "../../router";
import { keepFile } from "../../save";
import { useMe } from "../../session";
import { allRepositories, allUsers } from "./lists";
import { Where } from "./Where";
import "./admin.css";

const ACTIONS = [
  "archive",
  "attempt",
  "budget",
  "effect",
  "environment",
  "forge",
  "limit",
  "organisation",
  "pull-request",
  "recipe",
  "repository",
  "role",
  "secret",
  "session",
  "task",
  "token",
  "user",
  "variable",
  "webhook",
];

/** For administrators all of it; for others what they did, and what was done where they are admins. */
export default function Audit() {
  const { query } = usePlace();
  const [before, setBefore] = useState<readonly string[]>([]);
  const set = (changes: Readonly<Record<string, string>>) => {
    setBefore([]);
    setQuery(changes);
  };
  const asked = {
    action: query.get("action") ?? "",
    user: query.get("user") ?? "",
    repository: query.get("repository") ?? "",
    about: query.get("about") ?? "",
    since: timeOf(query.get("from"), 0),
    until: timeOf(query.get("to"), 1),
  };
  const late = useLate(JSON.stringify(asked));
  const found = useLoad(
    (signal) => call("GET", "/audit", { signal, query: { ...asked, before: before.at(-1) ?? "", limit: 50 } }),
    [late, before],
  );
  return (
    <>
      <div class="page-head">
        <h1>Audit log</h1>
        <Button onClick={() => keepFile(`/audit.csv${queryOf(asked)}`)}>Save as CSV</Button>
      </div>
      <Filters asked={asked} set={set} />
      <Shown of={found}>
        {(page) => (
          <>
            <Table
              label="Audit log"
              columns={COLUMNS}
              rows={page.entries}
              id={(one) => one.id}
              empty={<Empty title="Nothing of the kind was done" />}
            />
            <Pager
              page={before.length}
              more={page.next !== null}
              busy={found.loading}
              onPage={(to) => setBefore((pages) => (to > pages.length ? [...pages, page.next ?? ""] : pages.slice(0, to)))}
            />
          </>
        )}
      </Shown>
    </>
  );
}

interface FiltersProps {
  asked: Readonly<Record<"action" | "user" | "repository" | "about", string>>;
  set: (changes: Readonly<Record<string, string>>) => void;
}

/** They stand in the address. */
function Filters({ asked, set }: FiltersProps) {
  const me = useMe();
  const { query } = usePlace();
  const users = useLoad((signal) => (me.admin ? allUsers(signal) : Promise.resolve([])), [me.admin]);
  const known = useLoad(allRepositories, []);
  return (
    <div class="admin-form">
      <Field
        label="Action"
        value={asked.action}
        onInput={(action) => set({ action })}
        options={ACTIONS}
        hint="user, or user.create"
      />
      {me.admin && <Named label="User" id={asked.user} of={users.value ?? []} onChoose={(user) => set({ user })} />}
      <Named label="Repository" id={asked.repository} of={known.value ?? []} onChoose={(repository) => set({ repository })} />
      <Field label="About the id" value={asked.about} onInput={(about) => set({ about })} />
      <Field label="From" type="date" value={query.get("from") ?? ""} onInput={(from) => set({ from })} />
      <Field label="To" type="date" value={query.get("to") ?? ""} onInput={(to) => set({ to })} />
    </div>
  );
}

interface NamedProps {
  label: string;
  id: string;
  of: readonly { id: string; name: string }[];
  onChoose: (id: string) => void;
}

/** One of those by its name; the address has its id. */
function Named({ label, id, of, onChoose }: NamedProps) {
  const [typed, setTyped] = useState<string>();
  const shown = typed ?? of.find((one) => one.id === id)?.name ?? id;
  const choose = (text: string) => {
    setTyped(text);
    const chosen = of.find((one) => one.name === text);
    if (chosen || !text) onChoose(chosen?.id ?? "");
  };
  return <Field label={label} value={shown} onInput={choose} options={of.map((one) => one.name)} hint="Its name" />;
}

const COLUMNS: readonly Column<EntryAnswer>[] = [
  {
    name: "time",
    title: "When",
    cell: (one) => (
      <span class="admin-whole">
        <Time at={one.time} />
      </span>
    ),
  },
  {
    name: "who",
    title: "Who",
    cell: (one) =>
      one.name ? (
        <span class="admin-whole admin-name">
          <Plain text={one.name} />
        </span>
      ) : (
        <span class="faint">nobody known</span>
      ),
  },
  {
    name: "via",
    title: "Via",
    wide: true,
    cell: (one) => <Plain text={`${one.via}${one.address ? ` from ${one.address}` : ""}`} />,
  },
  { name: "action", title: "Action", cell: (one) => <ActionName name={one.action} /> },
  {
    name: "object",
    title: "Of",
    wide: true,
    cell: (one) => <Where text={one.object} />,
  },
  { name: "change", title: "Change", cell: (one) => <Changed one={one} /> },
];

/** Where a line has no room for it, it goes on below after a full stop or a hyphen, never in mid-word. */
function ActionName({ name }: { name: string }) {
  const parts = name.match(/[^.]+\.?/g) ?? [name];
  return (
    <code class="admin-whole admin-words">
      {parts.map((part, at) => (
        <Fragment key={at}>
          {at > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </code>
  );
}

function Changed({ one }: { one: EntryAnswer }) {
  const names = [...new Set([...Object.keys(one.was), ...Object.keys(one.became)])];
  return (
    <div class="admin-change">
      {names.map((name) => (
        <div key={name}>
          <span class="faint">
            <Plain text={name} />:
          </span>{" "}
          {name in one.was && (
            <>
              <Plain text={text(one.was[name])} /> →{" "}
            </>
          )}
          <Plain text={name in one.became ? text(one.became[name]) : "nothing"} />
        </div>
      ))}
    </div>
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The beginning of a day here, or of the one after it. */
function timeOf(day: string | null, after: number): string {
  const [year, month, date] = (day ?? "").split("-").map(Number);
  if (!year || !month || !date) return "";
  return new Date(year, month - 1, date + after).toISOString();
}
