// A whole output: its lines with their numbers, which are links; search; as a terminal would show it, or as it is.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask } from "../../../api";
import { useKeys } from "../../../keys";
import { useLate } from "../../../load";
import { AnsiLine, attempt as trying, Button, count, Field, Plain, Trouble } from "../../../parts";
import { goWithin, place as here } from "../../../router";
import { save } from "../../../save";
import { type LogPlace, toHash } from "../text/citations";
import { Shown } from "../text/Shown";
import { type Reach, Virtual } from "../virtual";
import { type Found, Output } from "./output";

const LONGEST = 8000;
const MOST_FOUND = 1000;

interface Props {
  attempt: string;
  place: LogPlace;
  /** Of a setup's output. */
  digest: string;
  onClose: () => void;
}

function useOutput(attempt: string, place: LogPlace, digest: string): Output {
  const [, again] = useState(0);
  const key = `${attempt} ${place.of} ${place.number} ${digest}`;
  const output = useMemo(() => new Output(attempt, place, digest, () => again((times) => times + 1)), [key]);
  useEffect(() => {
    void output.load(Math.floor(Math.max(0, place.first - 1) / 1000));
    return () => output.stop();
  }, [output]);
  return output;
}

function useSearch(output: Output, text: string): { found: readonly Found[]; cut: boolean } {
  const [result, setResult] = useState<{ found: readonly Found[]; cut: boolean }>({ found: [], cut: false });
  const late = useLate(text, 200);
  const there = output.about !== undefined;
  useEffect(() => {
    let wanted = true;
    if (!late || !there) setResult({ found: [], cut: false });
    else void output.search(late, MOST_FOUND).then((now) => wanted && setResult(now));
    return () => void (wanted = false);
  }, [output, late, there]);
  return result;
}

interface Searching {
  text: string;
  setText: (text: string) => void;
  found: readonly Found[];
  cut: boolean;
  /** Which of them is at hand. */
  at: number;
  step: (by: number) => void;
}

function useSearching(output: Output, reach: { readonly current: Reach | undefined }): Searching {
  const [text, setText] = useState("");
  const { found, cut } = useSearch(output, text);
  const [at, setAt] = useState(0);
  const show = (one: Found | undefined) => one && reach.current?.to(Math.max(0, one.row - 3));
  useEffect(() => {
    setAt(0);
    show(found[0]);
  }, [found]);
  const step = (by: number) => {
    if (!found.length) return;
    const next = (at + by + found.length) % found.length;
    setAt(next);
    show(found[next]);
  };
  return { text, setText, found, cut, at, step };
}

export function Log({ attempt, place, digest, onClose }: Props) {
  const output = useOutput(attempt, place, digest);
  const [raw, setRaw] = useState(false);
  const reach = useRef<Reach | undefined>(undefined);
  const box = useRef<HTMLDivElement>(null);
  const searching = useSearching(output, reach);
  const total = output.about?.total ?? 0;
  useEffect(() => {
    if (total && place.first) reach.current?.to(Math.max(0, place.first - 4));
  }, [total > 0, place.of, place.number, place.first]);
  useEffect(() => box.current?.focus({ preventScroll: true }), [place.of, place.number]);
  const rows = new Set(searching.found.map((one) => one.row));
  const current = searching.found[searching.at]?.row;
  useKeys([
    { key: "Escape", about: "Close the log", run: onClose, typing: true },
    { key: "/", about: "Search in the log", run: () => box.current?.querySelector("input")?.focus() },
    { key: "n", about: "Next place that was found", run: () => searching.step(1) },
    { key: "N", about: "Place before", run: () => searching.step(-1) },
    {
      key: "l",
      about: "Link to the line that was found, or the first in view",
      run: () => linkTo(place, (current ?? reach.current?.first() ?? 0) + 1, false),
    },
  ]);
  return (
    <div class="log" ref={box} tabIndex={-1} role="region" aria-label="Log">
      <Head output={output} place={place} attempt={attempt} onClose={onClose} />
      <Tools searching={searching} raw={raw} onRaw={setRaw} />
      {output.problem && <Trouble problem={output.problem} />}
      <Virtual
        class="log-rows"
        label="Lines of the log"
        count={total}
        reach={reach}
        keyOf={useMemo(() => (row: number) => row, [output])}
        guess={useMemo(() => () => 19, [])}
        draw={(row) => <LogLine output={output} place={place} row={row} raw={raw} found={rows.has(row)} current={row === current} />}
      />
    </div>
  );
}

function Tools({ searching, raw, onRaw }: { searching: Searching; raw: boolean; onRaw: (raw: boolean) => void }) {
  const { text, found, at, cut } = searching;
  return (
    <div class="log-tools">
      <Field label="Search in the log" bare type="search" placeholder="Search" value={text} onInput={searching.setText} />
      {text && (
        <span class="hint" role="status">
          {found.length ? `${at + 1} of ${found.length}${cut ? "+" : ""}` : "not found"}
        </span>
      )}
      {found.length > 1 && (
        <>
          <Button kind="quiet" label="Place before" onClick={() => searching.step(-1)}>
            ↑
          </Button>
          <Button kind="quiet" label="Next place" onClick={() => searching.step(1)}>
            ↓
          </Button>
        </>
      )}
      <Button kind="quiet" pressed={raw} onClick={() => onRaw(!raw)} title="As it is, with all control characters">
        Raw
      </Button>
    </div>
  );
}

function Head({ output, place, attempt, onClose }: { output: Output; place: LogPlace; attempt: string; onClose: () => void }) {
  const { about } = output;
  const name = { cmd: `Command ${place.number}`, check: `Check ${place.number}`, hook: "Hook", setup: "Setup" }[place.of];
  const download = () =>
    trying(async () => {
      const answer = await ask("GET", `/attempts/${attempt}/outputs/${about?.digest ?? ""}`);
      save(await answer.blob(), `${attempt}-${place.of}-${place.number}.log`);
    });
  return (
    <div class="log-head">
      <strong>{name}</strong>
      {about?.command && (
        <code class="log-command">
          <Shown text={about.command} />
        </code>
      )}
      {about && (
        <span class="hint">
          <Shown text={about.ended} /> · {count(about.total)} lines
        </span>
      )}
      {about?.digest && (
        <Button kind="quiet" onClick={() => void download()} title={`SHA-256 ${about.digest}`}>
          Download
        </Button>
      )}
      <Button kind="quiet" label="Close the log" onClick={onClose}>
        ✕
      </Button>
    </div>
  );
}

interface LineProps {
  output: Output;
  place: LogPlace;
  row: number;
  raw: boolean;
  found: boolean;
  current: boolean;
}

/** Have the address name a line, or all up to it. */
function linkTo(place: LogPlace, number: number, more: boolean): void {
  const first = more && place.first ? Math.min(place.first, number) : number;
  const last = more && place.first ? Math.max(place.last, number) : number;
  goWithin({ ...here(), hash: toHash({ ...place, first, last }) });
}

function LogLine({ output, place, row, raw, found, current }: LineProps) {
  const text = output.line(row);
  const number = row + 1;
  const linked = number >= place.first && number <= place.last && place.first > 0;
  const link = (event: MouseEvent) => {
    event.preventDefault();
    linkTo(place, number, event.shiftKey);
  };
  return (
    <div class={`log-line ${linked ? "linked" : ""} ${found ? "found" : ""} ${current ? "current" : ""}`}>
      <a
        class="line-number"
        href={`#${toHash({ ...place, first: number, last: number })}`}
        tabIndex={-1}
        onClick={link}
        aria-label={`Link to line ${number}`}
      >
        {number}
      </a>
      <code dir="ltr">{text === undefined ? "…" : <Words output={output} row={row} text={text} raw={raw} />}</code>
    </div>
  );
}

function Words({ output, row, text, raw }: { output: Output; row: number; text: string; raw: boolean }) {
  if (text.length > LONGEST) {
    return (
      <>
        <Plain text={text.slice(0, LONGEST)} />
        <span class="cut">… {count(text.length - LONGEST)} more characters</span>
      </>
    );
  }
  return raw ? <Plain text={text} /> : <AnsiLine spans={output.spans(row)} />;
}
