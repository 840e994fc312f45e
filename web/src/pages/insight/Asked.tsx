import { call, type RepositoryAnswer } from "../../api";
import { useLoad } from "../../load";
import { Button, Field, plain, Select } from "../../parts";
import { setQuery } from "../../router";

export const BY = ["repository", "model", "person", "label"] as const;
export type By = (typeof BY)[number];

/** What is counted, as it stands in the address. */
export interface Wanted {
  from: string;
  to: string;
  by: By;
  repository: string;
  model: string;
  person: string;
  label: string;
}

const SPANS = [
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "a year"],
] as const;

/** The span of so many days up to today, here. */
function spanOf(days: number): { from: string; to: string } {
  const today = new Date();
  const first = new Date(today.getFullYear(), today.getMonth(), today.getDate() - days + 1);
  return { from: dayOf(first), to: dayOf(today) };
}

function dayOf(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function wantedOf(query: URLSearchParams): Wanted {
  const usual = spanOf(30);
  const by = BY.find((one) => one === query.get("by")) ?? "repository";
  const [repository, model, person, label] = ["repository", "model", "person", "label"].map((name) => query.get(name) ?? "");
  const [from, to] = [query.get("from") || usual.from, query.get("to") || usual.to];
  return { from, to, by, repository: repository ?? "", model: model ?? "", person: person ?? "", label: label ?? "" };
}

/** The span, and what the figures are narrowed down to. All of it stands in the address, so that it can be sent on. */
export function Asking({ wanted, repositories }: { wanted: Wanted; repositories: readonly RepositoryAnswer[] }) {
  const choices = useLoad((signal) => call("GET", "/insight/choices", { signal }), []);
  const { models, people, labels } = choices.value ?? { models: [], people: [], labels: [] };
  const set = (name: keyof Wanted) => (value: string) => setQuery({ [name]: value });
  return (
    <div class="stack">
      <div class="row" role="group" aria-label="Span">
        {SPANS.map(([days, title]) => {
          const span = spanOf(days);
          return (
            <Button key={days} pressed={span.from === wanted.from && span.to === wanted.to} onClick={() => setQuery(span)}>
              {title}
            </Button>
          );
        })}
      </div>
      <div class="insight-asked">
        <Field label="From" type="date" value={wanted.from} onInput={set("from")} />
        <Field label="To" type="date" value={wanted.to} onInput={set("to")} />
        <Choice
          label="Repository"
          value={wanted.repository}
          of={repositories.map((one) => [one.id, one.name])}
          onChange={set("repository")}
        />
        <Choice label="Model" value={wanted.model} of={models.map((one) => [one, one])} onChange={set("model")} />
        <Choice label="Person" value={wanted.person} of={people.map((one) => [one, one])} onChange={set("person")} />
        <Choice label="Label" value={wanted.label} of={labels.map((one) => [one, one])} onChange={set("label")} />
      </div>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  of: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}

/** One of what there is, or all; one that the address names is there even before the list has come. */
function Choice({ label, value, of, onChange }: ChoiceProps) {
  const known = value && !of.some(([one]) => one === value) ? [...of, [value, value] as const] : of;
  return (
    <Select
      label={label}
      value={value}
      options={[{ value: "", label: "all" }, ...known.map(([one, name]) => ({ value: one, label: plain(name) }))]}
      onChange={onChange}
    />
  );
}
