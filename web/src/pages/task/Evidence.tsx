// What Midwatch itself ran on the final tree, and whether the record is still as it was written.
import { useState } from "preact/hooks";
import { call, type EvidenceAnswer, newKey, type VerificationAnswer } from "../../api";
import { type Loaded, useDoing } from "../../load";
import { Button, Copy, count, DiffStat, Duration, Empty, Plain, Shown as Showing, State, Trouble } from "../../parts";
import { Cite } from "./text/Markdown";
import { Shown } from "./text/Shown";

export function Evidence({ task, evidence }: { task: string; evidence: Loaded<EvidenceAnswer> }) {
  return (
    <div class="evidence">
      <Showing of={evidence} lines={6}>
        {(found) => (
          <>
            <Checks found={found} />
            <Verify task={task} />
            <Touched found={found} />
          </>
        )}
      </Showing>
    </div>
  );
}

function Checks({ found }: { found: EvidenceAnswer }) {
  if (!found.tree)
    return (
      <Empty title="There is no evidence yet">
        Once the model says that it is done, Midwatch runs the checks itself, in a fresh sandbox.
      </Empty>
    );
  return (
    <>
      <p class="evidence-tree">
        <State of={found.verdict} /> on tree <code>{found.tree.slice(0, 12)}</code>
        <Copy text={found.tree} label="Copy the tree's id" /> in commit <code>{found.commit.slice(0, 12)}</code>
        <Copy text={found.commit} label="Copy the commit's id" />
      </p>
      <p class="hint">Run by Midwatch, not by the model, on exactly this tree in a fresh sandbox.</p>
      <ul class="plain-list checks">
        {found.checks.map((check) => (
          <li key={check.number} class="check-line">
            <State of={check.passed ? "passed" : "failed"} />
            <code class="grow">
              <Shown text={check.command} />
            </code>
            <span class="hint">
              <Plain text={check.ended} />, <Duration seconds={check.seconds} />
            </span>
            {check.digest ? (
              <Cite place={{ of: "check", number: check.number, first: 0, last: 0 }} text={`log (${count(check.lines)} lines)`} />
            ) : (
              <span class="hint">no output</span>
            )}
          </li>
        ))}
      </ul>
      {!found.checks.length && (
        <p class="note warn">No check was given, and none was found in the repository: nothing says that this works.</p>
      )}
    </>
  );
}

function Verify({ task }: { task: string }) {
  const doing = useDoing();
  const [found, setFound] = useState<VerificationAnswer | undefined>();
  const verify = () => doing.run(async () => setFound(await call("POST", "/tasks/{task}/verify", { path: { task }, key: newKey() })));
  return (
    <div class="verify">
      <Button
        onClick={() => void verify()}
        busy={doing.busy}
        title="Compute the chain of events, outputs, commits and the pull request's words once more"
      >
        Verify the record
      </Button>
      {doing.error && <Trouble problem={doing.error} />}
      {found && !doing.busy && (
        <div role="status" class={`verified ${found.ok ? "good" : "bad"}`}>
          {found.ok ? (
            <p>
              ✓ All is as it was written: {count(found.events)} events are chained, {count(found.outputs)} outputs match their SHA-256,{" "}
              {count(found.commits)} {found.commits === 1 ? "commit holds" : "commits hold"} exactly the tree that was checked.
            </p>
          ) : (
            <>
              <p>✕ The record is not as it was written:</p>
              <ul>
                {found.faults.map((fault, at) => (
                  <li key={at}>
                    <Shown text={fault} />
                  </li>
                ))}
              </ul>
            </>
          )}
          {found.heads.map((head) => (
            <p key={head.attempt} class="hint">
              head of {head.attempt}: event {head.events}, <code>{head.hash.slice(0, 16)}</code>
            </p>
          ))}
        </div>
      )}
    </div>
  );
}

function Touched({ found }: { found: EvidenceAnswer }) {
  if (!found.changes.length) return null;
  return (
    <>
      <h2>Changed files</h2>
      <ul class="plain-list touched">
        {found.changes.map((one) => (
          <li key={one.path}>
            <code class="grow">
              <Shown text={one.old_path ? `${one.old_path} → ${one.path}` : one.path} />
            </code>
            {one.added === null ? <span class="hint">binary</span> : <DiffStat added={one.added} removed={one.removed} />}
          </li>
        ))}
      </ul>
    </>
  );
}
