import type { Entry } from "..";

export const admin: readonly Entry[] = [
  { path: "/repositories", title: "Repositories", nav: "main", icon: "repositories", key: "r", load: () => import("./Repositories") },
  { path: "/repositories/:repository", title: "Repository", load: () => import("./Repository") },
  { path: "/settings/account", title: "My account", nav: "own", icon: "account", key: "a", load: () => import("./Account") },
  { path: "/settings/budgets", title: "Budgets and limits", nav: "own", icon: "budgets", key: "b", load: () => import("./Spending") },
  { path: "/settings/webhooks", title: "Webhooks", nav: "own", icon: "webhooks", load: () => import("./Webhooks") },
  { path: "/settings/audit", title: "Audit log", nav: "own", icon: "audit", load: () => import("./Audit") },
  { path: "/settings/organisations/:organisation", title: "Organisation", load: () => import("./Organisation") },
  { path: "/admin/people", title: "People", nav: "admin", icon: "people", key: "p", admin: true, load: () => import("./People") },
  { path: "/admin/people/:user", title: "Person", admin: true, load: () => import("./Person") },
  {
    path: "/admin/organisations",
    title: "Organisations",
    nav: "admin",
    icon: "organisations",
    admin: true,
    load: () => import("./Organisations"),
  },
  { path: "/admin/forges", title: "Forge connections", nav: "admin", icon: "forges", admin: true, load: () => import("./Forges") },
  { path: "/admin/workers", title: "Workers", nav: "admin", icon: "workers", key: "w", admin: true, load: () => import("./Workers") },
  { path: "/admin/settings", title: "Settings", nav: "admin", icon: "settings", admin: true, load: () => import("./Settings") },
];
