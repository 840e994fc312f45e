/** Whole lists of what is small: users, repositories, organisations. */
import { call, type Me, type OrganisationAnswer, type RepositoryAnswer, type UserAnswer } from "../../api";
import { ROLES } from "../../session";

export const ROLE_OPTIONS = ROLES.map((value) => ({ value, label: value }));

async function whole<T>(page: (after: string) => Promise<{ rows: readonly T[]; next: string | null }>): Promise<T[]> {
  const found: T[] = [];
  for (let after: string | null = ""; after !== null;) {
    const { rows, next }: { rows: readonly T[]; next: string | null } = await page(after);
    found.push(...rows);
    after = next;
  }
  return found;
}

export function allUsers(signal: AbortSignal): Promise<UserAnswer[]> {
  return whole(async (after) => {
    const { users, next } = await call("GET", "/users", { signal, query: { after, limit: 1000 } });
    return { rows: users, next };
  });
}

export function allRepositories(signal: AbortSignal): Promise<RepositoryAnswer[]> {
  return whole(async (after) => {
    const { repositories, next } = await call("GET", "/repositories", { signal, query: { after, limit: 1000 } });
    return { rows: repositories, next };
  });
}

export function allOrganisations(signal: AbortSignal): Promise<OrganisationAnswer[]> {
  return whole(async (after) => {
    const { organisations, next } = await call("GET", "/organisations", { signal, query: { after, limit: 1000 } });
    return { rows: organisations, next };
  });
}

/** Whether they administer a repository or an organisation, where that was given to them. */
export function administers(me: Me, role: string | null | undefined): boolean {
  return me.admin || role === "admin";
}

/** A field of a form: empty for none. Undefined for what is no number. */
export function numberOf(text: string): number | null | undefined {
  if (!text.trim()) return null;
  const found = Number(text.replace(/,/g, ""));
  return Number.isFinite(found) ? found : undefined;
}
