import { useEffect, useState } from "preact/hooks";
import { asProblem } from "../load";
import { Plain } from "./Plain";

interface Word {
  id: number;
  text: string;
  bad: boolean;
}

const SECONDS = 6;
let words: readonly Word[] = [];
let count = 0;
let changed: (now: readonly Word[]) => void = () => undefined;

/** Say something in the corner for some seconds, also to readers of the screen. */
export function toast(text: string, bad = false): void {
  const word = { id: ++count, text, bad };
  put([...words.slice(-3), word]);
  setTimeout(() => put(words.filter((one) => one !== word)), SECONDS * 1000);
}

/** Do something of which only a failure is to be said, or `done` too. True when it has succeeded. */
export async function attempt(action: () => Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await action();
    if (done) toast(done);
    return true;
  } catch (error) {
    const problem = asProblem(error);
    toast(problem.message + (problem.mend ? `: ${problem.mend}` : ""), true);
    return false;
  }
}

function put(now: readonly Word[]): void {
  words = now;
  changed(now);
}

export function Toasts() {
  const [shown, setShown] = useState(words);
  useEffect(() => {
    changed = setShown;
    return () => void (changed = () => undefined);
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} class={`toast ${one.bad ? "bad" : ""}`}>
          <Plain text={one.text} />
        </div>
      ))}
    </div>
  );
}
