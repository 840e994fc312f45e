/** What a component shows that comes from the server, and what it does there. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { gone, Problem } from "./api";

export interface Loaded<T> {
  /** The newest answer; it stays while a newer one is asked for, so that nothing jumps. */
  value: T | undefined;
  error: Problem | undefined;
  loading: boolean;
  /** Ask again. */
  again: () => void;
  /** Replace it: what the stream said, or what an action is about to have done. */
  set: (change: (value: T | undefined) => T | undefined) => void;
}

/** Ask when the component is first shown and whenever one of `about` changes; what was asked before is given up. */
export function useLoad<T>(asking: (signal: AbortSignal) => Promise<T>, about: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value: T | undefined; error: Problem | undefined; loading: boolean }>({
    value: undefined,
    error: undefined,
    loading: true,
  });
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    asking(ending.signal).then(
      (value) => !ending.signal.aborted && setState({ value, error: undefined, loading: false }),
      (error: unknown) => {
        if (gone(error) || ending.signal.aborted) return;
        setState((before) => ({ value: before.value, error: asProblem(error), loading: false }));
      },
    );
    return () => ending.abort();
  }, [...about, times]);
  const again = useCallback(() => setTimes((before) => before + 1), []);
  const set = useCallback((change: (value: T | undefined) => T | undefined) => {
    setState((before) => ({ ...before, value: change(before.value) }));
  }, []);
  return { ...state, again, set };
}

export interface Doing {
  /** Do it; true when it has succeeded. While it is being done another call does nothing. */
  run: (action: () => Promise<unknown>) => Promise<boolean>;
  busy: boolean;
  error: Problem | undefined;
  clear: () => void;
}

/** An action of a form or a button: whether it is under way, and what was wrong with the last one. */
export function useDoing(): Doing {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Problem | undefined>();
  const doing = useRef(false);
  const run = useCallback(async (action: () => Promise<unknown>) => {
    if (doing.current) return false;
    doing.current = true;
    setBusy(true);
    try {
      await action();
      setError(undefined);
      return true;
    } catch (caught) {
      setError(asProblem(caught));
      return false;
    } finally {
      doing.current = false;
      setBusy(false);
    }
  }, []);
  return { run, busy, error, clear: () => setError(undefined) };
}

/** A value that comes late: typing asks the server once it pauses. */
export function useLate<T>(value: T, milliseconds = 250): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return late;
}

/** A string that is kept in this browser under a name, so that what was typed is not lost. */
export function useKept(name: string, first = ""): [string, (value: string) => void] {
  const [value, setValue] = useState(() => kept(name) ?? first);
  const set = useCallback(
    (next: string) => {
      setValue(next);
      keep(name, next);
    },
    [name],
  );
  return [value, set];
}

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`midwatch.${name}`);
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function keep(name: string, value: string): void {
  try {
    if (value) localStorage.setItem(`midwatch.${name}`, value);
    else localStorage.removeItem(`midwatch.${name}`);
  } catch {
    // a browser that keeps nothing
  }
}

/** Any error as what is shown of it. A fault of this page is said as one, and is in the browser's console. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem(0, "this page has a fault", "load it again; the browser's console has more");
}
