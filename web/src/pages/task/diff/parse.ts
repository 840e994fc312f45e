// A unified diff as git writes it, read into files and lines.

export interface Line {
  /** " ", "+", "-" or "\\" for git's remark on a missing last line break. */
  sign: " " | "+" | "-" | "\\";
  text: string;
  /** Number in the old and in the new file; 0 where it is not there. */
  old: number;
  new: number;
}

export interface Hunk {
  head: string;
  /** The function or class that it is in, as git says. */
  about: string;
  lines: Line[];
}

export interface FileDiff {
  path: string;
  oldPath: string;
  status: "added" | "deleted" | "renamed" | "modified";
  binary: boolean;
  /** Modes, similarity: what git says besides. */
  notes: string[];
  hunks: Hunk[];
  added: number;
  removed: number;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/;

export function parse(text: string): FileDiff[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const files: FileDiff[] = [];
  let at = 0;
  while (at < lines.length) {
    if ((lines[at] ?? "").startsWith("diff --git ")) {
      const file = header(lines[at] ?? "");
      files.push(file);
      at = body(lines, at + 1, file);
    } else at++;
  }
  return files;
}

function empty(path: string): FileDiff {
  return { path, oldPath: "", status: "modified", binary: false, notes: [], hunks: [], added: 0, removed: 0 };
}

/** `diff --git a/x b/x`: both names are the same unless lines below say otherwise. */
function header(line: string): FileDiff {
  const names = line.slice("diff --git ".length);
  if (names.startsWith('"')) {
    const first = /^"((?:[^"\\]|\\.)*)"/.exec(names);
    return empty(stripped(first ? unquoted(first[0]) : names));
  }
  const half = (names.length - 1) / 2;
  return empty(stripped(names.slice(0, half)));
}

function stripped(name: string): string {
  return name.replace(/^[ab]\//, "");
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\u0007", b: "\b", f: "\f", v: "\v" };

/** A name as git quotes it, with its bytes in octal. */
function unquoted(name: string): string {
  if (!name.startsWith('"') || !name.endsWith('"')) return name;
  const bytes: number[] = [];
  const inner = name.slice(1, -1);
  const encoder = new TextEncoder();
  for (let at = 0; at < inner.length; at++) {
    const octal = /^\\([0-7]{3})/.exec(inner.slice(at, at + 4));
    if (octal) {
      bytes.push(Number.parseInt(octal[1] ?? "0", 8));
      at += 3;
    } else if (inner[at] === "\\") {
      const next = inner[++at] ?? "";
      bytes.push(...encoder.encode(ESCAPES[next] ?? next));
    } else {
      const character = String.fromCodePoint(inner.codePointAt(at) ?? 0);
      bytes.push(...encoder.encode(character));
      at += character.length - 1;
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function named(file: FileDiff, line: string, start: string): string | undefined {
  if (!line.startsWith(start)) return undefined;
  const name = unquoted(line.slice(start.length).replace(/\t$/, ""));
  return name === "/dev/null" ? "" : start.startsWith("rename") || start.startsWith("copy") ? name : stripped(name) || file.path;
}

const STATES: [string, FileDiff["status"]][] = [
  ["new file mode ", "added"],
  ["deleted file mode ", "deleted"],
  ["rename from ", "renamed"],
];

/** Reads one file's part; the number of the line after it. */
function body(lines: readonly string[], from: number, file: FileDiff): number {
  let at = from;
  while (at < lines.length && !(lines[at] ?? "").startsWith("diff --git ")) {
    const line = lines[at] ?? "";
    const match = HUNK.exec(line);
    if (match) {
      at = hunk(lines, at + 1, match, file);
      continue;
    }
    for (const [start, status] of STATES) if (line.startsWith(start)) file.status = status;
    file.oldPath = named(file, line, "rename from ") ?? named(file, line, "copy from ") ?? file.oldPath;
    file.path = named(file, line, "rename to ") || named(file, line, "copy to ") || named(file, line, "+++ ") || file.path;
    if (file.status === "deleted") file.path = named(file, line, "--- ") || file.path;
    if (/^(Binary files |GIT binary patch)/.test(line)) file.binary = true;
    if (/^(old mode|new mode|new file mode|deleted file mode|similarity index) /.test(line)) file.notes.push(line);
    at++;
  }
  return at;
}

function hunk(lines: readonly string[], from: number, match: RegExpExecArray, file: FileDiff): number {
  let old = Number(match[1]);
  let fresh = Number(match[3]);
  let oldLeft = Number(match[2] ?? 1);
  let newLeft = Number(match[4] ?? 1);
  const head = `@@ -${match[1]}${match[2] ? `,${match[2]}` : ""} +${match[3]}${match[4] ? `,${match[4]}` : ""} @@`;
  const found: Hunk = { head, about: match[5] ?? "", lines: [] };
  file.hunks.push(found);
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const sign = line[0] ?? " ";
    if (sign === "\\") found.lines.push({ sign: "\\", text: line.slice(2), old: 0, new: 0 });
    else if (oldLeft <= 0 && newLeft <= 0) break;
    else if (sign === "+") {
      found.lines.push({ sign, text: line.slice(1), old: 0, new: fresh++ });
      newLeft--;
      file.added++;
    } else if (sign === "-") {
      found.lines.push({ sign, text: line.slice(1), old: old++, new: 0 });
      oldLeft--;
      file.removed++;
    } else {
      found.lines.push({ sign: " ", text: line.slice(1), old: old++, new: fresh++ });
      oldLeft--;
      newLeft--;
    }
  }
  return at;
}
