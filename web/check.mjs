// What the compiler does not say: sizes, and ways to put text into the page that are not text nodes.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const MOST_LINES = 400;
const MOST_IN_FUNCTION = 60;
const FORBIDDEN = [
  [/dangerouslySetInnerHTML|\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\bsrcdoc\b/, "text goes into the page as text nodes only"],
  [/\beval\(|new Function\(/, "nothing is run from text"],
  [/[\s{(]style=/, "no inline styles: a class, or the CSSOM in an effect"],
  [/(:|<|\bas) any\b|@ts-ignore|@ts-nocheck/, "no any"],
  [/https?:\/\/(?!www\.w3\.org\/)[a-z0-9.-]+\.[a-z]{2,}/, "nothing is loaded from elsewhere"],
];
const faults = [];

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
    const path = join(folder, one.name);
    return one.isDirectory() ? files(path) : [path];
  });
}

function longFunctions(lines, path) {
  const open = [];
  for (const [at, line] of lines.entries()) {
    const indent = line.length - line.trimStart().length;
    if (/^\s*(export )?(default )?(async )?function\b.*\{$|^\s*(export )?const \w+ = .*=> \{$/.test(line)) open.push([at, indent]);
    const last = open.at(-1);
    if (last && at > last[0] && indent === last[1] && /^\s*\}/.test(line)) {
      open.pop();
      if (at - last[0] + 1 > MOST_IN_FUNCTION) faults.push(`${path}:${last[0] + 1}: ${at - last[0] + 1} lines in a function (at most ${MOST_IN_FUNCTION})`);
    }
  }
}

for (const path of files("src")) {
  const text = readFileSync(path, "utf8");
  const lines = text.split("\n");
  if (!/\.tsx?$/.test(path) || path.endsWith("generated.ts")) continue;
  if (lines.length > MOST_LINES + 1) faults.push(`${path}: ${lines.length} lines (at most ${MOST_LINES})`);
  longFunctions(lines, path);
  for (const [at, line] of lines.entries()) {
    if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
    for (const [pattern, why] of FORBIDDEN) if (pattern.test(line)) faults.push(`${path}:${at + 1}: ${why}`);
    if (line.length > 140) faults.push(`${path}:${at + 1}: ${line.length} characters (at most 140)`);
  }
}
for (const fault of faults) console.error(fault);
if (faults.length) process.exit(1);
console.log("the page: types, sizes and text nodes are fine");
