// A diff laid out as rows: what the view draws, one beside the other or one below the other.
import type { FileDiff, Line } from "./parse";

export type Side = "old" | "new";

/** Where a remark stands: lines of one side of a file. */
export interface Place {
  path: string;
  side: Side;
  first: number;
  last: number;
}

export interface Remark extends Place {
  id: string;
  text: string;
  /** The lines as they were when it was written. */
  quote: string;
}

export type Row =
  | { kind: "file"; key: string; file: FileDiff; number: number; folded: boolean }
  | { kind: "hunk"; key: string; file: FileDiff; text: string; about: string }
  | { kind: "say"; key: string; text: string }
  | { kind: "line"; key: string; file: FileDiff; hunk: number; at: number; line: Line; mate: Line | undefined }
  | { kind: "pair"; key: string; file: FileDiff; hunk: number; left: Spot | undefined; right: Spot | undefined }
  | { kind: "remark"; key: string; remark: Remark }
  | { kind: "write"; key: string; place: Place };

/** A line with where it is in its hunk. */
export interface Spot {
  at: number;
  line: Line;
  mate: Line | undefined;
}

export interface Layout {
  split: boolean;
  folded: ReadonlySet<string>;
  remarks: readonly Remark[];
  writing: Place | undefined;
}

/** Longest hunk that is shown without being asked for: a diff of a machine's making may have a hundred thousand lines. */
const MOST_ROWS = 400_000;

export function rowsOf(files: readonly FileDiff[], layout: Layout): Row[] {
  const rows: Row[] = [];
  for (const [number, file] of files.entries()) {
    const folded = layout.folded.has(file.path);
    rows.push({ kind: "file", key: `f${number}`, file, number, folded });
    if (folded) continue;
    if (file.binary) rows.push({ kind: "say", key: `b${number}`, text: "a binary file" });
    else if (!file.hunks.length) rows.push({ kind: "say", key: `n${number}`, text: file.notes.join(", ") || "nothing in it has changed" });
    for (const hunk of file.hunks.keys()) {
      addHunk(rows, file, number, hunk, layout);
      if (rows.length > MOST_ROWS) return [...rows, { kind: "say", key: "cut", text: "the rest is not shown here: download the patch" }];
    }
  }
  return rows;
}

function addHunk(rows: Row[], file: FileDiff, number: number, hunk: number, layout: Layout): void {
  const found = file.hunks[hunk];
  if (!found) return;
  const key = `${number}.${hunk}`;
  rows.push({ kind: "hunk", key: `h${key}`, file, text: found.head, about: found.about });
  const spots = matched(found.lines);
  if (!layout.split) {
    for (const spot of spots) {
      rows.push({ kind: "line", key: `l${key}.${spot.at}`, file, hunk, ...spot });
      addRemarks(rows, file, [spot], layout);
    }
    return;
  }
  for (const [left, right] of pairs(spots)) {
    rows.push({ kind: "pair", key: `p${key}.${left?.at ?? ""}.${right?.at ?? ""}`, file, hunk, left, right });
    addRemarks(rows, file, [left, right], layout);
  }
}

/** Remarks whose last line this is, and the field for a new one. */
function addRemarks(rows: Row[], file: FileDiff, spots: readonly (Spot | undefined)[], layout: Layout): void {
  const here = (place: Place) =>
    place.path === file.path &&
    spots.some((spot) => spot && lineOn(spot.line, place.side) === place.last && lineOn(spot.line, place.side) > 0);
  for (const remark of layout.remarks) if (here(remark)) rows.push({ kind: "remark", key: `r${remark.id}`, remark });
  if (layout.writing && here(layout.writing)) rows.push({ kind: "write", key: "write", place: layout.writing });
}

/** The number of a line on a side; 0 where it is not there, and for unchanged lines on the old side. */
function lineOn(line: Line, side: Side): number {
  if (side === "new") return line.sign === "-" ? 0 : line.new;
  return line.sign === "-" ? line.old : 0;
}

/** Removed lines with the added ones that took their place, where there are as many of both. */
function matched(lines: readonly Line[]): Spot[] {
  const spots: Spot[] = lines.map((line, at) => ({ at, line, mate: undefined }));
  for (let at = 0; at < spots.length;) {
    if (spots[at]?.line.sign !== "-") {
      at++;
      continue;
    }
    let middle = at;
    while (spots[middle]?.line.sign === "-") middle++;
    let end = middle;
    while (spots[end]?.line.sign === "+") end++;
    if (middle - at === end - middle) {
      for (let one = 0; one < middle - at; one++) {
        const [old, fresh] = [spots[at + one], spots[middle + one]];
        if (!old || !fresh) continue;
        old.mate = fresh.line;
        fresh.mate = old.line;
      }
    }
    at = Math.max(end, at + 1);
  }
  return spots;
}

function pairs(spots: readonly Spot[]): [Spot | undefined, Spot | undefined][] {
  const found: [Spot | undefined, Spot | undefined][] = [];
  for (let at = 0; at < spots.length;) {
    const spot = spots[at];
    if (!spot) break;
    if (spot.line.sign === " " || spot.line.sign === "\\") {
      found.push([spot, spot]);
      at++;
      continue;
    }
    const old: Spot[] = [];
    const fresh: Spot[] = [];
    for (; at < spots.length && /[-+]/.test(spots[at]?.line.sign ?? ""); at++) {
      const one = spots[at];
      if (one) (one.line.sign === "-" ? old : fresh).push(one);
    }
    for (let row = 0; row < Math.max(old.length, fresh.length); row++) found.push([old[row], fresh[row]]);
  }
  return found;
}

/** Where two lines differ: how many characters are the same at the begin and at the end; nothing when too much does. */
export function difference(one: string, other: string): [number, number] | undefined {
  const most = Math.min(one.length, other.length);
  let begin = 0;
  while (begin < most && one[begin] === other[begin]) begin++;
  let end = 0;
  while (end < most - begin && one[one.length - 1 - end] === other[other.length - 1 - end]) end++;
  begin = wordBegin(one, other, begin);
  end = wordEnd(one, other, end, begin);
  return (begin + end) * 3 < Math.max(one.trim().length, other.trim().length) ? undefined : [begin, end];
}

const WORD = /[\p{L}\p{N}_]/u;

function wordBegin(one: string, other: string, begin: number): number {
  let at = begin;
  while (at > 0 && WORD.test(one[at - 1] ?? "") && (WORD.test(one[at] ?? "") || WORD.test(other[at] ?? ""))) at--;
  return at;
}

function wordEnd(one: string, other: string, end: number, begin: number): number {
  let at = end;
  const before = (text: string) => text[text.length - at - 1] ?? "";
  while (at > 0 && WORD.test(one[one.length - at] ?? "") && (WORD.test(before(one)) || WORD.test(before(other)))) at--;
  return Math.min(at, Math.min(one.length, other.length) - begin);
}

/** The lines that a place names, as they are in the diff. */
export function quoteOf(files: readonly FileDiff[], place: Place): string {
  const file = files.find((one) => one.path === place.path);
  const lines = file?.hunks.flatMap((hunk) => hunk.lines) ?? [];
  return lines
    .filter((line) => lineOn(line, place.side) >= place.first && lineOn(line, place.side) <= place.last && lineOn(line, place.side) > 0)
    .map((line) => line.sign + line.text)
    .join("\n");
}
