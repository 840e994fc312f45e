// Remarks on lines: gathered in this browser, and sent together as one message.
import { useCallback, useMemo, useState } from "preact/hooks";
import { keep, kept } from "../../../load";
import type { Place, Remark } from "./rows";

export interface Remarks {
  all: readonly Remark[];
  add: (place: Place, text: string, quote: string) => void;
  change: (id: string, text: string) => void;
  remove: (id: string) => void;
  clear: () => void;
}

const MOST_QUOTED = 20;

function read(name: string): readonly Remark[] {
  try {
    const found: unknown = JSON.parse(kept(name) ?? "[]");
    return Array.isArray(found) ? found.filter(sound) : [];
  } catch {
    return [];
  }
}

function sound(one: Partial<Remark>): one is Remark {
  return typeof one.id === "string" && typeof one.text === "string" && typeof one.path === "string" && typeof one.last === "number";
}

/** `of`: the person and the task, since the next one at this browser may be another person. */
export function useRemarks(of: string): Remarks {
  const name = `remarks.${of}`;
  const [all, setAll] = useState(() => read(name));
  const change = useCallback(
    (how: (before: readonly Remark[]) => readonly Remark[]) =>
      setAll((before) => {
        const after = how(before);
        keep(name, after.length ? JSON.stringify(after) : "");
        return after;
      }),
    [name],
  );
  return useMemo(
    () => ({
      all,
      add: (place, text, quote) => change((before) => [...before, { ...place, id: `${Date.now()}.${before.length}`, text, quote }]),
      change: (id, text) => change((before) => before.map((one) => (one.id === id ? { ...one, text } : one))),
      remove: (id) => change((before) => before.filter((one) => one.id !== id)),
      clear: () => change(() => []),
    }),
    [all, change],
  );
}

/** `shelf/fees.py:18`, `shelf/fees.py:18-20`, with a word where the lines are those that were taken away. */
export function placeName(place: Place): string {
  const lines = place.last > place.first ? `${place.first}-${place.last}` : `${place.first}`;
  return `${place.path}:${lines}${place.side === "old" ? " (removed)" : ""}`;
}

/** What the agent is told: each place, the lines as they were, and the words. */
export function message(text: string, remarks: readonly Remark[]): string {
  const parts = remarks.map((one) => `${placeName(one)}\n${fenced(one.quote)}\n${one.text.trim()}`);
  const head = remarks.length ? `Remarks on lines of your change:\n\n${parts.join("\n\n")}` : "";
  return [text.trim(), head].filter(Boolean).join("\n\n");
}

function fenced(quote: string): string {
  const lines = quote.split("\n");
  const shown = lines.length > MOST_QUOTED ? [...lines.slice(0, MOST_QUOTED), `… ${lines.length - MOST_QUOTED} more lines`] : lines;
  const longest = Math.max(2, ...[...quote.matchAll(/`+/g)].map((ticks) => ticks[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}diff\n${shown.join("\n")}\n${fence}`;
}
