import type { Entry } from "..";

export const admin: readonly Entry[] = [];
