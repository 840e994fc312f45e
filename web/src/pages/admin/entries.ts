import type { Entry } from "..";

export const admin: readonly Entry[] = [
  { path: "/repositories", title: "Repositories", nav: "main", sign: "▤", key: "r", load: () => import("./Repositories") },
  { path: "/repositories/:repository", title: "Repository", load: () => import("./Repository") },
  { path: "/settings/account", title: "My account", nav: "own", sign: "☺", key: "a", load: () => import("./Account") },
  { path: "/settings/budgets", title: "Budgets and limits", nav: "own", sign: "$", key: "b", load: () => import("./Spending") },
  { path: "/settings/webhooks", title: "Webhooks", nav: "own", sign: "↗", load: () => import("./Webhooks") },
  { path: "/settings/audit", title: "Audit log", nav: "own", sign: "≡", load: () => import("./Audit") },
  { path: "/settings/organisations/:organisation", title: "Organisation", load: () => import("./Organisation") },
  { path: "/admin/people", title: "People", nav: "admin", sign: "♟", key: "p", admin: true, load: () => import("./People") },
  { path: "/admin/people/:user", title: "Person", admin: true, load: () => import("./Person") },
  {
    path: "/admin/organisations",
    title: "Organisations",
    nav: "admin",
    sign: "⌂",
    admin: true,
    load: () => import("./Organisations"),
  },
  { path: "/admin/forges", title: "Forge connections", nav: "admin", sign: "⇄", admin: true, load: () => import("./Forges") },
  { path: "/admin/workers", title: "Workers", nav: "admin", sign: "⚙", key: "w", admin: true, load: () => import("./Workers") },
  { path: "/admin/settings", title: "Settings", nav: "admin", sign: "☷", admin: true, load: () => import("./Settings") },
];
