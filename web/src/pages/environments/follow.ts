/** The output of a build or a terminal as it comes: its own stream, which goes on where it broke off. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, gone, type SittingAnswer } from "../../api";
import { type Frame, framesOf } from "../../frames";
import { asProblem } from "../../load";

export interface Heard {
  /** Bytes of its output, in order. */
  onBytes: (bytes: Uint8Array) => void;
  onState: (state: SittingAnswer) => void;
}

/** Whether it is the end. */
type Hear = (frame: Frame) => boolean;

const PAUSE = 1000;

/** Follow `path` (`/repositories/…/output`) while the component is shown, until it is over. True while it is connected. */
export function useFollowed(path: string, heard: Heard): boolean {
  const current = useRef(heard);
  current.current = heard;
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    if (!path) return;
    const ending = new AbortController();
    void follow(path, () => current.current, ending.signal, setConnected);
    return () => ending.abort();
  }, [path]);
  return connected;
}

async function follow(path: string, heard: () => Heard, signal: AbortSignal, connected: (now: boolean) => void): Promise<void> {
  let at = "0";
  const hear: Hear = ({ event: name, id, data }) => {
    at = id || at;
    if (name === "piece") heard().onBytes(bytesOf((JSON.parse(data) as { data: string }).data));
    else if (name === "state" || name === "end") heard().onState(JSON.parse(data) as SittingAnswer);
    return name === "end";
  };
  while (!signal.aborted) {
    try {
      const answer = await ask("GET", path, { headers: { Accept: "text/event-stream", "Last-Event-ID": at }, signal });
      connected(true);
      if (answer.body && (await read(answer.body, hear))) return;
    } catch (error) {
      if (gone(error) || signal.aborted) return;
      const status = asProblem(error).status;
      if (status >= 400 && status < 500 && status !== 429) return;
      connected(false);
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

/** True when the end was heard. */
async function read(body: ReadableStream<Uint8Array>, hear: Hear): Promise<boolean> {
  for await (const frames of framesOf(body)) if (frames.some(hear)) return true;
  return false;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
