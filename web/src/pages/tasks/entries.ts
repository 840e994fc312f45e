import type { Entry } from "..";

export const tasks: readonly Entry[] = [
  { path: "/", title: "Tasks", load: () => import("./Tasks"), nav: "main", sign: "☾", key: "t" },
];
