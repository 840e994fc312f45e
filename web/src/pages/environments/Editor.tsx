import { useRef } from "preact/hooks";
import type { FaultAnswer } from "../../api";
import { Labelled, Plain } from "../../parts";

interface Props {
  text: string;
  faults: readonly FaultAnswer[];
  onInput: (text: string) => void;
  readOnly: boolean;
}

/** Text with the numbers of its lines; those that have a fault are marked, and said below. */
export function Editor({ text, faults, onInput, readOnly }: Props) {
  const numbers = useRef<HTMLOListElement>(null);
  const lines = text.split("\n").length;
  const bad = new Set(faults.map((one) => one.line));
  return (
    <div class="environments-editor">
      <Labelled label="Text of the recipe" error={faults.length ? faults.map(sentence).join(" ") : undefined}>
        {(given) => (
          <div class="environments-lines">
            <ol ref={numbers} aria-hidden="true">
              {Array.from({ length: lines }, (_, at) => (
                <li key={at} class={bad.has(at + 1) ? "bad" : ""}>
                  {bad.has(at + 1) ? "✕ " : ""}
                  {at + 1}
                </li>
              ))}
            </ol>
            <textarea
              {...given}
              class="mono"
              rows={Math.min(40, Math.max(18, lines + 1))}
              spellcheck={false}
              wrap="off"
              readOnly={readOnly}
              value={text}
              onInput={(event) => onInput(event.currentTarget.value)}
              onScroll={(event) => {
                if (numbers.current) numbers.current.scrollTop = event.currentTarget.scrollTop;
              }}
            />
          </div>
        )}
      </Labelled>
      {faults.map((one) => (
        <pre key={one.line} class="hint environments-mend">
          <Plain text={one.mend} />
        </pre>
      ))}
    </div>
  );
}

function sentence(fault: FaultAnswer): string {
  return fault.line ? `Line ${fault.line}: ${fault.text}.` : `${fault.text}.`;
}
