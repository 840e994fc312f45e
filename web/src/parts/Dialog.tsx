import type { ComponentChildren } from "preact";
import { render } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "./Button";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons below, the main one last. */
  foot?: ComponentChildren;
  wide?: boolean;
}

/** Shown while it is rendered. The browser's own `dialog`: it keeps the focus within and gives it back at the end. */
export function Dialog({ title, onClose, children, foot, wide }: Props) {
  const self = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    self.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={self}
      class={`dialog ${wide ? "wide" : ""}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === self.current && onClose()}
    >
      <div class="dialog-box">
        <header>
          <h2 id={id}>{title}</h2>
          <Button kind="quiet" label="Close" onClick={onClose}>
            ✕
          </Button>
        </header>
        <div class="dialog-body">{children}</div>
        {foot && <footer>{foot}</footer>}
      </div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: ComponentChildren;
  /** What the button says: what will be done. */
  yes: string;
  danger?: boolean;
}

/** Ask the person; true when they said yes. */
export function confirm({ title, text, yes, danger }: Question): Promise<boolean> {
  const place = document.createElement("div");
  document.body.append(place);
  return new Promise((answer) => {
    const end = (said: boolean) => {
      render(null, place);
      place.remove();
      answer(said);
    };
    const foot = (
      <>
        <Button onClick={() => end(false)}>Cancel</Button>
        <Button kind={danger ? "danger" : "primary"} onClick={() => end(true)}>
          {yes}
        </Button>
      </>
    );
    render(
      <Dialog title={title} onClose={() => end(false)} foot={foot}>
        <p>{text}</p>
      </Dialog>,
      place,
    );
  });
}
