import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

export interface MenuItem {
  label: ComponentChildren;
  run: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** Of those of which one holds. */
  checked?: boolean;
}

interface Props {
  /** What the button shows, and what it is called for readers of the screen. */
  children: ComponentChildren;
  label: string;
  items: readonly MenuItem[];
  class?: string | undefined;
}

/** A button that opens a list of actions; arrows, Home, End and Escape work in it. */
export function Menu({ children, label, items, ...more }: Props) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (focus: boolean) => {
    setOpen(false);
    if (focus) button.current?.focus();
  };
  useEffect(() => {
    if (!open) return undefined;
    entries(box.current)[0]?.focus();
    const outside = (event: Event) => event.target instanceof Node && !box.current?.contains(event.target) && close(false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    if (event.key === "Escape" || event.key === "Tab") close(event.key === "Escape");
    else if (!move(entries(box.current), event.key)) return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={`menu ${more.class ?? ""}`} ref={box} onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="button quiet"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={id}
        aria-label={label}
        title={label}
        onClick={() => setOpen(!open)}
      >
        {children}
      </button>
      {open && (
        <div class="menu-list" role="menu" id={id} aria-label={label}>
          {items.map((one, at) => (
            <Item key={at} item={one} onClose={() => close(true)} />
          ))}
        </div>
      )}
    </div>
  );
}

function Item({ item, onClose }: { item: MenuItem; onClose: () => void }) {
  return (
    <button
      type="button"
      role={item.checked === undefined ? "menuitem" : "menuitemradio"}
      aria-checked={item.checked}
      tabIndex={-1}
      class={item.danger ? "danger" : ""}
      disabled={item.disabled}
      onClick={() => {
        onClose();
        item.run();
      }}
    >
      {item.checked !== undefined && <span aria-hidden="true">{item.checked ? "● " : "○ "}</span>}
      {item.label}
    </button>
  );
}

function entries(box: HTMLElement | null): HTMLElement[] {
  return [...(box?.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)') ?? [])];
}

/** Move the focus among these by a key; whether it was one of those keys. */
export function move(among: readonly HTMLElement[], key: string): boolean {
  const at = among.findIndex((one) => one === document.activeElement);
  const last = among.length - 1;
  const next = at === last ? 0 : at + 1;
  const before = at <= 0 ? last : at - 1;
  const to = { ArrowDown: next, ArrowRight: next, ArrowUp: before, ArrowLeft: before, Home: 0, End: last }[key];
  if (to === undefined) return false;
  among[to]?.focus();
  return true;
}
