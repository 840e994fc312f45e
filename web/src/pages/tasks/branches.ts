/** The branches of a repository, asked for when somebody wants to see them. */
import { useState } from "preact/hooks";
import { call } from "../../api";
import { useLate, useLoad } from "../../load";
import type { Suggestion } from "../../parts";

export interface Branches {
  options: readonly Suggestion[];
  /** The one that a task starts from where none is named; empty while that is not known. */
  usual: string;
  /** How that is going, in a sentence; empty when there is nothing to say. */
  note: string;
  /** Whether the repository has answered; undefined while that is not known. */
  answered: boolean | undefined;
  /** Have those with this in their names; empty for all. */
  seek: (part: string) => void;
}

const SEVERAL = 100;

/** Nothing is asked before the first `seek` for that repository; an answer for another one is not shown. */
export function useBranches(repository: string): Branches {
  const [sought, setSought] = useState<{ repository: string; part: string }>();
  const wanted = sought?.repository === repository ? sought.part.trim() : undefined;
  const late = useLate(wanted);
  const part = wanted && late !== undefined ? late : wanted; // the first ones at once
  const found = useLoad(
    async (signal) => {
      if (part === undefined) return undefined;
      const path = { repository_id: repository };
      const answer = await call("GET", "/repositories/{repository_id}/branches", { path, query: { q: part, limit: SEVERAL }, signal });
      return { repository, part, answer };
    },
    [repository, part],
  );
  const value = found.value?.repository === repository ? found.value : undefined;
  const error = wanted === undefined || found.loading ? undefined : found.error;
  const usual = value?.answer.default ?? "";
  return {
    options: value?.answer.branches.map((name) => ({ value: name, about: name === usual ? "default" : undefined })) ?? [],
    usual,
    note: error
      ? `The branches cannot be listed: ${error.message}. Any name can be typed.`
      : wanted === undefined
        ? ""
        : value
          ? said(value.answer.branches.length, value.answer.more, value.part)
          : "Looking for the branches…",
    answered: value ? true : error ? false : undefined,
    seek: (sought) => setSought({ repository, part: sought }),
  };
}

function said(count: number, more: boolean, part: string): string {
  if (more) return "There are more: type a part of the name.";
  if (count) return "";
  return part ? "No branch has that in its name. A tag or a commit can be named too." : "There is no branch yet.";
}
