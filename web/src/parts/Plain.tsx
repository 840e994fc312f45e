/** Text that somebody else wrote: a model, a repository, a person. */
import { Fragment } from "preact";

// Controls that move, hide or turn around what stands beside them. A tab and a line break are none of them.
const CONTROLS = String.raw`\u0000-\u0008\u000b-\u001f\u007f-\u009f`;
const UNSEEN = String.raw`\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}`;
const MARKED = new RegExp(`[${CONTROLS}${UNSEEN}]`, "gu");

/** As text nodes, with each such control as a mark that says which one it is. A joiner within an emoji stays. */
export function Plain({ text }: { text: string }) {
  const parts = marked(text);
  if (parts.length === 1 && typeof parts[0] === "string") return <>{parts[0]}</>;
  return (
    <>
      {parts.map((part, at) =>
        typeof part === "string" ? (
          <Fragment key={at}>{part}</Fragment>
        ) : (
          <span key={at} class="mark" title={`a control character: ${part.mark}`}>
            {part.mark}
          </span>
        ),
      )}
    </>
  );
}

/** Text and marks, in order. */
export function marked(text: string): (string | { mark: string })[] {
  const parts: (string | { mark: string })[] = [];
  let at = 0;
  for (const found of text.matchAll(MARKED)) {
    if (found[0] === "\u200d" && /\p{Extended_Pictographic}\ufe0f?$/u.test(text.slice(Math.max(0, found.index - 3), found.index))) continue;
    if (found.index > at) parts.push(text.slice(at, found.index));
    parts.push({ mark: nameOf(found[0]) });
    at = found.index + found[0].length;
  }
  if (at < text.length || !parts.length) parts.push(text.slice(at));
  return parts;
}

/** The same as one string, for titles and labels. */
export function plain(text: string): string {
  return marked(text)
    .map((part) => (typeof part === "string" ? part : part.mark))
    .join("");
}

function nameOf(control: string): string {
  const code = control.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
