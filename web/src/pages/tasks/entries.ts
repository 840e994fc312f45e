import type { Entry } from "..";

const load = () => import("./Tasks");

export const tasks: readonly Entry[] = [
  { path: "/", title: "Tasks", load, nav: "main", sign: "☾", key: "t" },
  { path: "/tasks", title: "Tasks", load },
];
