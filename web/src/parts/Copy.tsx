import { useState } from "preact/hooks";
import { Button } from "./Button";
import { Plain } from "./Plain";
import { toast } from "./Toast";

/** A button that puts text on the clipboard. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await put(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      toast("this browser does not let the page copy: mark the text and copy it", true);
    }
  };
  return (
    <Button kind="quiet" label={label} onClick={() => void copy()} class="copy">
      {copied ? "✓" : "❐"}
    </Button>
  );
}

/** A command to copy. */
export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>
        <Plain text={text} />
      </code>
      <Copy text={text} label="Copy the command" />
    </div>
  );
}

async function put(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // without TLS on another machine there is no such thing; the old way asks for nothing
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}
