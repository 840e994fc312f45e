/** What a terminal would have shown, read into spans: colours and weights; everything else that moves is left out. */

export interface Look {
  fore: number | undefined;
  back: number | undefined;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  strike: boolean;
}

export interface Span {
  text: string;
  look: Look;
}

export const PLAIN: Look = {
  fore: undefined,
  back: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
};

// CSI; OSC, DCS and their like up to BEL or ST; the other two-byte ones. What is cut off at the end is taken too.
const ESCAPE = new RegExp(
  [
    String.raw`\u001b\[([0-9:;<=>?]*)[ -/]*([@-~])`,
    String.raw`\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)`,
    String.raw`\u001b[ -/]*[0-Z\\^-~]`,
    String.raw`\u001b\[[0-9:;<=>?]*[ -/]*$`,
    String.raw`\u001b`,
  ].join("|"),
  "g",
);

/** A line (without its line break) and how the next one begins. A carriage return begins the line anew. */
export function parseLine(line: string, before: Look = PLAIN): { spans: Span[]; look: Look } {
  const spans: Span[] = [];
  let look = before;
  let at = 0;
  const text = line.replace(/\r+$/, "");
  for (const found of text.matchAll(ESCAPE)) {
    put(spans, text.slice(at, found.index), look);
    at = found.index + found[0].length;
    if (found[2] === "m" && !/[<=>?]/.test(found[1] ?? "")) look = styled(look, found[1] ?? "");
  }
  put(spans, text.slice(at), look);
  return { spans, look };
}

/** Lines, each beginning as the one before ended. */
export function parseLines(lines: readonly string[], before: Look = PLAIN): Span[][] {
  let look = before;
  return lines.map((line) => {
    const parsed = parseLine(line, look);
    look = parsed.look;
    return parsed.spans;
  });
}

function put(spans: Span[], text: string, look: Look): void {
  const again = text.lastIndexOf("\r");
  if (again >= 0) {
    spans.length = 0; // a bar of progress draws over itself: its last state is what was seen
    text = text.slice(again + 1);
  }
  let back = text.indexOf("\b");
  while (back >= 0) {
    text = text.slice(0, Math.max(0, back - 1)) + text.slice(back + 1);
    back = text.indexOf("\b");
  }
  if (text) spans.push({ text, look });
}

function styled(before: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map((one) => (one === "" ? 0 : Number(one)));
  let look = { ...before };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, taken] = extended(codes.slice(at + 1));
      if (code === 38) look.fore = colour;
      else look.back = colour;
      at += taken;
    } else look = one(look, code);
  }
  return look;
}

function one(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code >= 30 && code <= 37) return { ...look, fore: code - 30 };
  if (code >= 90 && code <= 97) return { ...look, fore: code - 82 };
  if (code >= 40 && code <= 47) return { ...look, back: code - 40 };
  if (code >= 100 && code <= 107) return { ...look, back: code - 92 };
  switch (code) {
    case 1: return { ...look, bold: true };
    case 2: return { ...look, dim: true };
    case 3: return { ...look, italic: true };
    case 4: return { ...look, underline: true };
    case 7: return { ...look, inverse: true };
    case 9: return { ...look, strike: true };
    case 22: return { ...look, bold: false, dim: false };
    case 23: return { ...look, italic: false };
    case 24: return { ...look, underline: false };
    case 27: return { ...look, inverse: false };
    case 29: return { ...look, strike: false };
    case 39: return { ...look, fore: undefined };
    case 49: return { ...look, back: undefined };
    default: return look;
  }
}

/** Of `5;N` and `2;R;G;B`: a colour of the 256, and how many numbers it took. */
function extended(codes: readonly number[]): [number | undefined, number] {
  if (codes[0] === 5) {
    const index = codes[1] ?? 0;
    return [index >= 0 && index < 256 ? index : undefined, 2];
  }
  if (codes[0] !== 2) return [undefined, 1];
  const [red, green, blue] = [1, 2, 3].map((at) => Math.round((Math.min(255, Math.max(0, codes[at] ?? 0)) / 255) * 5));
  return [16 + 36 * (red ?? 0) + 6 * (green ?? 0) + (blue ?? 0), 4];
}
