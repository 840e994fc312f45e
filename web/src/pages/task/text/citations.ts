// Places in logs that words name: `cmd 7, lines 12-20`, `midwatch log ID --check 2`. The address of a place is the
// page's hash: `log=cmd:7:12-20`.

export type Of = "cmd" | "check" | "hook" | "setup";

export interface LogPlace {
  of: Of;
  number: number;
  /** Counted from 1; 0 for none. */
  first: number;
  last: number;
}

export interface Cited {
  text: string;
  place?: LogPlace;
}

const LINES = String.raw`(?:(?:,|:)?\s*(?:lines?\s+|L)(\d{1,9})(?:\s*[-–]\s*L?(\d{1,9}))?)?`;
const COMMAND_LINE = String.raw`\bmidwatch log [0-9a-z]{12}(?:\.\d{1,3})? --(cmd|check) (\d{1,9})`;
const CITATION = new RegExp(String.raw`\b(cmd|command|check)[ #:]?\s?(\d{1,9})${LINES}|${COMMAND_LINE}`, "gi");

function ofWord(word: string): Of {
  return word.toLowerCase() === "check" ? "check" : "cmd";
}

/** Text with what it cites; `known` says whether there is such a log, so that no link leads nowhere. */
export function cited(text: string, known: (place: LogPlace) => boolean): Cited[] {
  const found: Cited[] = [];
  let last = 0;
  for (const match of text.matchAll(CITATION)) {
    const first = Number(match[3] ?? 0);
    const place = {
      of: ofWord(match[1] ?? match[5] ?? "cmd"),
      number: Number(match[2] ?? match[6]),
      first,
      last: Math.max(first, Number(match[4] ?? first)),
    };
    if (!known(place)) continue;
    if (match.index > last) found.push({ text: text.slice(last, match.index) });
    found.push({ text: match[0], place });
    last = match.index + match[0].length;
  }
  if (last < text.length) found.push({ text: text.slice(last) });
  return found;
}

export function toHash(place: LogPlace): string {
  const lines = place.first ? `:${place.first}${place.last > place.first ? `-${place.last}` : ""}` : "";
  return `log=${place.of}:${place.number}${lines}`;
}

export function ofHash(hash: string): LogPlace | undefined {
  const match = /^log=(cmd|check|hook|setup):(\d{1,9})(?::(\d{1,12})(?:-(\d{1,12}))?)?$/.exec(hash);
  if (!match) return undefined;
  const first = Number(match[3] ?? 0);
  return { of: match[1] as Of, number: Number(match[2]), first, last: Math.max(first, Number(match[4] ?? first)) };
}
