/** All pages. An author adds theirs in the `entries.ts` of their own folder. */
import type { ComponentType } from "preact";
import type { IconName } from "../parts";
import { admin } from "./admin/entries";
import { environments } from "./environments/entries";
import { insight } from "./insight/entries";
import { task } from "./task/entries";
import { tasks } from "./tasks/entries";

export interface PageProps {
  /** Of the path: `:task` is `params.task`. */
  params: Readonly<Record<string, string>>;
}

export interface Entry {
  /** `/tasks/:task` */
  path: string;
  /** Of the browser's window, and in the navigation. */
  title: string;
  /** Loaded when it is first shown. */
  load: () => Promise<{ default: ComponentType<PageProps> }>;
  /** Stands in the navigation: in `main`, or below Administration (`admin`) or one's own settings (`own`). */
  nav?: "main" | "admin" | "own";
  /** Its drawing in the navigation. */
  icon?: IconName;
  /** For administrators of the server alone. */
  admin?: boolean;
  /** The second of the two keys that lead there: `t` for `g t`. */
  key?: string;
}

export const PAGES: readonly Entry[] = [...tasks, ...task, ...environments, ...insight, ...admin];
