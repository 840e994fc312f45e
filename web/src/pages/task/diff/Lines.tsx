// One line of a diff: nodes that are made at once, without a component for each, since a screen has many.
import { marked, Plain, plain } from "../../../parts";
import type { Key } from "../virtual";
import { languageOf, lexer, type Token } from "./lexer";
import type { FileDiff, Hunk, Line } from "./parse";
import { difference, type Place, type Row, type Side, type Spot } from "./rows";

const LONGEST = 4000;

export interface Drawing {
  picking: Picking;
  /** Without colours. */
  quick: boolean;
}

export interface Picking {
  /** A line's number was chosen; `more` goes on from the one before. */
  pick: ((place: Place, more: boolean) => void) | undefined;
  /** Lines that are chosen. */
  chosen: Place | undefined;
}

type Lexers = Record<Side, (at: number) => Token[]>;
const lexers = new WeakMap<Hunk, Lexers>();

/** The coloured words of a line, read within its side of the hunk. */
function wordsOf(file: FileDiff, hunk: Hunk, at: number): readonly Token[] {
  let found = lexers.get(hunk);
  if (!found) {
    const language = languageOf(file.path);
    const side = (sign: "+" | "-") =>
      lexer(
        hunk.lines.map((line) => (line.sign === sign || line.sign === " " ? line.text : "")),
        language,
      );
    found = { old: side("-"), new: side("+") };
    lexers.set(hunk, found);
  }
  return found[hunk.lines[at]?.sign === "-" ? "old" : "new"](at);
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

function code(file: FileDiff, hunk: Hunk, { line, mate, at }: Spot, quick: boolean) {
  if (line.sign === "\\") return <span class="no-newline">{line.text}</span>;
  if (line.text.length > LONGEST) {
    return (
      <>
        <Plain text={line.text.slice(0, LONGEST)} />
        <span class="cut">… {line.text.length - LONGEST} more characters</span>
      </>
    );
  }
  if (quick) return <Plain text={line.text} />;
  const found = wordsOf(file, hunk, at);
  const same = mate && difference(line.text, mate.text);
  const parts = same ? cut(found, same[0], line.text.length - same[1]) : found;
  const bare = isBare(line.text); // no sign in it needs a mark
  return parts.map((part, place) => word(part, place, bare));
}

function isBare(text: string): boolean {
  const found = marked(text);
  return found.length === 1 && typeof found[0] === "string";
}

/** A text node where that is all it takes: a screen has a thousand of them. */
function word(part: Token & { changed?: boolean }, at: number, bare: boolean) {
  const text = bare ? part.text : <Plain key={at} text={part.text} />;
  if (part.changed) return <mark key={at}>{part.look ? <span class={part.look}>{text}</span> : text}</mark>;
  if (!part.look) return text;
  return (
    <span key={at} class={part.look}>
      {text}
    </span>
  );
}

const KINDS = { "+": "added", "-": "removed", " ": "same", "\\": "same" } as const;

function number(file: FileDiff, line: Line, side: Side, picking: Picking) {
  const found = side === "old" ? line.old : line.new;
  if (!found) return null;
  const { pick } = picking;
  const remarked = side === "old" ? line.sign === "-" : line.sign !== "-";
  if (!pick || !remarked) return <span class={`line-number ${side}`}>{found}</span>;
  return (
    <span
      role="button"
      class={`line-number ${side}`}
      tabIndex={-1}
      aria-label={`Remark on line ${found}${side === "old" ? ", removed" : ""}`}
      onClick={(event) => pick({ path: file.path, side, first: found, last: found }, event.shiftKey)}
    >
      {found}
    </span>
  );
}

function chosen(picking: Picking, file: FileDiff, line: Line): boolean {
  const place = picking.chosen;
  if (!place || place.path !== file.path) return false;
  const number = place.side === "old" ? (line.sign === "-" ? line.old : 0) : line.sign === "-" ? 0 : line.new;
  return number >= place.first && number <= place.last && number > 0;
}

export function unifiedLine(row: Extract<Row, { kind: "line" }>, key: Key, { picking, quick }: Drawing) {
  const { file, line } = row;
  const hunk = file.hunks[row.hunk];
  return (
    <div key={key} class={`diff-line ${KINDS[line.sign]} ${chosen(picking, file, line) ? "chosen" : ""}`} tabIndex={-1}>
      {number(file, line, "old", picking)}
      {number(file, line, "new", picking)}
      <code dir="ltr">{hunk && code(file, hunk, row, quick)}</code>
    </div>
  );
}

export function splitLine(row: Extract<Row, { kind: "pair" }>, key: Key, drawing: Drawing) {
  return (
    <div key={key} class="diff-line split" tabIndex={-1}>
      {half(row, row.left, "old", drawing)}
      {half(row, row.right, "new", drawing)}
    </div>
  );
}

function half({ file, hunk }: Extract<Row, { kind: "pair" }>, spot: Spot | undefined, side: Side, { picking, quick }: Drawing) {
  const found = file.hunks[hunk];
  if (!spot || !found) return <div class="half nothing" />;
  const { line } = spot;
  return (
    <div class={`half ${KINDS[line.sign]} ${chosen(picking, file, line) ? "chosen" : ""}`}>
      {number(file, line, side, picking)}
      <code dir="ltr">{code(file, found, spot, quick)}</code>
    </div>
  );
}

/** A name as it is after the change, with the one before where it was another. */
export function fileName(file: FileDiff): string {
  return plain(file.oldPath && file.oldPath !== file.path ? `${file.oldPath} → ${file.path}` : file.path);
}
