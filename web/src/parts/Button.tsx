import type { ComponentChildren } from "preact";

interface Props {
  children: ComponentChildren;
  onClick?: ((event: MouseEvent) => void) | undefined;
  kind?: "primary" | "plain" | "quiet" | "danger";
  type?: "button" | "submit";
  disabled?: boolean | undefined;
  /** What it does is under way: it cannot be pressed again, and its size stays. */
  busy?: boolean | undefined;
  /** For readers of the screen, where the children are only a sign. */
  label?: string | undefined;
  title?: string | undefined;
  pressed?: boolean | undefined;
  class?: string | undefined;
}

export function Button({ children, onClick, kind = "plain", type = "button", disabled, busy, label, title, pressed, ...more }: Props) {
  return (
    <button
      type={type}
      class={`button ${kind} ${busy ? "busy" : ""} ${more.class ?? ""}`}
      onClick={onClick}
      disabled={disabled || busy}
      aria-busy={busy}
      aria-label={label}
      aria-pressed={pressed}
      title={title ?? label}
    >
      {children}
    </button>
  );
}
