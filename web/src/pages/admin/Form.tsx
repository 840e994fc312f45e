import type { ComponentChildren } from "preact";
import { Button, Copy, Dialog, Trouble } from "../../parts";
import type { Doing } from "../../load";

interface Props {
  doing: Doing;
  onSubmit: () => void;
  /** What the button says. */
  yes: string;
  children: ComponentChildren;
  onCancel?: (() => void) | undefined;
}

/** A form with one button; Enter sends it. What was wrong stands above. */
export function Form({ doing, onSubmit, yes, children, onCancel }: Props) {
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {doing.error && <Trouble problem={doing.error} />}
      <div class="admin-form">{children}</div>
      <div class="row">
        <Button kind="primary" type="submit" busy={doing.busy}>
          {yes}
        </Button>
        {onCancel && <Button onClick={onCancel}>Cancel</Button>}
      </div>
    </form>
  );
}

interface OnceProps {
  title: string;
  secret: string;
  /** What the button that copies it is called. */
  copy: string;
  onClose: () => void;
  /** What it is for. */
  children?: ComponentChildren;
}

/** A secret that is shown once, with a button that copies it. */
export function Once({ title, secret, copy, onClose, children }: OnceProps) {
  const foot = (
    <Button kind="primary" onClick={onClose}>
      Done
    </Button>
  );
  return (
    <Dialog title={title} onClose={onClose} foot={foot}>
      {children}
      <div class="stack" role="status">
        <p>
          <strong>Copy it now: it is not shown again.</strong> The server keeps only what it needs to check it.
        </p>
        <div class="admin-secret">
          <code>{secret}</code>
          <Copy text={secret} label={copy} />
        </div>
      </div>
    </Dialog>
  );
}
