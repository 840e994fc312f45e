// What a model wrote as the arguments of a call: JSON as a rule, and anything at all otherwise.
import type { Call } from "../bodies";

function object(text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    return found && typeof found === "object" ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function commandOf(call: Call): string {
  const found = object(call.arguments)["command"];
  if (call.name === "log") return "";
  return typeof found === "string" ? found : Array.isArray(found) ? found.join(" ") : "";
}

export function patchOf(text: string): string {
  const given = object(text);
  const found = given["patch"] ?? given["input"];
  if (typeof found === "string") return found;
  return text.includes("*** Begin Patch") ? text : "";
}

const LONGEST = 20_000;

export function argument(text: string): string {
  const given = object(text);
  const shown = Object.keys(given).length ? JSON.stringify(given, null, 2) : text;
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}
