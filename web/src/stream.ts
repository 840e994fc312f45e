/**
 * The one stream of this tab. Whoever shows something that changes subscribes to a topic: `tasks` for rows of tasks,
 * `attempt:ID` for the events of an attempt. Topics come and go without a loss: each keeps its own place, and the
 * server is asked for what comes after it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, Problem } from "./api";
import { type Frame, framesOf } from "./frames";
import type { EventAnswer, TaskLine } from "./generated";

export type Message =
  /** A task has changed, or is new. */
  | { kind: "task"; task: TaskLine }
  /** A task is not listed any more: archived, or gone. */
  | { kind: "away"; id: string }
  /** An event of an attempt. */
  | { kind: "event"; event: EventAnswer }
  /** Nobody works on the attempt and nothing is queued; the topic stays, and goes on when somebody does. */
  | { kind: "end"; attempt: string; status: string }
  /** There is no such attempt, or it is not for this person. */
  | { kind: "gone"; name: string }
  /** What came before is not known to the server any more: ask the API for all of it. */
  | { kind: "reset"; topic: string };

export type Listener = (message: Message) => void;

interface Topic {
  listeners: Set<Listener>;
  /** Where it is: what the server has said last, or nothing. */
  at: string;
}

/** Milliseconds between two tries, about: at first, and after a long outage. */
const FIRST = 1000;
const SLOWEST = 10_000;
/** Milliseconds that the server has to begin its answer. */
const OPENING = 10_000;
const SILENT = 40_000;
/** Milliseconds after which a tab that nobody looks at lets its connection go: browsers have six for all tabs together. */
const UNSEEN = 60_000;
const topics = new Map<string, Topic>();
const onlineListeners = new Set<(online: boolean) => void>();
let online = true;
let running: AbortController | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
/** When the first of the failures was, by the clock of the page. */
let failing = 0;
let unseen: ReturnType<typeof setTimeout> | undefined;
let resting = false;

/** Hear of a topic until the returned function is called. `at`: for `attempt:ID` the number of the last event that is
 * known, so that only later ones come; empty for all of an attempt, and for `tasks` from now on. */
export function subscribe(name: string, listener: Listener, at = ""): () => void {
  const topic = topics.get(name);
  if (topic) {
    topic.listeners.add(listener);
    if (at !== topic.at && name.startsWith("attempt:") && Number(at) < Number(topic.at)) {
      topic.at = at; // it is behind the others: they know by the numbers what they have seen
      soon();
    }
  } else {
    topics.set(name, { listeners: new Set([listener]), at });
    soon();
  }
  return () => {
    const mine = topics.get(name);
    mine?.listeners.delete(listener);
    if (mine && !mine.listeners.size) {
      topics.delete(name);
      soon();
    }
  };
}

/** As `subscribe`, while a component is shown; nothing while `name` is empty. An event may come twice: its `seq` says. */
export function useStream(name: string, listener: Listener, at = ""): void {
  const current = useRef(listener);
  current.current = listener;
  useEffect(() => (name ? subscribe(name, (message) => current.current(message), at) : undefined), [name]);
}

/** Whether the stream is connected, or has not yet failed to be. */
export function useOnline(): boolean {
  const [now, setNow] = useState(online);
  useEffect(() => {
    onlineListeners.add(setNow);
    setNow(online);
    return () => void onlineListeners.delete(setNow);
  }, []);
  return now;
}

/** Let the stream go: who looks on has signed out. */
export function endStream(): void {
  topics.clear();
  running?.abort();
  clearTimeout(timer);
  say(true);
}

function say(now: boolean): void {
  online = now;
  for (const listener of onlineListeners) listener(now);
}

/** Connect anew a moment from now: components that come and go together change the topics once. */
function soon(milliseconds = 30): void {
  clearTimeout(timer);
  timer = setTimeout(() => void connect(), milliseconds);
}

async function connect(): Promise<void> {
  running?.abort();
  if (!topics.size || resting) return;
  const mine = new AbortController();
  running = mine;
  const wanted = [...topics].map(([name, { at }]) => (at ? `${name}@${at}` : name)).join(",");
  const slow = setTimeout(() => mine.abort(), OPENING);
  try {
    const answer = await ask("GET", `/stream?topics=${encodeURIComponent(wanted)}`, {
      headers: { Accept: "text/event-stream" },
      signal: mine.signal,
    });
    clearTimeout(slow);
    failures = 0;
    say(true);
    await read(answer, mine);
  } catch (error) {
    if (mine.signal.aborted && running !== mine) return; // another has taken its place
    if (error instanceof Problem && error.status === 401) return;
    if (!failures) failing = performance.now();
    failures += 1;
  } finally {
    clearTimeout(slow);
  }
  if (running !== mine) return;
  if (failures > 1) say(false);
  soon(failures ? pause() : 100);
}

/** Grows with the outage, so that most of the wait is the outage itself; not the same in all tabs. */
function pause(): number {
  const grown = (performance.now() - failing) / 8;
  return Math.min(SLOWEST, Math.max(FIRST, grown)) * (0.5 + Math.random());
}

/** Until it ends. A connection that says nothing, not even that it is still there, is dead. */
async function read(answer: Response, mine: AbortController): Promise<void> {
  if (!answer.body) return;
  let silence = setTimeout(() => mine.abort(), SILENT);
  try {
    for await (const frames of framesOf(answer.body)) {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENT);
      if (running !== mine) return;
      frames.forEach(hear);
    }
  } finally {
    clearTimeout(silence);
  }
}

function hear({ event: kind, data }: Frame): void {
  if (!data) return;
  const { topic: name, at, ...more } = JSON.parse(data) as { topic: string; at: string };
  const topic = topics.get(name);
  if (!topic) return;
  topic.at = at;
  const message = { kind, ...(kind === "reset" ? { topic: name } : {}), ...more } as unknown as Message;
  for (const listener of [...topic.listeners]) listener(message);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(unseen);
  if (document.hidden) {
    unseen = setTimeout(() => {
      resting = true;
      const mine = running;
      running = undefined;
      mine?.abort();
    }, UNSEEN);
  } else if (resting) {
    resting = false;
    soon(0); // what happened meanwhile comes after the place of each topic
  } else if (failures) {
    soon(0); // somebody looks again: they need not wait for the next try
  }
});
window.addEventListener("online", () => topics.size && soon(0));
