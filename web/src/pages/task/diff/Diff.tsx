// A diff to read and to remark on: files at the side, lines in a list of which only what is in view is drawn.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useKeys } from "../../../keys";
import { useKept } from "../../../load";
import { Button, Copy, count, DiffStat, Plain } from "../../../parts";
import { type Key, type Reach, Virtual } from "../virtual";
import { Files } from "./Files";
import { type Drawing, fileName, type Picking, splitLine, unifiedLine } from "./Lines";
import type { FileDiff } from "./parse";
import type { Remarks } from "./remarks";
import { RemarkCard, RemarkField } from "./Remark";
import { type Place, quoteOf, type Remark, type Row, rowsOf } from "./rows";

interface Props {
  files: readonly FileDiff[];
  /** Without it nothing can be remarked. */
  remarks: Remarks | undefined;
  label: string;
  /** Without files at the side and without keys: one of two beside each other. */
  small?: boolean;
}

const NO_REMARKS: readonly Remark[] = [];
const WIDE = 1000;

export function Diff({ files, remarks, label, small }: Props) {
  const [kept, setKept] = useKept("diff.split", "");
  const split = !small && (kept ? kept === "split" : window.innerWidth > 1500);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [picking, write] = usePicking(remarks);
  const written = remarks?.all ?? NO_REMARKS;
  const rows = useMemo(
    () => rowsOf(files, { split, folded, remarks: written, writing: picking.chosen }),
    [files, split, folded, written, picking.chosen],
  );
  const reach = useRef<Reach | undefined>(undefined);
  const [now, setNow] = useState(0);
  const moving = useMoving(rows, reach, picking);
  const fold = useCallback((path: string) => setFolded((before) => toggled(before, path)), []);
  const setSplit = (to: boolean) => setKept(to ? "split" : "unified");
  useKeys(
    small
      ? []
      : keys(
          moving,
          () => setSplit(!split),
          () => fold(fileAt(rows, moving.at())?.path ?? ""),
          picking,
        ),
  );
  const draw = useCallback(
    (at: number, key: Key, quick: boolean) => drawn(rows[at], key, { picking, quick, write, files, remarks, fold }),
    [rows, picking, files, remarks],
  );
  return (
    <div class={`diff ${small ? "small" : ""}`}>
      {!small && files.length > 1 && <Files files={files} current={now} seen={folded} onChoose={moving.toFile} />}
      <div class="diff-main">
        <Bar files={files} now={files[now]} split={split} onSplit={small || window.innerWidth < WIDE ? undefined : setSplit} />
        <Virtual
          class="diff-rows"
          label={label}
          count={rows.length}
          reach={reach}
          onScroll={(first) => setNow(fileNumber(rows, first))}
          draw={draw}
          keyOf={useMemo(() => (at: number) => `${split ? "s" : "u"}${rows[at]?.key ?? at}`, [rows])}
          guess={useMemo(() => (at: number) => GUESSES[rows[at]?.kind ?? "line"], [rows])}
        />
      </div>
    </div>
  );
}

const GUESSES = { file: 44, hunk: 28, say: 32, line: 20, pair: 20, remark: 96, write: 170 } as const;

function toggled(before: ReadonlySet<string>, path: string): ReadonlySet<string> {
  const after = new Set(before);
  if (!after.delete(path)) after.add(path);
  return after;
}

function fileAt(rows: readonly Row[], at: number): FileDiff | undefined {
  for (let row = Math.min(at, rows.length - 1); row >= 0; row--) {
    const found = rows[row];
    if (found?.kind === "file") return found.file;
  }
  return undefined;
}

function fileNumber(rows: readonly Row[], at: number): number {
  for (let row = Math.min(at, rows.length - 1); row >= 0; row--) {
    const found = rows[row];
    if (found?.kind === "file") return found.number;
  }
  return 0;
}

/** Which lines are chosen; choosing opens the field for a remark. */
function usePicking(remarks: Remarks | undefined): [Picking, (place: Place | undefined) => void] {
  const [chosen, setChosen] = useState<Place | undefined>();
  const may = remarks !== undefined;
  const picking = useMemo(() => {
    const pick = (place: Place, more: boolean) =>
      setChosen((before) =>
        more && before && before.path === place.path && before.side === place.side
          ? { ...before, first: Math.min(before.first, place.first), last: Math.max(before.last, place.last) }
          : place,
      );
    return { pick: may ? pick : undefined, chosen };
  }, [may, chosen]);
  return [picking, setChosen];
}

interface Moving {
  at: () => number;
  by: (step: number) => void;
  byFile: (step: number) => void;
  toFile: (number: number) => void;
  /** The place of the line that is at hand. */
  place: () => Place | undefined;
}

function useMoving(rows: readonly Row[], reach: { current: Reach | undefined }, picking: Picking): Moving {
  const at = useRef(-1);
  const wanted = useRef(-1);
  useEffect(() => {
    if (wanted.current < 0) return;
    reach.current?.element(wanted.current)?.focus({ preventScroll: true });
  });
  const to = (row: number, gently: boolean) => {
    at.current = row;
    wanted.current = row;
    reach.current?.to(row, gently);
    requestAnimationFrame(() => {
      reach.current?.element(row)?.focus({ preventScroll: true });
      wanted.current = -1;
    });
  };
  const isLine = (row: Row | undefined) => row?.kind === "line" || row?.kind === "pair";
  const by = (step: number) => {
    let row = at.current < 0 ? (reach.current?.first() ?? 0) : at.current;
    do row += step;
    while (row >= 0 && row < rows.length && !isLine(rows[row]));
    if (row >= 0 && row < rows.length) to(row, true);
  };
  const toFile = (number: number) =>
    to(
      Math.max(
        0,
        rows.findIndex((row) => row.kind === "file" && row.number === number),
      ),
      false,
    );
  const byFile = (step: number) => {
    const now = fileNumber(rows, at.current < 0 ? (reach.current?.first() ?? 0) : at.current);
    if (rows.some((row) => row.kind === "file" && row.number === now + step)) toFile(now + step);
  };
  const place = () => (picking.pick ? placeOf(rows[at.current]) : undefined);
  return { at: () => (at.current < 0 ? (reach.current?.first() ?? 0) : at.current), by, byFile, toFile, place };
}

function placeOf(row: Row | undefined): Place | undefined {
  if (row?.kind !== "line" && row?.kind !== "pair") return undefined;
  const line = row.kind === "line" ? row.line : (row.right ?? row.left)?.line;
  if (!line || line.sign === "\\") return undefined;
  const number = line.sign === "-" ? line.old : line.new;
  return { path: row.file.path, side: line.sign === "-" ? "old" : "new", first: number, last: number };
}

function keys(moving: Moving, onSplit: () => void, onFold: () => void, picking: Picking) {
  const remark = (more: boolean) => () => {
    const place = moving.place();
    if (place) picking.pick?.(place, more);
  };
  return [
    { key: "j", about: "Next line of the diff", run: () => moving.by(1) },
    { key: "k", about: "Line before", run: () => moving.by(-1) },
    { key: "]", about: "Next file", run: () => moving.byFile(1) },
    { key: "[", about: "File before", run: () => moving.byFile(-1) },
    { key: "c", about: "Remark on this line", run: remark(false) },
    { key: "C", about: "Remark on the lines up to this one", run: remark(true) },
    { key: "x", about: "Fold the file: seen", run: onFold },
    { key: "s", about: "Diff in one column or two", run: onSplit },
  ];
}

function Bar({
  files,
  now,
  split,
  onSplit,
}: {
  files: readonly FileDiff[];
  now: FileDiff | undefined;
  split: boolean;
  onSplit: ((to: boolean) => void) | undefined;
}) {
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  return (
    <div class="diff-bar">
      <span>
        {count(files.length)} {files.length === 1 ? "file" : "files"} <DiffStat added={added} removed={removed} />
      </span>
      <span class="diff-now">{now && fileName(now)}</span>
      {onSplit && (
        <Button kind="quiet" onClick={() => onSplit(!split)} pressed={split}>
          Side by side
        </Button>
      )}
    </div>
  );
}

interface Around extends Drawing {
  write: (place: Place | undefined) => void;
  files: readonly FileDiff[];
  remarks: Remarks | undefined;
  fold: (path: string) => void;
}

function drawn(row: Row | undefined, key: Key, around: Around) {
  const { write, files, remarks, fold } = around;
  switch (row?.kind) {
    case "line":
      return unifiedLine(row, key, around);
    case "pair":
      return splitLine(row, key, around);
    case "hunk":
      return (
        <div key={key} class="hunk-head">
          <code dir="ltr">
            {row.text} <Plain text={row.about} />
          </code>
        </div>
      );
    case "file":
      return <FileHead key={key} row={row} onFold={fold} />;
    case "remark": {
      const { remark } = row;
      return (
        <div key={key} class="remark-row">
          <RemarkCard remark={remark} onChange={(text) => remarks?.change(remark.id, text)} onRemove={() => remarks?.remove(remark.id)} />
        </div>
      );
    }
    case "write": {
      const done = (text: string) => {
        remarks?.add(row.place, text, quoteOf(files, row.place));
        write(undefined);
      };
      return (
        <div key={key} class="remark-row">
          <RemarkField place={row.place} yes="Add remark" onDone={done} onCancel={() => write(undefined)} />
        </div>
      );
    }
    default:
      return (
        <p key={key} class="diff-say">
          {row?.text}
        </p>
      );
  }
}

function FileHead({ row, onFold }: { row: Extract<Row, { kind: "file" }>; onFold: (path: string) => void }) {
  const { file, folded } = row;
  return (
    <div class="file-head" tabIndex={-1}>
      <button
        type="button"
        class="button quiet"
        aria-expanded={!folded}
        aria-label={`${folded ? "Unfold" : "Fold"} ${fileName(file)}`}
        onClick={() => onFold(file.path)}
      >
        {folded ? "▸" : "▾"}
      </button>
      <span class="file-path" title={fileName(file)}>
        {fileName(file)}
      </span>
      <span class="hint">{file.status === "modified" ? "" : file.status}</span>
      <DiffStat added={file.added} removed={file.removed} />
      <Copy text={file.path} label="Copy the file's name" />
    </div>
  );
}
