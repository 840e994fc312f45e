import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../api";
import { asProblem } from "../../load";

interface Sender {
  keys: (text: string) => void;
  size: (rows: number, columns: number) => void;
  /** Why the last of it was refused; empty when it was not. */
  refused: string;
}

interface Path {
  repository_id: string;
  terminal: string;
}

const MOST = 4096;

/** Keys to a terminal in the order in which they were typed: one request at a time, with all that has come meanwhile. */
export function useSender(path: Path): Sender {
  const waiting = useRef({ text: "", size: undefined as { rows: number; columns: number } | undefined, sending: false });
  const [refused, setRefused] = useState("");
  const gone = useRef(false);
  useEffect(() => () => void (gone.current = true), []);
  const pump = async () => {
    const now = waiting.current;
    if (now.sending) return;
    now.sending = true;
    try {
      while ((now.text || now.size) && !gone.current) {
        const characters = [...now.text];
        const data = characters.slice(0, MOST).join("");
        const body = { data, ...now.size };
        now.text = characters.slice(MOST).join("");
        now.size = undefined;
        await sent(path, body);
        setRefused("");
      }
    } catch (error) {
      now.text = "";
      setRefused(asProblem(error).message);
    } finally {
      now.sending = false;
    }
  };
  return {
    keys: (text) => {
      waiting.current.text += text;
      void pump();
    },
    size: (rows, columns) => {
      waiting.current.size = { rows, columns };
      void pump();
    },
    refused,
  };
}

/** Again after a moment where the worker has not taken what came before. */
async function sent(path: Path, body: { data: string; rows?: number; columns?: number }): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await call("POST", "/repositories/{repository_id}/environment/terminals/{terminal}/input", { path, body });
      return;
    } catch (error) {
      if (asProblem(error).status !== 429 || tries > 20) throw error;
      await new Promise((done) => setTimeout(done, 250));
    }
  }
}
