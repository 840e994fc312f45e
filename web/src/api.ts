/** Asking the API. Errors are Problem Details, thrown as `Problem`; `mend` says what a person can do. */
import type { Nothing, Paths, ProblemDetails } from "./generated";

export type * from "./generated";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
interface Operation {
  path: unknown;
  query: unknown;
  body: unknown;
  answer: unknown;
}
type Of<P extends keyof Paths, M extends keyof Paths[P]> = Paths[P][M] extends infer O extends Operation ? O : never;
export type PathsWith<M extends Method> = { [P in keyof Paths]: M extends keyof Paths[P] ? P : never }[keyof Paths];
type Part<K extends string, T> = T extends Nothing | undefined ? { [Key in K]?: undefined } : { [Key in K]: T };
type OptionalPart<K extends string, T> = T extends Nothing | undefined ? { [Key in K]?: undefined } : { [Key in K]?: T };
export type Asked<P extends keyof Paths, M extends keyof Paths[P]> = Part<"path", Of<P, M>["path"]> &
  OptionalPart<"query", Of<P, M>["query"]> &
  Part<"body", Of<P, M>["body"]> & {
    /** Ends the request when it is no longer wanted. */
    signal?: AbortSignal | undefined;
    /** Of a POST that must not be done twice: tried again with the same key it is done once. */
    key?: string | undefined;
  };

/** What the server (or the network) said instead of an answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly mend = "",
    /** Which fields of a form are wrong (`limits.turns`), and why. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** What a person needs beside the sentence, such as the end of an output. */
    readonly lines = "",
  ) {
    super(message);
  }
}

/** A request that nobody waits for any more. */
export function gone(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** As `call`, where the answer is not JSON: bytes of an output, a diff, a file of CSV. */
export async function ask(method: Method, path: string, more: RequestInit = {}): Promise<Response> {
  const headers = new Headers(more.headers);
  headers.set("X-Midwatch", "1"); // what no form of a stranger's page can set
  let answer: Response;
  try {
    answer = await fetch(`/api/v1${path}`, { ...more, method, headers, credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (gone(error)) throw error;
    throw new Problem(0, "the server cannot be reached", "look whether it runs, then try again");
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401) signedOut();
  throw problem;
}

/** Ask one operation of the API, typed by its OpenAPI document: `call("GET", "/tasks/{task}", { path: { task } })`. */
export async function call<M extends Method, P extends PathsWith<M>>(
  method: M,
  path: P,
  ...[asked]: Nothing extends Asked<P, M & keyof Paths[P]> ? [Asked<P, M & keyof Paths[P]>?] : [Asked<P, M & keyof Paths[P]>]
): Promise<Of<P, M & keyof Paths[P]>["answer"]> {
  type Answer = Of<P, M & keyof Paths[P]>["answer"];
  const { path: within, query, body, signal, key } = (asked ?? {}) as Loose;
  const init: RequestInit = { signal: signal ?? null };
  const headers = new Headers();
  if (key) headers.set("Idempotency-Key", key);
  if (body !== undefined) {
    const raw = typeof body === "string" || body instanceof Blob || body instanceof FormData || body instanceof ArrayBuffer;
    if (!raw) headers.set("Content-Type", "application/json");
    init.body = raw ? body : JSON.stringify(body);
  }
  const answer = await ask(method, filled(path, within) + queryOf(query), { ...init, headers });
  if (answer.status === 204) return undefined as Answer;
  const json = (answer.headers.get("Content-Type") ?? "").includes("json");
  return (json ? await answer.json() : await answer.text()) as Answer;
}

/** A new key for `key`: kept with a form until it has succeeded, a second click does nothing twice. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join("");
}

/** Called when a request is answered 401: the session is over. One listener, the app's. */
export function whenSignedOut(listener: () => void): void {
  signedOut = listener;
}

let signedOut: () => void = () => undefined;

interface Loose {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal;
  key?: string;
}

function filled(path: string, within: Record<string, string | number> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(within[name] ?? "")));
}

/** `?a=1&b=2`; values that are undefined, null or empty are left out. */
export function queryOf(query: Record<string, unknown> = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") found.append(name, String(one));
    }
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const found = (await answer.json()) as Partial<ProblemDetails>;
    const fields = Object.fromEntries((found.faults ?? []).map((one) => [one.place.replace(/^body\./, ""), one.text]));
    return new Problem(answer.status, found.detail || found.title || answer.statusText, found.mend ?? "", fields, found.lines ?? "");
  } catch {
    return new Problem(answer.status, `the server answered ${answer.status}`, "look into its log");
  }
}
