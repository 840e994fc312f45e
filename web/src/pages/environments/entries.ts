import type { Entry } from "..";

export const environments: readonly Entry[] = [];
