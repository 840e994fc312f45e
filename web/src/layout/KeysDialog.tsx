import { allKeys } from "../keys";
import { Dialog } from "../parts";

const SPOKEN: Record<string, string> = { mod: navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl", Escape: "Esc" };

export function KeysDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {allKeys().map((one) => (
          <div key={one.key}>
            <dt>
              {one.key.split(/[ +]/).map((part, at) => (
                <kbd key={at}>{SPOKEN[part] ?? part}</kbd>
              ))}
            </dt>
            <dd>{one.about}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
