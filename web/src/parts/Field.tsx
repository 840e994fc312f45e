import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface Described {
  label: string;
  /** A sentence below it. */
  hint?: ComponentChildren;
  /** What is wrong with what was given. */
  error?: string | undefined;
  /** The label is for readers of the screen only. */
  bare?: boolean | undefined;
  class?: string | undefined;
}

interface Attributes {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

interface LabelledProps extends Described {
  children: (given: Attributes) => ComponentChildren;
}

/** A label, a control of any kind, a hint and an error, tied together. */
export function Labelled({ label, hint, error, bare, children, ...more }: LabelledProps) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div class={`field ${error ? "wrong" : ""} ${more.class ?? ""}`}>
      <label for={id} class={bare ? "unseen" : undefined}>
        {label}
      </label>
      {children({ id, "aria-describedby": hint || error ? about : undefined, "aria-invalid": error ? true : undefined })}
      {(hint || error) && (
        <div id={about} class={error ? "error-text" : "hint"}>
          {error || hint}
        </div>
      )}
    </div>
  );
}

interface FieldProps extends Described {
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password" | "number" | "search" | "email" | "url" | "date" | "datetime-local";
  placeholder?: string | undefined;
  required?: boolean | undefined;
  disabled?: boolean | undefined;
  min?: number | undefined;
  max?: number | undefined;
  step?: number | "any" | undefined;
  autocomplete?: string | undefined;
  maxLength?: number | undefined;
  name?: string | undefined;
  /** Suggestions; anything else may be typed. */
  options?: readonly string[] | undefined;
}

/** One line of text. */
export function Field({ label, hint, error, bare, value, onInput, type = "text", options, autocomplete = "off", ...more }: FieldProps) {
  const list = useId();
  return (
    <Labelled label={label} hint={hint} error={error} bare={bare} class={more.class}>
      {(given) => (
        <>
          <input
            {...given}
            {...more}
            class="input"
            {...({ type, list: options ? list : undefined } as { type: "text" })}
            value={value}
            autocomplete={autocomplete}
            spellcheck={false}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          {options && (
            <datalist id={list}>
              {options.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Labelled>
  );
}

interface AreaProps extends Described {
  value: string;
  onInput: (value: string) => void;
  rows?: number;
  placeholder?: string | undefined;
  mono?: boolean;
  disabled?: boolean | undefined;
  maxLength?: number | undefined;
  onKeyDown?: ((event: KeyboardEvent) => void) | undefined;
  onPaste?: ((event: ClipboardEvent) => void) | undefined;
}

/** Several lines of text. */
export function Area({ label, hint, error, bare, value, onInput, mono, rows = 4, ...more }: AreaProps) {
  return (
    <Labelled label={label} hint={hint} error={error} bare={bare} class={more.class}>
      {(given) => (
        <textarea
          {...given}
          {...more}
          rows={rows}
          class={`input ${mono ? "mono" : ""}`}
          spellcheck={!mono}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

interface CheckProps {
  label: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean | undefined;
  hint?: ComponentChildren;
  /** The label is for readers of the screen only: a string then. */
  bare?: boolean | undefined;
}

export function Check({ label, checked, onChange, disabled, hint, bare }: CheckProps) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <label for={id} class={bare ? "unseen" : undefined}>
        {label}
      </label>
      {hint && <div class="hint">{hint}</div>}
    </div>
  );
}
