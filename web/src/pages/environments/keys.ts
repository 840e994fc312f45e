/** What a terminal is sent for a key. Empty for keys that are the browser's. */
const NAMED: Readonly<Record<string, string>> = {
  Enter: "\r",
  Backspace: "\x7f",
  Tab: "\t",
  Escape: "\x1b",
  ArrowUp: "\x1b[A",
  ArrowDown: "\x1b[B",
  ArrowRight: "\x1b[C",
  ArrowLeft: "\x1b[D",
  Home: "\x1b[H",
  End: "\x1b[F",
  Insert: "\x1b[2~",
  Delete: "\x1b[3~",
  PageUp: "\x1b[5~",
  PageDown: "\x1b[6~",
};

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
}

export function bytesOf(event: Pressed, applicationCursor: boolean): string {
  if (event.metaKey) return "";
  if (event.key === "Tab" && event.shiftKey) return ""; // leads out of the terminal, for who uses the keyboard alone
  const named = NAMED[event.key];
  if (named) return applicationCursor && /^\x1b\[[A-DHF]$/.test(named) ? named.replace("[", "O") : event.altKey ? `\x1b${named}` : named;
  if ([...event.key].length !== 1) return "";
  if (event.ctrlKey && event.shiftKey) return ""; // copying and pasting
  if (event.ctrlKey) return control(event.key);
  return event.altKey ? `\x1b${event.key}` : event.key;
}

function control(key: string): string {
  const code = key.toUpperCase().charCodeAt(0);
  if (key === " ") return "\0";
  return code >= 64 && code < 96 ? String.fromCharCode(code - 64) : "";
}
