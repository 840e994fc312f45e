import { useId } from "preact/hooks";
import { Labelled } from "./Field";

export interface Option<T extends string> {
  value: T;
  label: string;
  disabled?: boolean;
}

interface Props<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  hint?: string | undefined;
  error?: string | undefined;
  bare?: boolean | undefined;
  disabled?: boolean | undefined;
  class?: string | undefined;
}

/** One of a few; the browser's own control, so that it works with every keyboard and on phones. */
export function Select<T extends string>({ label, value, options, onChange, hint, error, bare, disabled, ...more }: Props<T>) {
  return (
    <Labelled label={label} hint={hint} error={error} bare={bare} class={more.class}>
      {(given) => (
        <select {...given} class="input" value={value} disabled={disabled} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map((one) => (
            <option key={one.value} value={one.value} disabled={one.disabled}>
              {one.label}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** One of two or three, all seen at once. */
export function Switch<T extends string>({ label, value, options, onChange }: Pick<Props<T>, "label" | "value" | "options" | "onChange">) {
  const name = useId(); // one group: a tab goes past all of it, arrows go from one to the next
  return (
    <div class="switch" role="radiogroup" aria-label={label}>
      {options.map((one) => (
        <label key={one.value} class={one.value === value ? "chosen" : ""}>
          <input
            type="radio"
            class="unseen"
            name={name}
            checked={one.value === value}
            disabled={one.disabled}
            onChange={() => onChange(one.value)}
          />
          {one.label}
        </label>
      ))}
    </div>
  );
}
