/** Who is signed in, and what they may. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Me } from "./api";

const ME = createContext<Me | undefined>(undefined);
export const Session = ME.Provider;

/** Each may what those before it may. */
export const ROLES = ["viewer", "member", "maintainer", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** The person who is signed in; only within the pages. */
export function useMe(): Me {
  const me = useContext(ME);
  if (!me) throw new Error("nobody is signed in here");
  return me;
}

/** Whether they may do on a repository (its id) what takes that role. The server has the last word. */
export function may(me: Me, repository: string, role: Exclude<Role, "admin">): boolean {
  const mine = me.roles[repository];
  return me.admin || (mine !== undefined && ROLES.indexOf(mine) >= ROLES.indexOf(role));
}
