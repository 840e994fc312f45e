import type { Entry } from "..";

export const insight: readonly Entry[] = [
  { path: "/insight", title: "Insight", nav: "main", icon: "insight", key: "i", load: () => import("./Insight") },
];
