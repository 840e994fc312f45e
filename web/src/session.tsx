/** Who is signed in, and what they may. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Me } from "./api";

const ME = createContext<Me | undefined>(undefined);
export const Session = ME.Provider;

const ROLES = ["viewer", "member", "maintainer", "admin"];

/** The person who is signed in; only within the pages. */
export function useMe(): Me {
  const me = useContext(ME);
  if (!me) throw new Error("nobody is signed in here");
  return me;
}

/** Whether they may do on a repository (its id) what takes that role. The server has the last word. */
export function may(me: Me, repository: string, role: "viewer" | "member" | "maintainer"): boolean {
  return me.admin || ROLES.indexOf(me.roles[repository] ?? "") >= ROLES.indexOf(role);
}
