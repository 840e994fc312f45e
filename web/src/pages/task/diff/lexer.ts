// Colours for code, roughly: comments, texts, numbers and words that a language keeps for itself. One pass over a hunk;
// what it gets wrong is a colour.

export interface Token {
  text: string;
  /** Class name; empty for plain text. */
  look: string;
}

interface Known {
  words: ReadonlySet<string>;
  line: readonly string[];
  block: readonly (readonly [string, string])[];
  /** Opening and closing; the last say whether it may go over lines. */
  quotes: readonly (readonly [string, boolean])[];
  markup?: boolean;
}

interface Language extends Known {
  /** First characters of all that begins a comment or a text. */
  begins: ReadonlySet<string>;
}

const set = (text: string) => new Set(text.split(" "));
const C_BLOCK = [["/*", "*/"]] as const;
const PLAIN_QUOTES = [
  ['"', false],
  ["'", false],
] as const;
const TICKS = [
  ['"', false],
  ["'", false],
  ["`", true],
] as const;

const C_WORDS = [
  "auto break case catch char class const constexpr continue default delete do double else enum explicit extern",
  "false final float for friend goto if inline int long namespace new noexcept nullptr operator override private",
  "protected public register return short signed sizeof static struct switch template this throw true try typedef",
  "typename union unsigned using virtual void volatile while bool NULL",
].join(" ");
const JS_WORDS = [
  "abstract any as async await boolean break case catch class const continue debugger default delete do else enum",
  "export extends false finally for from function get if implements import in infer instanceof interface is keyof",
  "let never new null number object of override private protected public readonly return satisfies set static",
  "string super switch this throw true try type typeof undefined unknown var void while with yield",
].join(" ");
const JAVA_WORDS = [
  "abstract assert boolean break byte case catch char class const continue default do double else enum extends",
  "false final finally float for fun if implements import in instanceof int interface internal is long native new",
  "null object open override package private protected public return sealed short static super switch",
  "synchronized this throw throws transient true try val var void volatile when while data record",
].join(" ");

const KNOWN: Record<string, Known> = {
  python: {
    words: set(
      [
        "and as assert async await break case class continue def del elif else except False finally for from global if",
        "import in is lambda match None nonlocal not or pass raise return True try type while with yield self",
      ].join(" "),
    ),
    line: ["#"],
    block: [],
    quotes: [
      ['"""', true],
      ["'''", true],
      ['"', false],
      ["'", false],
    ],
  },
  script: { words: set(JS_WORDS), line: ["//"], block: C_BLOCK, quotes: TICKS },
  c: { words: set(C_WORDS), line: ["//"], block: C_BLOCK, quotes: PLAIN_QUOTES },
  java: { words: set(JAVA_WORDS), line: ["//"], block: C_BLOCK, quotes: [['"""', true], ...PLAIN_QUOTES] },
  go: {
    words: set(
      [
        "any bool break byte case chan const continue default defer else error fallthrough false float64 for func go",
        "goto if import int int64 interface iota make map nil package range return rune select string struct switch",
        "true type uint var",
      ].join(" "),
    ),
    line: ["//"],
    block: C_BLOCK,
    quotes: TICKS,
  },
  rust: {
    words: set(
      [
        "as async await bool box break const continue crate dyn else enum extern false fn for if impl in let loop match",
        "mod move mut pub ref return self Self static str struct super trait true type u8 u16 u32 u64 i32 i64 usize",
        "unsafe use where while Some None Ok Err",
      ].join(" "),
    ),
    line: ["//"],
    block: C_BLOCK,
    quotes: [['"', true]],
  },
  shell: {
    words: set(
      ["case do done elif else esac exit export fi for function if in local return set shift source then trap unset", "until while"].join(
        " ",
      ),
    ),
    line: ["#"],
    block: [],
    quotes: [
      ['"', true],
      ["'", true],
    ],
  },
  ruby: {
    words: set(
      [
        "alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo",
        "rescue retry return self super then true undef unless until when while yield require attr_reader",
      ].join(" "),
    ),
    line: ["#"],
    block: [["=begin", "=end"]],
    quotes: PLAIN_QUOTES,
  },
  sql: {
    words: set(
      [
        "select from where and or not null insert into values update set delete create table index primary key unique",
        "references on join left right inner outer group by order having limit as in is like between exists case when",
        "then else end begin commit",
      ].join(" "),
    ),
    line: ["--"],
    block: C_BLOCK,
    quotes: PLAIN_QUOTES,
  },
  data: { words: set("true false null yes no on off"), line: ["#"], block: [], quotes: PLAIN_QUOTES },
  json: { words: set("true false null"), line: [], block: [], quotes: [['"', false]] },
  style: { words: set("important media supports layer import from to and not only"), line: [], block: C_BLOCK, quotes: PLAIN_QUOTES },
  markup: { words: new Set(), line: [], block: [["<!--", "-->"]], quotes: [], markup: true },
};

const LANGUAGES: Record<string, Language> = Object.fromEntries(
  Object.entries(KNOWN).map(([name, known]) => {
    const marks = [...known.line, ...known.block.map(([mark]) => mark), ...known.quotes.map(([mark]) => mark)];
    return [name, { ...known, begins: new Set(marks.map((mark) => mark.slice(0, 1))) }];
  }),
);

const ENDINGS: Record<string, string> = {
  py: "python",
  pyi: "python",
  js: "script",
  mjs: "script",
  cjs: "script",
  jsx: "script",
  ts: "script",
  tsx: "script",
  vue: "script",
  svelte: "script",
  c: "c",
  h: "c",
  cc: "c",
  cpp: "c",
  hpp: "c",
  cxx: "c",
  cs: "java",
  java: "java",
  kt: "java",
  kts: "java",
  scala: "java",
  swift: "java",
  dart: "java",
  php: "java",
  go: "go",
  rs: "rust",
  sh: "shell",
  bash: "shell",
  zsh: "shell",
  rb: "ruby",
  sql: "sql",
  toml: "data",
  yml: "data",
  yaml: "data",
  ini: "data",
  cfg: "data",
  conf: "data",
  json: "json",
  css: "style",
  scss: "style",
  less: "style",
  html: "markup",
  xml: "markup",
  svg: "markup",
};
const NAMES: Record<string, string> = { Dockerfile: "shell", Makefile: "shell", Gemfile: "ruby", Rakefile: "ruby" };

export function languageOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return NAMES[name] ?? ENDINGS[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "";
}

const LONGEST = 2000;
const WORDS = /[\p{L}_$][\p{L}\p{N}_$]*|\d[\w.]*|[^\p{L}\p{N}_$"'`/#<*=-]+|[^]/uy;
const TAG = /<\/?[\w:-]*|\/?>|"[^"]*"|'[^']*'|[\w:-]+(?==)|[^<>"'=\s]+|\s+|[^]/y;

/** What a line begins within: how it ends, and how it looks. */
type Open = readonly [end: string, look: string];
const NOTHING: Open = ["", ""];

/** Gives the tokens of a line. A text or comment that goes over lines is carried on: of the lines before the one that is
 * asked for only what they leave open is looked for. */
export function lexer(lines: readonly string[], name: string): (at: number) => Token[] {
  const language = LANGUAGES[name];
  if (!language) return (at) => (lines[at] ? [{ text: lines[at], look: "" }] : []);
  const begins: Open[] = [NOTHING];
  return (at) => {
    for (let line = begins.length - 1; line < at; line++)
      begins.push(read(undefined, lines[line] ?? "", begins[line] ?? NOTHING, language));
    const found: Token[] = [];
    read(found, lines[at] ?? "", begins[at] ?? NOTHING, language);
    return found;
  };
}

/** Puts a line's tokens where they are wanted; what is open at its end. */
function read(found: Token[] | undefined, line: string, open: Open, language: Language): Open {
  const [end, look] = open;
  if (line.length > LONGEST) {
    put(found, line, "");
    return open;
  }
  if (!end) return rest(found, line, 0, language);
  const close = line.indexOf(end);
  if (close < 0) {
    put(found, line, look);
    return open;
  }
  put(found, line.slice(0, close + end.length), look);
  return rest(found, line, close + end.length, language);
}

function put(found: Token[] | undefined, text: string, look: string): void {
  const before = found?.at(-1);
  if (before && before.look === look) before.text += text;
  else if (text) found?.push({ text, look });
}

/** From a place to the line's end. */
function rest(found: Token[] | undefined, line: string, from: number, language: Language): Open {
  let at = from;
  while (at < line.length) {
    if (!language.begins.has(line[at] ?? "")) {
      at = found || language.markup ? word(found, line, at, language) : at + 1;
      continue;
    }
    const comment = language.line.find((mark) => line.startsWith(mark, at) && (mark !== "#" || at === 0 || /\s/.test(line[at - 1] ?? "")));
    if (comment) {
      put(found, line.slice(at), "tok-comment");
      return NOTHING;
    }
    const block = language.block.find(([mark]) => line.startsWith(mark, at));
    const quote = block ? undefined : language.quotes.find(([mark]) => line.startsWith(mark, at));
    if (block || quote) {
      const [begin, end] = block ?? [quote?.[0] ?? "", quote?.[0] ?? ""];
      const look = block ? "tok-comment" : "tok-text";
      const close = closing(line, at + begin.length, end);
      put(found, line.slice(at, close < 0 ? line.length : close), look);
      if (close < 0) return block || quote?.[1] ? [end, look] : NOTHING;
      at = close;
      continue;
    }
    at = word(found, line, at, language);
  }
  return NOTHING;
}

/** The place after the end of a text; a backslash takes the next character with it. */
function closing(line: string, from: number, end: string): number {
  for (let at = from; at <= line.length - end.length; at++) {
    if (line[at] === "\\" && end.length < 4) at++;
    else if (line.startsWith(end, at)) return at + end.length;
  }
  return -1;
}

function word(found: Token[] | undefined, line: string, at: number, language: Language): number {
  const pattern = language.markup ? TAG : WORDS;
  pattern.lastIndex = at;
  const text = pattern.exec(line)?.[0] || line.slice(at, at + 1);
  const next = line[at + text.length];
  if (found) put(found, text, language.markup ? markupLook(text, next) : wordLook(text, next, language));
  return at + text.length;
}

function markupLook(text: string, next: string | undefined): string {
  if (/^["']/.test(text)) return "tok-text";
  if (text.startsWith("<") || text.endsWith(">")) return "tok-word";
  return next === "=" ? "tok-name" : "";
}

function wordLook(text: string, next: string | undefined, language: Language): string {
  if (/^\d/.test(text)) return "tok-number";
  if (language.words.has(text) || (language === LANGUAGES["sql"] && language.words.has(text.toLowerCase()))) return "tok-word";
  return next === "(" && /^[\p{L}_]/u.test(text) ? "tok-name" : "";
}
