import { useEffect, useRef, useState } from "preact/hooks";
import { call, type SittingAnswer } from "../../api";
import { Ansi, attempt, Button, duration, Plain, size, State } from "../../parts";
import { may, useMe } from "../../session";
import { useFollowed } from "./follow";

interface Props {
  repository: string;
  build: SittingAnswer;
  onOver: () => void;
}

const MOST = 400_000;

/** What its commands print, as it comes, and which line of the recipe has failed. */
export function BuildLog({ repository, build, onOver }: Props) {
  const me = useMe();
  const [state, setState] = useState(build);
  const [text, setText] = useState("");
  const decoder = useRef(new TextDecoder());
  const connected = useFollowed(`/repositories/${encodeURIComponent(repository)}/environment/builds/${build.id}/output`, {
    onBytes: (bytes) => {
      const more = decoder.current.decode(bytes, { stream: true });
      setText((before) => (before + more).slice(-MOST));
    },
    onState: (now) => {
      setState(now);
      if (now.over && !build.over) onOver();
    },
  });
  const cancel = () => {
    const path = { repository_id: repository, build: build.id };
    void attempt(() => call("DELETE", "/repositories/{repository_id}/environment/builds/{build}", { path }));
  };
  return (
    <section class="stack" aria-label="The build">
      <div class="row">
        <h2>
          Build <State of={state.state} />
        </h2>
        {state.size > 0 && (
          <span class="faint">
            {state.files} files, {size(state.size)}, in {duration(state.seconds)}
          </span>
        )}
        {!state.over && may(me, repository, "member") && <Button onClick={cancel}>Stop</Button>}
        {!connected && <span class="faint">Not connected; trying again…</span>}
      </div>
      {state.failing && <FailingLine state={state} />}
      {state.text && !state.failing && (
        <div class="trouble" role="alert">
          <strong>
            <Plain text={state.text} />
          </strong>
          <p>
            <Plain text={state.mend} />
          </p>
        </div>
      )}
      {state.notes.map((note) => (
        <p key={note} role="note">
          <Plain text={note} />
        </p>
      ))}
      <Lines text={text} waiting={state.state === "waiting"} />
    </section>
  );
}

/** The end is kept in sight, unless the person has scrolled up. */
function Lines({ text, waiting }: { text: string; waiting: boolean }) {
  const self = useRef<HTMLPreElement>(null);
  const following = useRef(true);
  useEffect(() => {
    const box = self.current;
    if (box && following.current) box.scrollTop = box.scrollHeight;
  }, [text]);
  return (
    <pre
      ref={self}
      class="environments-log"
      tabIndex={0}
      role="log"
      aria-label="Output of the build"
      onScroll={({ currentTarget: box }) => (following.current = box.scrollTop + box.clientHeight > box.scrollHeight - 30)}
    >
      {text ? <Ansi text={text} /> : waiting ? "It waits for a worker…" : "No output is kept."}
    </pre>
  );
}

function FailingLine({ state }: { state: SittingAnswer }) {
  const failing = state.failing;
  if (!failing) return null;
  const { first, around } = failing;
  return (
    <div class="trouble" role="alert">
      <strong>
        Command {failing.number} of {failing.what} failed{failing.line ? `, at line ${failing.line} of the recipe` : ""}:{" "}
        <Plain text={failing.ended} />
      </strong>
      <ol class="environments-failing" start={first}>
        {around.map((line, at) => (
          <li key={at} value={first + at} class={first + at === failing.line ? "bad" : ""}>
            {first + at === failing.line && <span class="unseen">this line failed: </span>}
            <code>
              <Plain text={line} />
            </code>
          </li>
        ))}
      </ol>
      {state.tail && (
        <pre class="lines">
          <Ansi text={state.tail} />
        </pre>
      )}
    </div>
  );
}
