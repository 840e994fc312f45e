import type { ComponentChildren } from "preact";

export type Tone = "plain" | "info" | "good" | "bad" | "warn" | "merged";

/** A word in a coloured box. */
export function Badge({ children, tone = "plain", title }: { children: ComponentChildren; tone?: Tone; title?: string | undefined }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

const STATES: Record<string, [Tone, string]> = {
  queued: ["plain", "◌"],
  waiting: ["plain", "◌"],
  running: ["info", "●"],
  paused: ["warn", "❚❚"],
  cancelled: ["plain", "⊘"],
  failed: ["bad", "✕"],
  interrupted: ["warn", "◐"],
  done: ["good", "✓"],
  answered: ["good", "✓"],
  "no change": ["plain", "="],
  passed: ["good", "✓"],
  none: ["plain", "–"],
  open: ["info", "○"],
  draft: ["plain", "◌"],
  merged: ["merged", "◆"],
  closed: ["bad", "✕"],
  active: ["good", "●"],
  disabled: ["plain", "⊘"],
};

/** How a task, a turn, an attempt, a check, a worker or a pull request stands: a sign and a word, never colour alone. */
export function State({ of, title, detail }: { of: string; title?: string | undefined; detail?: ComponentChildren }) {
  const [tone, sign] = STATES[of] ?? ["plain", "·"];
  return (
    <span class={`state ${tone} ${of === "running" ? "live" : ""}`} title={title} data-state={of}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      {of}
      {detail}
    </span>
  );
}

/** Lines added and removed. */
export function DiffStat({ added, removed }: { added: number | null | undefined; removed: number | null | undefined }) {
  if (added == null && removed == null) return null;
  return (
    <span class="diffstat" aria-label={`${added ?? 0} lines added, ${removed ?? 0} removed`}>
      <span class="added">+{added ?? 0}</span> <span class="removed">−{removed ?? 0}</span>
    </span>
  );
}
