// The conversation: what was said, thought and done, in order, in blocks: news draws only the last one anew, and those far
// from the view are text.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { call } from "../../../api";
import { useKept, useLoad } from "../../../load";
import { Button, Skeleton, Trouble } from "../../../parts";
import type { Feed } from "../feed";
import type { Entry } from "../fold";
import { Block, type Names } from "./Block";

const BLOCK = 20;

function blocks(entries: readonly Entry[]): Entry[][] {
  const found: Entry[][] = [];
  for (let at = 0; at < entries.length; at += BLOCK) found.push(entries.slice(at, at + BLOCK));
  return found;
}

const NOBODY: Names = new Map();

/** Of what was said further; asked for once more whenever something is. */
function useNames(attempt: string, entries: readonly Entry[]): Names {
  const said = entries.filter((entry) => entry.kind === "said" && entry.author === "person").length;
  const found = useLoad<Names>(async (signal) => {
    if (said < 2) return NOBODY; // the first is what the task began with
    const { authors } = await call("GET", "/attempts/{attempt}/authors", { path: { attempt }, signal });
    return new Map(authors.map((one) => [one.seq, one.name]));
  }, [attempt, said]);
  return found.value ?? NOBODY;
}

interface Props {
  attempt: string;
  /** Who submitted the task; empty where that is not known. */
  by: string;
  feed: Feed;
  /** Somebody works on it now. */
  live: boolean;
  onFork: ((step: string) => void) | undefined;
}

export function Steps({ attempt, by, feed, live, onFork }: Props) {
  const [kept, setKept] = useKept("follow", "");
  const following = kept === "yes";
  const end = useRef<HTMLDivElement>(null);
  const { entries } = feed.folded;
  const names = useNames(attempt, entries);
  useLayoutEffect(() => {
    if (following && live) end.current?.scrollIntoView({ block: "end" });
  }, [entries, following, live]);
  useStopFollowing(following && live, () => setKept(""));
  return (
    <div class="steps">
      {feed.problem && <Trouble problem={feed.problem} />}
      {!feed.ready && !entries.length && <Skeleton lines={8} />}
      {feed.ready && !entries.length && <p class="hint">Nothing has happened yet.</p>}
      <div role="log" aria-live="off" aria-label="What has happened">
        {blocks(entries).map((found, at, { length }) => (
          <Block
            key={found[0]?.key}
            attempt={attempt}
            by={by}
            names={names}
            entries={found}
            first={at < 2}
            last={at === length - 1}
            onFork={onFork}
          />
        ))}
      </div>
      {live && (
        <p class="working" role="status">
          <span class="live-dot" aria-hidden="true" /> working
        </p>
      )}
      <div ref={end} class="steps-end" />
      {live && (
        <div class="follow">
          <Button kind="quiet" pressed={following} onClick={() => setKept(following ? "" : "yes")} title="Keep the newest step in view">
            {following ? "Following" : "Follow"}
          </Button>
        </div>
      )}
    </div>
  );
}

/** Whoever scrolls up wants to read, and not to be taken down again. */
function useStopFollowing(following: boolean, stop: () => void): void {
  useEffect(() => {
    if (!following) return undefined;
    const wheel = (event: WheelEvent) => event.deltaY < 0 && stop();
    const key = (event: KeyboardEvent) => /^(PageUp|ArrowUp|Home)$/.test(event.key) && stop();
    window.addEventListener("wheel", wheel, { passive: true });
    window.addEventListener("keydown", key);
    return () => {
      window.removeEventListener("wheel", wheel);
      window.removeEventListener("keydown", key);
    };
  }, [following]);
}
