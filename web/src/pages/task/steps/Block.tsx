// Some entries of the conversation, drawn where they are near the view. Further away their words are there as text, which
// the browser finds.
import { memo } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Entry } from "../fold";
import { Shown } from "../text/Shown";
import { headOf } from "./CallView";
import { EntryView } from "./EntryView";

/** Who said what, by the number of the event. */
export type Names = ReadonlyMap<number, string>;

interface Props {
  attempt: string;
  by: string;
  names: Names;
  entries: readonly Entry[];
  /** It is in view when the conversation is opened. */
  first: boolean;
  /** It is drawn wherever the view is: news comes there. */
  last: boolean;
  onFork: ((step: string) => void) | undefined;
}

export const Block = memo(Drawn, (before, after) => {
  const { entries, ...more } = after;
  return (
    Object.entries(more).every(([name, value]) => before[name as keyof Props] === value) &&
    before.entries.length === entries.length &&
    before.entries.every((entry, at) => entry === entries[at])
  );
});

function Drawn({ attempt, by, names, entries, first, last, onFork }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const near = useNear(box, first);
  return (
    <div class="steps-block" ref={box}>
      {near || last ? (
        entries.map((entry) => (
          <EntryView key={entry.key} attempt={attempt} by={by} name={names.get(entry.seq) ?? ""} entry={entry} onFork={onFork} />
        ))
      ) : (
        <pre class="steps-far">
          <Shown text={entries.map(wordsOf).join("\n")} />
        </pre>
      )}
    </div>
  );
}

function wordsOf(entry: Entry): string {
  switch (entry.kind) {
    case "call":
      return headOf(entry);
    case "plan":
      return entry.steps.map((one) => one.step).join(" ");
    case "checked":
      return entry.checked.evidence.checks.map((one) => one.command).join(" ");
    case "subtask":
      return entry.task;
    case "review":
      return entry.explanation;
    default:
      return entry.text;
  }
}

const told = new WeakMap<Element, (near: boolean) => void>();
const watcher = new IntersectionObserver((found) => found.forEach((one) => told.get(one.target)?.(one.isIntersecting)), {
  rootMargin: "600px 0px",
});

function useNear(box: { readonly current: HTMLElement | null }, first: boolean): boolean {
  const [near, setNear] = useState(first);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    told.set(element, (now) => setNear((before) => now || (before && held(element))));
    watcher.observe(element);
    return () => watcher.unobserve(element);
  }, []);
  return near;
}

/** Whether something in it is unfolded, marked, or has the focus: that is not taken away. */
function held(element: HTMLElement): boolean {
  const marked = getSelection();
  return (
    element.querySelector("[aria-expanded=true], [aria-pressed=true], details[open]") !== null ||
    element.contains(document.activeElement) ||
    (marked !== null && !marked.isCollapsed && marked.containsNode(element, true))
  );
}
