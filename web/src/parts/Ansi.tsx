import { Fragment } from "preact";
import { type Look, parseLines, type Span } from "./ansi";
import { Plain } from "./Plain";

const LEVELS = [0, 95, 135, 175, 215, 255];
let made = false;

/** One parsed line. Viewers of long logs parse with `parseLines` and draw the lines that are seen. */
export function AnsiLine({ spans }: { spans: readonly Span[] }) {
  return (
    <>
      {spans.map((span, at) => {
        const name = classes(span.look);
        return name ? (
          <span key={at} class={name}>
            <Plain text={span.text} />
          </span>
        ) : (
          <Plain key={at} text={span.text} />
        );
      })}
    </>
  );
}

/** Text of a terminal, with its colours. */
export function Ansi({ text }: { text: string }) {
  const lines = parseLines(text.split("\n"));
  return (
    <>
      {lines.map((spans, at) => (
        <Fragment key={at}>
          {at > 0 && "\n"}
          <AnsiLine spans={spans} />
        </Fragment>
      ))}
    </>
  );
}

function classes(look: Look): string {
  const [fore, back] = look.inverse ? [look.back ?? -1, look.fore ?? -2] : [look.fore, look.back];
  const names: string[] = [];
  if (fore !== undefined) names.push(fore === -1 ? "ansi-inverse-fore" : `ansi-f${fore}`);
  if (back !== undefined) names.push(back === -2 ? "ansi-inverse-back" : `ansi-b${back}`);
  for (const name of ["bold", "dim", "italic", "underline", "strike"] as const) if (look[name]) names.push(`ansi-${name}`);
  if (names.some((name) => /\d{2,}/.test(name))) makeColours();
  return names.join(" ");
}

/** The classes of the 240 colours above the first 16, made once they are needed. The first 16 are in the theme. */
function makeColours(): void {
  if (made) return;
  made = true;
  const sheet = new CSSStyleSheet();
  for (let index = 16; index < 256; index++) {
    const colour = rgb(index);
    sheet.insertRule(`.ansi-f${index} { color: ${colour}; }`);
    sheet.insertRule(`.ansi-b${index} { background: ${colour}; }`);
  }
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

function rgb(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const place = index - 16;
  const parts = [Math.floor(place / 36), Math.floor(place / 6) % 6, place % 6].map((level) => LEVELS[level]);
  return `rgb(${parts.join(" ")})`;
}
