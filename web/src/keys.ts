/** What the keyboard does, everywhere and on each page; `?` shows it. */
import { useEffect, useRef } from "preact/hooks";

export interface Key {
  /** `n`, `/`, `Escape`, `g t` for one after the other, `mod+Enter` for Ctrl or Cmd. */
  key: string;
  /** What it does, for the list. */
  about: string;
  run: (event: KeyboardEvent) => void;
  /** Also while something is typed into a field. */
  typing?: boolean;
}

const known = new Set<{ current: readonly Key[] }>();
let first = "";
let firstAt = 0;

/** All that work now, the newest component's first. */
export function allKeys(): readonly Key[] {
  return [...known].reverse().flatMap((one) => one.current);
}

/** Have keys while the component is shown. A new array each time is fine. */
export function useKeys(keys: readonly Key[]): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    known.add(current);
    return () => void known.delete(current);
  }, []);
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function nameOf(event: KeyboardEvent): string {
  return (event.ctrlKey || event.metaKey ? "mod+" : "") + (event.altKey ? "alt+" : "") + event.key;
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const inField = typing(event.target);
  const inDialog = document.querySelector("dialog[open]") !== null;
  const name = nameOf(event);
  const both = first && event.timeStamp - firstAt < 1500 ? `${first} ${name}` : "";
  first = "";
  const usable = allKeys().filter((one) => one.typing || (!inField && !inDialog));
  const found = usable.find((one) => one.key === both) ?? usable.find((one) => one.key === name);
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (!inField && usable.some((one) => one.key.startsWith(`${name} `))) {
    first = name;
    firstAt = event.timeStamp;
  }
}

/** Listen; called once, by main. */
export function listenToKeys(): void {
  document.addEventListener("keydown", pressed);
}
