import type { Entry } from "..";

export const environments: readonly Entry[] = [
  { path: "/environments", title: "Environments", nav: "main", icon: "environments", key: "e", load: () => import("./Environments") },
  { path: "/environments/:repository", title: "Environment", load: () => import("./Environment") },
];
