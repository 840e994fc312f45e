// The part of Markdown that models write, read into a tree. There is no HTML in it: what looks like a tag is text.

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong" | "emphasis" | "strike"; parts: Inline[] }
  | { kind: "link"; to: string; parts: Inline[] };

export type Block =
  | { kind: "paragraph"; parts: Inline[] }
  | { kind: "heading"; level: number; parts: Inline[] }
  | { kind: "code"; language: string; text: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; ordered: boolean; start: number; items: { done?: boolean; blocks: Block[] }[] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] }
  | { kind: "details"; summary: string; blocks: Block[] }
  | { kind: "rule" };

const DEEPEST = 8;
const LONGEST_DIVIDER = 1000;
/** Patterns look ahead a little only, and what is longer is text: nothing that somebody writes keeps the page busy. */
const LONGEST_INLINE = 20_000;
const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]{0,4}([\w+#.-]{0,40})[^`]*$/;
const ITEM = /^( {0,5})([-*+]|\d{1,9}[.)])( +|$)(.*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t](.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const DETAILS = /^<details><summary>([^<]*)<\/summary>\s*$/;

class Lines {
  at = 0;
  constructor(readonly all: readonly string[]) {}
  get line(): string {
    return this.all[this.at] ?? "";
  }
  get more(): boolean {
    return this.at < this.all.length;
  }
}

export function markdown(text: string, depth = 0): Block[] {
  const lines = new Lines(text.replace(/\r\n?/g, "\n").split("\n"));
  const found: Block[] = [];
  while (lines.more) {
    if (!lines.line.trim()) lines.at++;
    else found.push(block(lines, depth));
  }
  return found;
}

function block(lines: Lines, depth: number): Block {
  const line = lines.line;
  const heading = HEADING.exec(line);
  if (heading) {
    lines.at++;
    return { kind: "heading", level: (heading[1] ?? "#").length, parts: inline((heading[2] ?? "").trim().replace(/ #{1,6}$/, "")) };
  }
  if (FENCE.test(line)) return fenced(lines);
  if (RULE.test(line)) {
    lines.at++;
    return { kind: "rule" };
  }
  if (depth < DEEPEST) {
    if (/^ {0,3}>/.test(line)) return quoted(lines, depth);
    if (ITEM.test(line)) return list(lines, depth);
    if (DETAILS.test(line)) return details(lines, depth);
  }
  if (line.includes("|") && divides(lines.all[lines.at + 1] ?? "")) return table(lines);
  return paragraph(lines);
}

function divides(line: string): boolean {
  return line.length < LONGEST_DIVIDER && line.includes("-") && DIVIDER.test(line);
}

function fenced(lines: Lines): Block {
  const open = FENCE.exec(lines.line);
  const mark = open?.[2] ?? "```";
  const close = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
  const found: string[] = [];
  for (lines.at++; lines.more && !close.test(lines.line); lines.at++) found.push(lines.line);
  lines.at++;
  return { kind: "code", language: open?.[3] ?? "", text: found.join("\n") };
}

function quoted(lines: Lines, depth: number): Block {
  const found: string[] = [];
  for (; lines.more && /^ {0,3}>/.test(lines.line); lines.at++) found.push(lines.line.replace(/^ {0,3}> ?/, ""));
  return { kind: "quote", blocks: markdown(found.join("\n"), depth + 1) };
}

function details(lines: Lines, depth: number): Block {
  const summary = DETAILS.exec(lines.line)?.[1] ?? "";
  const found: string[] = [];
  for (lines.at++; lines.more && lines.line.trim() !== "</details>"; lines.at++) found.push(lines.line);
  lines.at++;
  return { kind: "details", summary, blocks: markdown(found.join("\n"), depth + 1) };
}

function list(lines: Lines, depth: number): Block {
  const first = ITEM.exec(lines.line);
  const ordered = /\d/.test(first?.[2] ?? "");
  const items: { done?: boolean; blocks: Block[] }[] = [];
  while (lines.more) {
    const match = ITEM.exec(lines.line);
    if (!match || /\d/.test(match[2] ?? "") !== ordered || (match[1] ?? "").length > (first?.[1] ?? "").length + 1) break;
    const width = (match[1] ?? "").length + (match[2] ?? "").length + 1;
    const text = [match[4] ?? ""];
    for (lines.at++; lines.more && belongs(lines, width); lines.at++) text.push(lines.line.replace(new RegExp(`^ {0,${width}}`), ""));
    const box = /^\[([ xX])\] +/.exec(text[0] ?? "");
    if (box) text[0] = (text[0] ?? "").slice(box[0].length);
    const blocks = markdown(text.join("\n"), depth + 1);
    items.push(box ? { done: box[1] !== " ", blocks } : { blocks });
  }
  return { kind: "list", ordered, start: ordered ? Number.parseInt(first?.[2] ?? "1", 10) : 1, items };
}

/** Whether a line goes on with the item before it. */
function belongs(lines: Lines, width: number): boolean {
  const line = lines.line;
  if (!line.trim()) return /^ {2,}\S/.test(lines.all[lines.at + 1] ?? "");
  const indent = line.length - line.trimStart().length;
  return indent >= Math.min(width, 2) || !(ITEM.test(line) || starts(line));
}

function starts(line: string): boolean {
  return HEADING.test(line) || FENCE.test(line) || RULE.test(line) || /^ {0,3}>/.test(line) || DETAILS.test(line);
}

function cells(line: string): Inline[][] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(^|[^\\])\|$/, "$1");
  return inner.split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replace(/\\\|/g, "|")));
}

function table(lines: Lines): Block {
  const head = cells(lines.line);
  const rows: Inline[][][] = [];
  for (lines.at += 2; lines.more && lines.line.includes("|") && lines.line.trim(); lines.at++) rows.push(cells(lines.line));
  return { kind: "table", head, rows };
}

function paragraph(lines: Lines): Block {
  const found = [lines.line.trim()];
  for (lines.at++; lines.more && lines.line.trim() && !starts(lines.line) && !ITEM.test(lines.line); lines.at++)
    found.push(lines.line.trim());
  return { kind: "paragraph", parts: inline(found.join("\n")) };
}

const INLINE = new RegExp(
  "(`{1,9})([^`]|[^`][\\s\\S]{0,1000}?[^`])\\1(?!`)" + // code
    '|!?\\[([^\\[\\]\\n]{0,500})\\]\\(([^()\\s]{1,2000})(?: +"[^"\\n]{0,200}")?\\)' + // link
    "|(\\*\\*|__)(?=\\S)([^\\n]{0,500}?\\S)\\5" + // strong
    "|(?<![\\w*])\\*(?=[^\\s*])([^*\\n]{1,500}?)(?<=\\S)\\*(?![\\w*])|(?<![\\w_])_(?=[^\\s_])([^_\\n]{1,500}?)(?<=\\S)_(?![\\w_])" +
    "|~~(?=\\S)([^\\n~]{1,500}?)~~" +
    "|\\\\([\\\\`*_{}\\[\\]()#+.!|<>~-])" +
    "|(https?:\\/\\/[^\\s<>`\"')\\]]{1,1000}[^\\s<>`\"')\\].,;:!?])",
  "g",
);

export function inline(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  let last = 0;
  const flush = () => {
    if (plain) found.push({ kind: "text", text: plain });
    plain = "";
  };
  for (const match of depth < DEEPEST && text.length < LONGEST_INLINE ? text.matchAll(INLINE) : []) {
    plain += text.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[10] !== undefined) plain += match[10];
    else {
      flush();
      found.push(meaning(match, depth + 1));
    }
  }
  plain += text.slice(last);
  flush();
  return found;
}

function meaning(match: RegExpMatchArray, depth: number): Inline {
  if (match[2] !== undefined) return { kind: "code", text: match[2].replace(/^ (.*\S.*) $/s, "$1") };
  if (match[4] !== undefined) return { kind: "link", to: match[4], parts: inline(match[3] || match[4], depth) };
  if (match[6] !== undefined) return { kind: "strong", parts: inline(match[6], depth) };
  if (match[9] !== undefined) return { kind: "strike", parts: inline(match[9], depth) };
  if (match[11] !== undefined) return { kind: "link", to: match[11], parts: [{ kind: "text", text: match[11] }] };
  return { kind: "emphasis", parts: inline(match[7] ?? match[8] ?? "", depth) };
}
