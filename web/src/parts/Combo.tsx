/** One line of text with suggestions that are found meanwhile; what is typed counts, whatever is suggested. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Described, Labelled } from "./Field";
import { Plain, plain } from "./Plain";

export interface Suggestion {
  value: string;
  /** A word beside it. */
  about?: string | undefined;
}

interface Props extends Described {
  value: string;
  onInput: (value: string) => void;
  /** What is suggested now; only those with the typed part in them are shown. */
  options: readonly Suggestion[];
  /** A sentence below them: that they are looked for, that there are none. */
  note?: string | undefined;
  /** Suggestions are wanted: for what was typed, empty for all. */
  onSeek: (part: string) => void;
  /** It was left, or one was picked. */
  onSettle?: ((value: string) => void) | undefined;
  placeholder?: string | undefined;
  maxLength?: number | undefined;
}

/** As ARIA has an editable combobox: arrows and Enter pick, Escape closes, a tap opens. Enter sends no form from it
 * while the list is open. */
export function Combo({ label, hint, error, bare, value, options, note, onInput, onSeek, onSettle, ...more }: Props) {
  const { state, box, list, shown, close, pick, onKeyDown } = useList(value, options, (picked) => (onInput(picked), onSettle?.(picked)));
  const [{ open, active }, set] = state;
  const visible = open && Boolean(shown.length || note);
  const id = useId();
  const words = note || (shown.length === 1 ? "1 suggestion" : `${shown.length} suggestions`);
  return (
    <Labelled label={label} hint={hint} error={error} bare={bare} class={`combo ${more.class ?? ""}`}>
      {(given) => (
        <div class="combo-box" ref={box} onKeyDown={onKeyDown}>
          <input
            {...given}
            class="input"
            role="combobox"
            aria-autocomplete="list"
            aria-expanded={visible}
            aria-controls={id}
            aria-activedescendant={visible && active >= 0 ? `${id}-${active}` : undefined}
            value={value}
            title={plain(value)}
            placeholder={more.placeholder}
            maxLength={more.maxLength}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onFocus={() => onSeek("")}
            onClick={() => open || set({ open: true, active: -1, part: "" })}
            onBlur={() => (close(), onSettle?.(value))}
            onInput={(event) => {
              const part = event.currentTarget.value;
              onInput(part);
              onSeek(part);
              set({ open: true, active: -1, part });
            }}
          />
          <span class="unseen" role="status">
            {visible ? <Plain text={words} /> : ""}
          </span>
          <div class="combo-list" hidden={!visible} onMouseDown={(event) => event.preventDefault() /* the field keeps the focus */}>
            <ul role="listbox" id={id} aria-label={label} ref={list}>
              {shown.map((one, at) => (
                <li key={one.value} id={`${id}-${at}`} role="option" aria-selected={at === active} onClick={() => pick(one.value)}>
                  <span>
                    <Plain text={one.value} />
                  </span>
                  {one.about && <span class="faint">{one.about}</span>}
                </li>
              ))}
            </ul>
            {note && (
              <p class="hint" aria-hidden="true">
                <Plain text={note} />
              </p>
            )}
          </div>
        </div>
      )}
    </Labelled>
  );
}

interface Listed {
  open: boolean;
  /** Which one the arrows are on; -1 for none. */
  active: number;
  /** What was typed since it was opened. */
  part: string;
}

const CLOSED: Listed = { open: false, active: -1, part: "" };

/** What is open, and what keys do in it. */
function useList(value: string, options: readonly Suggestion[], onPick: (value: string) => void) {
  const state = useState(CLOSED);
  const [{ open, active, part }, set] = state;
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const sought = part.trim().toLowerCase();
  const shown = open ? options.filter((one) => one.value.toLowerCase().includes(sought)) : [];
  useEffect(() => list.current?.children[active]?.scrollIntoView({ block: "nearest" }), [active]);
  const close = () => set(CLOSED);
  useEffect(() => {
    if (!open) return undefined;
    // phones leave the focus where it is when something else is touched
    const outside = (event: Event) => event.target instanceof Node && !box.current?.contains(event.target) && close();
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const pick = (picked: string) => (onPick(picked), close());
  const step = (by: number) => {
    const last = shown.length - 1;
    const next = active < 0 ? (by > 0 ? 0 : last) : active + by;
    set({ open, active: next > last ? 0 : next < 0 ? last : next, part });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && open) step(by);
    else if (by) set({ open: true, active: by > 0 && !value ? 0 : -1, part: "" });
    else if (!open || (event.key !== "Enter" && event.key !== "Escape")) return;
    else if (event.key === "Enter" && shown[active]) pick(shown[active].value);
    else close();
    event.preventDefault();
    event.stopPropagation();
  };
  return { state, box, list, shown, close, pick, onKeyDown };
}
