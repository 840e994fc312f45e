import { useState } from "preact/hooks";
import { type BudgetAnswer, call } from "../../api";
import { useDoing, useLoad } from "../../load";
import {
  attempt,
  Button,
  type Column,
  confirm,
  count,
  Empty,
  Field,
  Money,
  money,
  Plain,
  plain,
  Select,
  Shown,
  Table,
  toast,
} from "../../parts";
import { useMe } from "../../session";
import { Form } from "./Form";
import { allOrganisations, allRepositories, allUsers, numberOf } from "./lists";
import "./admin.css";

type Kind = "organisation" | "repository" | "task" | "user";
type Period = "whole" | "day";

const KINDS = (["repository", "user", "organisation", "task"] as const).map((value) => ({ value, label: value }));
const PERIODS = [
  { value: "day" as const, label: "each day (UTC)" },
  { value: "whole" as const, label: "in all" },
];

/** All that one may see. */
export function AllBudgets() {
  const me = useMe();
  const found = useLoad((signal) => call("GET", "/budgets", { signal }).then((all) => all.budgets), []);
  const mayChange = me.admin || Object.values(me.roles).some((role) => role === "maintainer" || role === "admin");
  return (
    <div class="stack">
      <Shown of={found}>
        {(rows) => (
          <BudgetTable
            rows={rows}
            mayRemove={me.admin}
            onRemoved={found.again}
            empty="No budgets: nothing caps what tasks spend together"
          />
        )}
      </Shown>
      {mayChange && <SetAny onSet={found.again} />}
    </div>
  );
}

/** Of anything; its names are asked for only where somebody may choose one. */
function SetAny({ onSet }: { onSet: () => void }) {
  const me = useMe();
  const [kind, setKind] = useState<Kind>("repository");
  const [name, setName] = useState("");
  const known = useNames(kind);
  const kinds = me.admin ? KINDS : KINDS.filter((one) => one.value === "repository" || one.value === "task");
  return (
    <SetBudget kind={kind} name={name} onSet={onSet}>
      <Select label="For a" value={kind} options={kinds} onChange={(to) => (setKind(to), setName(""))} />
      <Field
        label="Which"
        value={name}
        onInput={setName}
        required
        options={known}
        hint={kind === "task" ? "Its id" : "Its name"}
      />
    </SetBudget>
  );
}

interface OfProps {
  kind: "repository" | "organisation" | "user";
  name: string;
  /** What the server calls it in its answers. */
  shown: string;
  mayChange: boolean;
}

/** Those of one thing. */
export function BudgetsOf({ kind, name, shown, mayChange }: OfProps) {
  const found = useLoad((signal) => call("GET", "/budgets", { signal }).then((all) => all.budgets), [name]);
  const bare = shown.replace(/:\/\/[^/\s]*@/, "://");
  return (
    <div class="stack">
      <Shown of={found}>
        {(all) => (
          <BudgetTable
            rows={all.filter((one) => one.kind === kind && [shown, bare].includes(one.name))}
            mayRemove={mayChange}
            called={{ name, kind }}
            onRemoved={found.again}
            empty="No budget of its own"
          />
        )}
      </Shown>
      {mayChange && <SetBudget kind={kind} name={name} onSet={found.again} />}
    </div>
  );
}

function useNames(kind: Kind): readonly string[] {
  const me = useMe();
  const found = useLoad(
    async (signal) => {
      if (kind === "repository") return (await allRepositories(signal)).map((one) => one.name);
      if (kind === "organisation") return (await allOrganisations(signal)).map((one) => one.name);
      return kind === "user" && me.admin ? (await allUsers(signal)).map((one) => one.name) : [];
    },
    [kind],
  );
  return found.value ?? [];
}

interface TableProps {
  rows: readonly BudgetAnswer[];
  mayRemove: boolean;
  /** Under which name they are taken away, where that is another than the one shown. */
  called?: { name: string; kind: Kind };
  onRemoved: () => void;
  empty: string;
}

function BudgetTable({ rows, mayRemove, called, onRemoved, empty }: TableProps) {
  const remove = async (one: BudgetAnswer) => {
    const text = "What is spent stays spent, and is counted on.";
    if (!(await confirm({ title: "Take the budget away", text, yes: "Take it away", danger: true }))) return;
    const name = called?.name ?? (one.kind === "repository" ? await idAt(one.name) : one.name);
    const query = { kind: one.kind as Kind, name, period: one.period as Period };
    if (await attempt(() => call("DELETE", "/budgets", { query }))) onRemoved();
  };
  const columns: readonly Column<BudgetAnswer>[] = [
    { name: "kind", title: "For", by: (one) => one.kind, cell: (one) => one.kind },
    { name: "name", title: "Which", by: (one) => one.name, cell: (one) => <Plain text={one.name} /> },
    { name: "period", title: "Period", by: (one) => one.period, cell: (one) => (one.period === "day" ? "day" : "in all") },
    {
      name: "money",
      title: "Money",
      number: true,
      cell: (one) => <Spent spent={one.spent_microusd} cap={one.microusd} show={money} />,
    },
    {
      name: "tokens",
      title: "Tokens",
      number: true,
      cell: (one) => <Spent spent={one.spent_tokens} cap={one.tokens} show={(n) => count(n ?? 0)} />,
    },
    { name: "reserved", title: "Reserved", number: true, wide: true, cell: (one) => <Money microusd={one.reserved_microusd} /> },
    {
      name: "actions",
      title: "",
      cell: (one) =>
        mayRemove && (
          <div class="admin-actions">
            <Button kind="quiet" label={`Take the budget of ${plain(one.name)} away`} onClick={() => void remove(one)}>
              Remove
            </Button>
          </div>
        ),
    },
  ];
  return (
    <Table
      label="Budgets"
      columns={columns}
      rows={rows}
      id={(one) => `${one.kind} ${one.name} ${one.period}`}
      empty={<Empty title={empty} />}
    />
  );
}

async function idAt(location: string): Promise<string> {
  const all = await allRepositories(new AbortController().signal);
  return all.find((one) => one.location.replace(/:\/\/[^/\s]*@/, "://") === location)?.id ?? location;
}

function Spent({ spent, cap, show }: { spent: number; cap: number | null; show: (n: number | null) => string }) {
  if (cap === null) return <span class="faint">{show(spent)}</span>;
  return (
    <span class="tabular">
      {show(spent)} of {show(cap)}
      <progress class={`admin-bar ${spent >= cap ? "over" : ""}`} max={cap} value={Math.min(spent, cap)} aria-hidden="true" />
    </span>
  );
}

interface SetProps {
  kind: Kind;
  name: string;
  onSet: () => void;
  children?: preact.ComponentChildren;
}

function SetBudget({ kind, name, onSet, children }: SetProps) {
  const doing = useDoing();
  const [period, setPeriod] = useState<Period>("day");
  const [dollars, setDollars] = useState("");
  const [tokens, setTokens] = useState("");
  const [wrong, setWrong] = useState("");
  const send = async () => {
    const [usd, most] = [numberOf(dollars), numberOf(tokens)];
    if (usd === undefined || most === undefined) return setWrong("this is no number");
    setWrong("");
    const body = { kind, name, period, microusd: usd === null ? null : Math.round(usd * 1e6), tokens: most };
    if (!(await doing.run(() => call("PUT", "/budgets", { body })))) return;
    toast("The budget holds from the next call of a model on");
    setDollars("");
    setTokens("");
    onSet();
  };
  return (
    <section class="card stack">
      <h2>Set a budget</h2>
      <Form doing={doing} onSubmit={() => void send()} yes="Set the budget">
        {children}
        <Select label="Period" value={period} options={PERIODS} onChange={setPeriod} />
        <Field
          label="US dollars"
          value={dollars}
          onInput={setDollars}
          error={wrong || undefined}
          hint="At most; empty for no cap on money"
        />
        <Field label="Tokens" value={tokens} onInput={setTokens} hint="At most, in and out; empty for no cap" />
      </Form>
    </section>
  );
}
