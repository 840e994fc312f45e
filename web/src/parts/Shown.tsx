/** What is shown while there is nothing yet, when there is nothing, and when something is wrong. */
import type { ComponentChildren } from "preact";
import type { Problem } from "../api";
import type { Loaded } from "../load";
import { Button } from "./Button";
import { Plain } from "./Plain";

export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Grey lines where text will be: as many as it is likely to have, so that nothing jumps. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeletons" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} class="skeleton" />
      ))}
    </div>
  );
}

/** What was wrong, and what one can do about it. */
export function Trouble({ problem, onAgain }: { problem: Problem; onAgain?: (() => void) | undefined }) {
  return (
    <div class="trouble" role="alert">
      <strong>
        <Plain text={problem.message} />
      </strong>
      {problem.mend && (
        <p>
          <Plain text={problem.mend} />
        </p>
      )}
      {Object.entries(problem.fields).map(([place, text]) => (
        <p key={place}>
          <code>
            <Plain text={place} />
          </code>
          : <Plain text={text} />
        </p>
      ))}
      {problem.lines && (
        <pre class="lines">
          <Plain text={problem.lines} />
        </pre>
      )}
      {onAgain && <Button onClick={onAgain}>Try again</Button>}
    </div>
  );
}

/** A value once it is there; until then grey lines or what is wrong. What is there stays while it is asked for anew. */
export function Shown<T>({ of, lines, children }: { of: Loaded<T>; lines?: number; children: (value: T) => ComponentChildren }) {
  return (
    <>
      {of.error && <Trouble problem={of.error} onAgain={of.again} />}
      {of.value !== undefined ? children(of.value) : !of.error && <Skeleton lines={lines ?? 3} />}
    </>
  );
}
