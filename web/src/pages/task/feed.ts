// The events of an attempt: what there is, then what comes.
import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Problem } from "../../api";
import { asProblem } from "../../load";
import { type Message, subscribe } from "../../stream";
import type { Event } from "./bodies";
import { fold, type Folded, NOTHING } from "./fold";

const PAGE = 1000;
const KEPT = 8;

/** What was folded lately, so that going to another attempt and back shows it at once. */
const known = new Map<string, Folded>();

function keep(attempt: string, folded: Folded): void {
  known.delete(attempt);
  known.set(attempt, folded);
  for (const name of known.keys()) {
    if (known.size <= KEPT) break;
    known.delete(name);
  }
}

export interface Feed {
  folded: Folded;
  /** All that there was when it was asked for has come. */
  ready: boolean;
  problem: Problem | undefined;
}

class Follower {
  private folded: Folded;
  private waiting: Event[] = [];
  private frame = 0;
  private loading = false;
  private ended = false;
  private leave: () => void = () => undefined;
  ready = false;
  problem: Problem | undefined;

  constructor(
    private readonly attempt: string,
    private readonly show: (feed: Feed) => void,
    private readonly heard: (kinds: readonly string[]) => void,
  ) {
    this.folded = known.get(attempt) ?? NOTHING;
    this.tell();
    void this.load().then(() => {
      if (!this.ended) this.leave = subscribe(`attempt:${attempt}`, this.hear, String(this.folded.last));
    });
  }

  stop(): void {
    this.ended = true;
    cancelAnimationFrame(this.frame);
    this.leave();
  }

  /** Everything after what is known, page by page; each is shown as it comes. */
  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      for (let more = true; more && !this.ended;) {
        const page = await call("GET", "/attempts/{attempt}/events", {
          path: { attempt: this.attempt },
          query: { after: this.folded.last, limit: PAGE },
        });
        this.take(page.events);
        more = page.more && page.events.length > 0;
      }
      this.problem = undefined;
    } catch (error) {
      this.problem = asProblem(error);
    }
    this.ready = true;
    this.loading = false;
    this.tell();
  }

  private readonly hear = (message: Message): void => {
    if (message.kind === "reset") void this.load();
    else if (message.kind === "end") this.heard(["end"]);
    else if (message.kind === "event") {
      this.waiting.push(message.event);
      this.frame ||= requestAnimationFrame(this.flush);
    }
  };

  /** What came within a frame is drawn together. */
  private readonly flush = (): void => {
    this.frame = 0;
    const events = this.waiting.filter((event) => event.seq > this.folded.last).sort((one, other) => one.seq - other.seq);
    this.waiting = [];
    if (!events.length) return;
    const gap = events.findIndex((event, at) => event.seq !== this.folded.last + 1 + at);
    this.take(gap < 0 ? events : events.slice(0, gap));
    this.heard(events.map((event) => event.kind));
    if (gap >= 0) void this.load(); // something was left out on the way: the API has it
  };

  private take(events: readonly Event[]): void {
    this.folded = fold(this.folded, events);
    keep(this.attempt, this.folded);
    this.tell();
  }

  private tell(): void {
    if (!this.ended) this.show({ folded: this.folded, ready: this.ready, problem: this.problem });
  }
}

/** Follow an attempt while the component is shown. `heard` is told the kinds of events that came live, and `end`. */
export function useAttempt(attempt: string, heard: (kinds: readonly string[]) => void): Feed {
  const [feed, setFeed] = useState<Feed & { of: string }>({
    of: attempt,
    folded: known.get(attempt) ?? NOTHING,
    ready: false,
    problem: undefined,
  });
  const listener = useRef(heard);
  listener.current = heard;
  useEffect(() => {
    const follower = new Follower(
      attempt,
      (now) => setFeed({ ...now, of: attempt }),
      (kinds) => listener.current(kinds),
    );
    return () => follower.stop();
  }, [attempt]);
  return feed.of === attempt ? feed : { folded: known.get(attempt) ?? NOTHING, ready: false, problem: undefined };
}
