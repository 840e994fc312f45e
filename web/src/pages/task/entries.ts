import type { Entry } from "..";

export const task: readonly Entry[] = [{ path: "/tasks/:task", title: "Task", load: () => import("./Task") }];
