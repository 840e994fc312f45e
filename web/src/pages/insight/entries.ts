import type { Entry } from "..";

export const insight: readonly Entry[] = [
  { path: "/insight", title: "Insight", nav: "main", sign: "◫", key: "i", load: () => import("./Insight") },
];
