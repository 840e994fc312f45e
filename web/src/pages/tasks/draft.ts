/** What is being written and was not sent yet; kept in this browser. */
import { useState } from "preact/hooks";
import type { TaskAsked } from "../../api";
import { keep, kept } from "../../load";

export interface Draft {
  prompt: string;
  repository: string;
  ask: boolean;
  base: string;
  attempts: string;
  select: "" | "review";
  model: string;
  turns: string;
  dollars: string;
  minutes: string;
  checks: string;
  later: string;
  batch: boolean;
}

const EMPTY: Draft = {
  prompt: "",
  repository: "",
  ask: false,
  base: "",
  attempts: "1",
  select: "",
  model: "",
  turns: "",
  dollars: "",
  minutes: "",
  checks: "",
  later: "",
  batch: false,
};
const NAME = "draft";

export function useDraft(): [Draft, (change: Partial<Draft>) => void] {
  const [draft, setDraft] = useState(read);
  const change = (more: Partial<Draft>) =>
    setDraft((before) => {
      const next = { ...before, ...more };
      keep(NAME, JSON.stringify(next));
      return next;
    });
  return [draft, change];
}

/** After it was sent: the words and the time go, the other choices stay for the next one. */
export const SENT: Partial<Draft> = { prompt: "", later: "", checks: "" };

function read(): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(kept(NAME) ?? "{}") as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

/** What the API is asked for. */
export function asked(draft: Draft): TaskAsked {
  const number = (text: string, times: number) => (Number(text) > 0 ? Math.round(Number(text) * times) : null);
  return {
    prompt: draft.prompt,
    repository: draft.repository,
    base: draft.base.trim() || null,
    model: draft.model.trim() || null,
    mode: draft.ask ? "read-only" : "",
    attempts: draft.ask ? 1 : Number(draft.attempts) || 1,
    select: draft.select,
    checks: draft.checks.split("\n").map((one) => one.trim()).filter(Boolean),
    limits: { turns: number(draft.turns, 1), cost_microusd: number(draft.dollars, 1e6), seconds: number(draft.minutes, 60) },
    priority: draft.batch ? "batch" : "interactive",
    begin_at: draft.later ? new Date(draft.later).toISOString() : null,
  };
}

/** How many of the choices behind the button are not as usual. */
export function chosen(draft: Draft): number {
  const { model, turns, dollars, minutes, checks, later } = draft;
  const texts = [model, turns, dollars, minutes, checks, later].filter(Boolean).length;
  return texts + Number(draft.attempts !== "1") + Number(draft.batch);
}
