/** Light, dark, or as the system has it. */
import { keep, kept } from "./load";

export type Theme = "system" | "light" | "dark";

export function theme(): Theme {
  const found = kept("theme");
  return found === "light" || found === "dark" ? found : "system";
}

export function setTheme(to: Theme): void {
  keep("theme", to === "system" ? "" : to);
  applyTheme();
}

export function applyTheme(): void {
  const root = document.documentElement;
  const now = theme();
  if (now === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = now;
}
