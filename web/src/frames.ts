/** Reading `text/event-stream`, as `fetch` answers it. */

export interface Frame {
  event: string;
  /** Empty where it has none. */
  id: string;
  data: string;
}

/** Frames as they come: those of each piece together, and none for one that only says that the other side is there. */
export async function* framesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly Frame[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const texts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = texts.pop() ?? "";
      yield texts.map(frameOf).filter((one) => one.event);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function frameOf(text: string): Frame {
  const frame: Frame = { event: "", id: "", data: "" };
  for (const line of text.split("\n")) {
    if (line.startsWith("event: ")) frame.event = line.slice(7);
    else if (line.startsWith("id: ")) frame.id = line.slice(4);
    else if (line.startsWith("data: ")) frame.data += line.slice(6);
  }
  return frame;
}
