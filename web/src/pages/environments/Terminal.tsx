/** A terminal in a box: what it shows, and keys for it. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, type SittingAnswer } from "../../api";
import { AnsiLine, attempt, Button, Plain, State } from "../../parts";
import { useFollowed } from "./follow";
import { bytesOf } from "./keys";
import { Screen } from "./screen";
import { useSender } from "./sender";

interface Props {
  repository: string;
  id: string;
  /** It is not shown any more. */
  onLeft: () => void;
}

export function Terminal({ repository, id, onLeft }: Props) {
  const path = { repository_id: repository, terminal: id };
  const screen = useRef(new Screen(24, 80));
  const decoder = useRef(new TextDecoder());
  const [, draw] = useState(0);
  const [state, setState] = useState<SittingAnswer>();
  const send = useSender(path);
  screen.current.reply = (text) => send.keys(text);
  const redraw = () => draw((times) => times + 1);
  const connected = useFollowed(`/repositories/${encodeURIComponent(repository)}/environment/terminals/${id}/output`, {
    onBytes: (bytes) => {
      screen.current.write(decoder.current.decode(bytes, { stream: true }));
      redraw();
    },
    onState: setState,
  });
  const over = state?.over === true;
  const resize = (rows: number, columns: number) => {
    screen.current.resize(rows, columns);
    send.size(rows, columns);
    redraw();
  };
  const close = async () => {
    await attempt(() => call("DELETE", "/repositories/{repository_id}/environment/terminals/{terminal}", { path }));
    onLeft();
  };
  return (
    <section class="stack" aria-label="Terminal">
      <div class="row">
        {state && <State of={state.state === "closed" ? "disabled" : state.state} title={state.text} />}
        {!connected && <span class="faint">Not connected; trying again…</span>}
        {send.refused && <span class="error-text">{send.refused}</span>}
        <span class="grow" />
        <Button onClick={() => send.keys("\x03")} disabled={over} label="Send Ctrl-C">
          Ctrl-C
        </Button>
        <Button onClick={() => send.keys("\t")} disabled={over} label="Send Tab">
          Tab
        </Button>
        {over ? <Button onClick={onLeft}>Leave</Button> : <Button kind="danger" onClick={() => void close()}>Close</Button>}
      </div>
      <Glass screen={screen.current} over={over} onKeys={send.keys} onSize={resize} />
      {over && state && (
        <p role="status">
          The terminal is closed{state.text && ": "}
          <Plain text={state.text} />. <Plain text={state.mend} />
        </p>
      )}
      <p class="hint">Shift+Tab leaves the terminal. Ctrl+Shift+C copies, Ctrl+Shift+V pastes.</p>
    </section>
  );
}

interface GlassProps {
  screen: Screen;
  over: boolean;
  onKeys: (keys: string) => void;
  onSize: (rows: number, columns: number) => void;
}

/** What is seen. Keys are typed into a field that is itself not seen, so that phones and input methods work. */
function Glass({ screen, over, onKeys, onSize }: GlassProps) {
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  useSize(box, over, onSize);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const bytes = bytesOf(event, screen.applicationCursor);
    if (!bytes) return;
    event.preventDefault();
    event.stopPropagation();
    onKeys(bytes);
  };
  const onInput = (event: InputEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (event.isComposing) return;
    if (event.currentTarget.value) onKeys(event.currentTarget.value);
    event.currentTarget.value = "";
  };
  const onPaste = (event: ClipboardEvent) => {
    event.preventDefault();
    const text = (event.clipboardData?.getData("text/plain") ?? "").replace(/\r?\n/g, "\r").replaceAll("\x1b", "");
    onKeys(screen.marksPastes ? `\x1b[200~${text}\x1b[201~` : text);
  };
  const click = () => getSelection()?.isCollapsed && field.current?.focus();
  return (
    <div class={`environments-terminal ${over ? "over" : ""}`} ref={box} onClick={click}>
      <Drawn screen={screen} over={over} />
      <textarea
        ref={field}
        class="environments-keys"
        aria-label="Keys for the terminal"
        autocapitalize="off"
        autocomplete="off"
        spellcheck={false}
        disabled={over}
        onKeyDown={onKeyDown}
        onInput={onInput}
        onCompositionEnd={(event) => onInput(event as unknown as InputEvent & { currentTarget: HTMLTextAreaElement })}
        onPaste={onPaste}
      />
    </div>
  );
}

function Drawn({ screen, over }: { screen: Screen; over: boolean }) {
  const last = screen.above.at(-1);
  const above = useMemo(
    () =>
      screen.drawn(screen.above).map((spans, at) => (
        <div key={at}>
          <AnsiLine spans={spans} />{"\n"}
        </div>
      )),
    [screen, screen.above.length, last],
  );
  const lines = screen.drawn();
  const cursor = screen.cursorShown && !over ? screen.row : -1;
  return (
    <pre aria-live="off">
      <div>{above}</div>
      {lines.map((spans, at) => (
        <div key={at}>
          {at === cursor ? <WithCursor spans={spans} column={screen.column} /> : <AnsiLine spans={spans} />}
          {"\n"}
        </div>
      ))}
    </pre>
  );
}

function WithCursor({ spans, column }: { spans: ReturnType<Screen["drawn"]>[number]; column: number }) {
  const before: typeof spans = [];
  const after: typeof spans = [];
  let at = 0;
  let under = " ";
  for (const span of spans) {
    const characters = [...span.text];
    if (at + characters.length <= column) before.push(span);
    else if (at > column) after.push(span);
    else {
      const inside = Math.max(0, column - at);
      before.push({ ...span, text: characters.slice(0, inside).join("") });
      under = characters[inside] ?? " ";
      after.push({ ...span, text: characters.slice(inside + 1).join("") });
    }
    at += characters.length;
  }
  return (
    <>
      <AnsiLine spans={before.filter((one) => one.text)} />
      {" ".repeat(Math.max(0, column - at))}
      <span class="environments-cursor">
        <Plain text={under} />
      </span>
      <AnsiLine spans={after.filter((one) => one.text)} />
    </>
  );
}

/** Tell the terminal how large it is seen, when that has changed. */
function useSize(box: { current: HTMLDivElement | null }, over: boolean, onSize: (rows: number, columns: number) => void): void {
  const current = useRef(onSize);
  current.current = onSize;
  useEffect(() => {
    const seen = box.current;
    if (!seen || over) return;
    let known = "";
    const measure = () => {
      const probe = document.createElement("span");
      probe.textContent = "M".repeat(40);
      probe.className = "environments-probe";
      seen.append(probe);
      const { width, height } = probe.getBoundingClientRect();
      probe.remove();
      if (!width || !height) return;
      const columns = Math.max(20, Math.min(300, Math.floor((seen.clientWidth - 24) / (width / 40))));
      const rows = Math.max(5, Math.min(200, Math.floor((seen.clientHeight - 16) / height)));
      if (known !== `${rows}x${columns}`) {
        known = `${rows}x${columns}`;
        current.current(rows, columns);
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const observer = new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(measure, 150);
    });
    observer.observe(seen);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, [over]);
}
