import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { move } from "./Menu";

export interface Tab<T extends string> {
  name: T;
  title: ComponentChildren;
}

interface Props<T extends string> {
  label: string;
  tabs: readonly Tab<T>[];
  chosen: T;
  onChoose: (name: T) => void;
  /** Of the chosen one. */
  children: ComponentChildren;
}

export function Tabs<T extends string>({ label, tabs, chosen, onChoose, children }: Props<T>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[role="tab"]') ?? [])];
    if (!/^(Arrow(Left|Right)|Home|End)$/.test(event.key) || !move(all, event.key)) return;
    event.preventDefault();
    const at = all.findIndex((one) => one === document.activeElement);
    const tab = tabs[at];
    if (tab) onChoose(tab.name);
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
        {tabs.map((one) => (
          <button
            key={one.name}
            type="button"
            role="tab"
            id={`${id}-${one.name}`}
            aria-selected={one.name === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={one.name === chosen ? 0 : -1}
            onClick={() => onChoose(one.name)}
          >
            {one.title}
          </button>
        ))}
      </div>
      <div class="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>
        {children}
      </div>
    </div>
  );
}
