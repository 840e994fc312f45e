import type { ChoicesAnswer } from "../../api";
import { Area, Check, duration, Field, money, Select } from "../../parts";
import type { Draft } from "./draft";
import { Surroundings } from "./Surroundings";

interface Props {
  repository: string;
  /** The base that is chosen, and not one that is still being typed. */
  base: string;
  /** Whether the repository answers; undefined while that is not known. */
  answered: boolean | undefined;
  draft: Draft;
  choices: ChoicesAnswer | undefined;
  onChange: (change: Partial<Draft>) => void;
}

/** The further choices of a new task. */
export function Options({ repository, base, answered, draft, choices, onChange }: Props) {
  return (
    <div class="composer-options">
      <Field
        label="Model"
        value={draft.model}
        onInput={(model) => onChange({ model })}
        options={choices?.models ?? []}
        placeholder={choices?.models[0] ?? ""}
      />
      {!draft.ask && <Attempts draft={draft} choices={choices} onChange={onChange} />}
      <Limits draft={draft} choices={choices} onChange={onChange} />
      <Field
        label="Not before"
        type="datetime-local"
        value={draft.later}
        onInput={(later) => onChange({ later })}
        hint="Empty: at once"
      />
      {!draft.ask && (
        <Area
          label="Checks"
          class="composer-wide"
          mono
          rows={2}
          value={draft.checks}
          onInput={(checks) => onChange({ checks })}
          hint="Commands that must succeed, one a line. Empty: what the repository says, or what is found in it"
        />
      )}
      {repository && <Surroundings repository={repository} base={base} answered={answered} />}
      <Check label="Nobody waits for it (it goes behind others)" checked={draft.batch} onChange={(batch) => onChange({ batch })} />
    </div>
  );
}

const BEST = [
  { value: "", label: "the smallest change" },
  { value: "review", label: "the one that reviews best" },
] as const;

function Attempts({ draft, choices, onChange }: Pick<Props, "draft" | "choices" | "onChange">) {
  const numbers = Array.from({ length: choices?.attempts ?? 1 }, (_, at) => String(at + 1));
  const options = numbers.map((value) => ({ value, label: value === "1" ? "1" : `${value}, the best is offered` }));
  return (
    <>
      <Select label="Attempts" value={draft.attempts} options={options} onChange={(attempts) => onChange({ attempts })} />
      {draft.attempts !== "1" && (
        <Select label="Best of those that pass" value={draft.select} options={BEST} onChange={(select) => onChange({ select })} />
      )}
    </>
  );
}

function Limits({ draft, choices, onChange }: Pick<Props, "draft" | "choices" | "onChange">) {
  const usual = (value: string | undefined) => (value ? `at most ${value}` : "no limit");
  return (
    <>
      <Field
        label="Cost in dollars"
        type="number"
        min={0}
        step="any"
        value={draft.dollars}
        onInput={(dollars) => onChange({ dollars })}
        placeholder={usual(choices?.cost_microusd == null ? "" : money(choices.cost_microusd))}
      />
      <Field
        label="Minutes of work"
        type="number"
        min={0}
        step="any"
        value={draft.minutes}
        onInput={(minutes) => onChange({ minutes })}
        placeholder={usual(choices?.seconds == null ? "" : duration(choices.seconds))}
      />
      <Field
        label="Model calls"
        type="number"
        min={1}
        value={draft.turns}
        onInput={(turns) => onChange({ turns })}
        placeholder={usual(choices?.turns == null ? "" : String(choices.turns))}
      />
    </>
  );
}
