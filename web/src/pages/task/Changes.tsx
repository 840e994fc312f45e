// What an attempt has changed: as a whole, or between two of its steps.
import { useState } from "preact/hooks";
import { ask, queryOf } from "../../api";
import { type Loaded, useLoad } from "../../load";
import { Button, Empty, plain, Select, Shown as Showing, Skeleton } from "../../parts";
import { Diff } from "./diff/Diff";
import { type FileDiff, parse } from "./diff/parse";
import type { Remarks } from "./diff/remarks";
import type { Folded, Step } from "./fold";

export function useDiff(attempt: string, from: number, to: number, about: string): Loaded<FileDiff[]> {
  return useLoad(
    async (signal) => {
      const answer = await ask("GET", `/attempts/${encodeURIComponent(attempt)}/diff${queryOf({ from: from || "", to: to || "" })}`, {
        signal,
      });
      return parse(await answer.text());
    },
    [attempt, from, to, about],
  );
}

interface Props {
  attempt: string;
  folded: Folded;
  remarks: Remarks | undefined;
}

/** `ready`: all events that there were are known, so that what comes later is news. */
export function Changes({ ready, ...props }: Props & { ready: boolean }) {
  return ready ? <Ready {...props} /> : <Skeleton lines={12} />;
}

function Ready({ attempt, folded, remarks }: Props) {
  const { steps } = folded;
  const newest = steps.at(-1)?.seq ?? 0;
  const [shown, setShown] = useState(newest);
  const [from, setFrom] = useState("0");
  const [to, setTo] = useState("0");
  const diff = useDiff(attempt, Number(from), Number(to), `${shown} ${folded.checked?.commit ?? ""}`);
  const behind = newest > shown && to === "0";
  return (
    <div class="changes">
      {steps.length > 1 && (
        <div class="changes-tools">
          <Select label="From" value={from} options={options(steps, "the base")} onChange={setFrom} />
          <Select label="To" value={to} options={options(steps, "now")} onChange={setTo} />
          {(from !== "0" || to !== "0") && (
            <Button kind="quiet" onClick={() => (setFrom("0"), setTo("0"))}>
              All of it
            </Button>
          )}
        </div>
      )}
      {behind && (
        <p class="note" role="status">
          More has changed since. <Button onClick={() => setShown(newest)}>Show it</Button>
        </p>
      )}
      <Showing of={diff} lines={12}>
        {(files) =>
          files.length ? (
            <Diff files={files} remarks={remarks} label="Changes" />
          ) : (
            <Empty title="Nothing has changed">Between these two, the files are the same.</Empty>
          )
        }
      </Showing>
    </div>
  );
}

const LONGEST = 70;

function options(steps: readonly Step[], zero: string) {
  const named = steps.map((step) => ({
    value: String(step.seq),
    label: plain(step.name.length > LONGEST ? `${step.name.slice(0, LONGEST)}…` : step.name),
  }));
  return [{ value: "0", label: zero }, ...named];
}
