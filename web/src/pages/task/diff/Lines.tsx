// One row of a diff.
import { Fragment } from "preact";
import { marked, Plain, plain } from "../../../parts";
import { languageOf, type Token, tokens } from "./lexer";
import type { FileDiff, Hunk, Line } from "./parse";
import { difference, type Place, type Row, type Side, type Spot } from "./rows";

const LONGEST = 4000;

export interface Picking {
  /** A line's number was chosen; `more` goes on from the one before. */
  pick: ((place: Place, more: boolean) => void) | undefined;
  /** Lines that are chosen. */
  chosen: Place | undefined;
}

const lexed = new WeakMap<Hunk, { old: Token[][]; new: Token[][] }>();

/** The coloured words of a line: both sides of its hunk are read as a whole, once. */
function wordsOf(file: FileDiff, hunk: Hunk, at: number): readonly Token[] {
  let found = lexed.get(hunk);
  if (!found) {
    const language = languageOf(file.path);
    const side = (sign: "+" | "-") =>
      tokens(
        hunk.lines.map((line) => (line.sign === sign || line.sign === " " ? line.text : "")),
        language,
      );
    found = { old: side("-"), new: side("+") };
    lexed.set(hunk, found);
  }
  return (hunk.lines[at]?.sign === "-" ? found.old : found.new)[at] ?? [];
}

/** Tokens cut where the changed part begins and ends. */
function cut(found: readonly Token[], begin: number, end: number): (Token & { changed: boolean })[] {
  const parts: (Token & { changed: boolean })[] = [];
  let at = 0;
  for (const token of found) {
    const bounds = [0, Math.max(0, begin - at), Math.max(0, end - at), token.text.length];
    for (let part = 0; part < 3; part++) {
      const text = token.text.slice(bounds[part], Math.min(bounds[part + 1] ?? 0, token.text.length));
      if (text) parts.push({ text, look: token.look, changed: part === 1 });
    }
    at += token.text.length;
  }
  return parts;
}

function Code({ file, hunk, spot }: { file: FileDiff; hunk: Hunk; spot: Spot }) {
  const { line, mate } = spot;
  if (line.sign === "\\") return <span class="no-newline">{line.text}</span>;
  if (line.text.length > LONGEST) {
    return (
      <>
        <Plain text={line.text.slice(0, LONGEST)} />
        <span class="cut">… {line.text.length - LONGEST} more characters</span>
      </>
    );
  }
  const found = wordsOf(file, hunk, spot.at);
  const same = mate && difference(line.text, mate.text);
  const parts = same ? cut(found, same[0], line.text.length - same[1]) : found;
  const bare = isBare(line.text); // no sign in it needs a mark
  return <>{parts.map((part, at) => word(part, at, bare))}</>;
}

function isBare(text: string): boolean {
  const found = marked(text);
  return found.length === 1 && typeof found[0] === "string";
}

/** A text node where that is all it takes: a screen has a thousand of them. */
function word(part: Token & { changed?: boolean }, at: number, bare: boolean) {
  const text = bare ? part.text : <Plain text={part.text} />;
  const shown = part.look ? <span class={part.look}>{text}</span> : text;
  if (part.changed) return <mark key={at}>{shown}</mark>;
  return typeof shown === "string" ? shown : <Fragment key={at}>{shown}</Fragment>;
}

const KINDS = { "+": "added", "-": "removed", " ": "same", "\\": "same" } as const;

function Number({ file, line, side, picking }: { file: FileDiff; line: Line; side: Side; picking: Picking }) {
  const number = side === "old" ? line.old : line.new;
  if (!number) return <span class="line-number" />;
  const remarked = side === "old" ? line.sign === "-" : line.sign !== "-";
  if (!picking.pick || !remarked) return <span class="line-number">{number}</span>;
  const place = { path: file.path, side, first: number, last: number };
  return (
    <span
      role="button"
      class="line-number"
      tabIndex={-1}
      aria-label={`Remark on line ${number}${side === "old" ? ", removed" : ""}`}
      onClick={(event) => picking.pick?.(place, event.shiftKey)}
    >
      {number}
    </span>
  );
}

function chosen(picking: Picking, file: FileDiff, line: Line): boolean {
  const place = picking.chosen;
  if (!place || place.path !== file.path) return false;
  const number = place.side === "old" ? (line.sign === "-" ? line.old : 0) : line.sign === "-" ? 0 : line.new;
  return number >= place.first && number <= place.last && number > 0;
}

export function UnifiedLine({ row, picking }: { row: Extract<Row, { kind: "line" }>; picking: Picking }) {
  const { file, line } = row;
  const hunk = file.hunks[row.hunk];
  if (!hunk) return null;
  return (
    <div class={`diff-line ${KINDS[line.sign]} ${chosen(picking, file, line) ? "chosen" : ""}`} tabIndex={-1}>
      <Number file={file} line={line} side="old" picking={picking} />
      <Number file={file} line={line} side="new" picking={picking} />
      <span class="sign">{line.sign === "\\" ? "" : line.sign}</span>
      <code dir="ltr">
        <Code file={file} hunk={hunk} spot={row} />
      </code>
    </div>
  );
}

export function SplitLine({ row, picking }: { row: Extract<Row, { kind: "pair" }>; picking: Picking }) {
  return (
    <div class="diff-line split" tabIndex={-1}>
      <Half row={row} spot={row.left} side="old" picking={picking} />
      <Half row={row} spot={row.right} side="new" picking={picking} />
    </div>
  );
}

function Half({ row, spot, side, picking }: { row: Extract<Row, { kind: "pair" }>; spot: Spot | undefined; side: Side; picking: Picking }) {
  const hunk = row.file.hunks[row.hunk];
  if (!spot || !hunk) return <div class="half nothing" />;
  const { line } = spot;
  return (
    <div class={`half ${KINDS[line.sign]} ${chosen(picking, row.file, line) ? "chosen" : ""}`}>
      <Number file={row.file} line={line} side={side} picking={picking} />
      <span class="sign">{line.sign === "\\" ? "" : line.sign}</span>
      <code dir="ltr">
        <Code file={row.file} hunk={hunk} spot={spot} />
      </code>
    </div>
  );
}

export function HunkHead({ row }: { row: Extract<Row, { kind: "hunk" }> }) {
  return (
    <div class="hunk-head">
      <code dir="ltr">
        {row.text} <Plain text={row.about} />
      </code>
    </div>
  );
}

/** A name as it is after the change, with the one before where it was another. */
export function fileName(file: FileDiff): string {
  return plain(file.oldPath && file.oldPath !== file.path ? `${file.oldPath} → ${file.path}` : file.path);
}
