// Remarks below lines: those that wait to be sent, and the field for a new one.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../../parts";
import { Shown } from "../text/Shown";
import { placeName } from "./remarks";
import type { Place, Remark } from "./rows";

export function RemarkCard({ remark, onChange, onRemove }: { remark: Remark; onChange: (text: string) => void; onRemove: () => void }) {
  const [editing, setEditing] = useState(false);
  const end = (text?: string) => {
    setEditing(false);
    if (text !== undefined) onChange(text);
  };
  if (editing) return <RemarkField place={remark} first={remark.text} yes="Keep" onDone={end} onCancel={() => end()} />;
  return (
    <div class="remark">
      <div class="remark-head">
        <strong>Your remark</strong> <Shown text={placeName(remark)} /> <span class="hint">not sent yet</span>
      </div>
      <p class="remark-text">
        <Shown text={remark.text} />
      </p>
      <Button kind="quiet" onClick={() => setEditing(true)}>
        Edit
      </Button>
      <Button kind="quiet" onClick={onRemove}>
        Remove
      </Button>
    </div>
  );
}

interface FieldProps {
  place: Place;
  first?: string;
  yes: string;
  onDone: (text: string) => void;
  onCancel: () => void;
}

export function RemarkField({ place, first = "", yes, onDone, onCancel }: FieldProps) {
  const [text, setText] = useState(first);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current?.focus({ preventScroll: true }), []);
  const done = () => (text.trim() ? onDone(text.trim()) : onCancel());
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onCancel();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) done();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="remark writing">
      <div class="remark-head">
        <Shown text={placeName(place)} />
      </div>
      <textarea
        ref={area}
        class="input"
        rows={3}
        aria-label={`Remark on ${placeName(place)}`}
        placeholder="What should be different here?"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <Button kind="primary" onClick={done} disabled={!text.trim()}>
        {yes}
      </Button>
      <Button kind="quiet" onClick={onCancel}>
        Cancel
      </Button>
      <span class="hint">Ctrl+Enter keeps it. All remarks are sent together, below.</span>
    </div>
  );
}
