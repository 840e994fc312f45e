import type { Entry } from "..";

export const task: readonly Entry[] = [];
