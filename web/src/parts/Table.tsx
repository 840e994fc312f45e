import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface Column<T> {
  name: string;
  title: string;
  cell: (row: T) => ComponentChildren;
  /** What the column is sorted by; without it there is no sorting. */
  by?: (row: T) => string | number;
  /** Numbers stand at the right. */
  number?: boolean;
  /** Left out on phones. */
  wide?: boolean;
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  id: (row: T) => string;
  /** What Enter on a row, or a click beside its links and buttons, does. */
  onOpen?: ((row: T) => void) | undefined;
  /** What is shown instead when there is no row. */
  empty?: ComponentChildren;
  /** Rows that are being asked for: as many grey ones, so that nothing jumps. */
  waiting?: boolean | undefined;
}

interface Sorting {
  name: string;
  down: boolean;
}

/** Rows and columns, sortable; up, down, Home and End move between rows. */
export function Table<T>({ label, columns, rows, id, onOpen, empty, waiting }: Props<T>) {
  const [sorting, setSorting] = useState<Sorting | undefined>();
  const by = columns.find((one) => one.name === sorting?.name)?.by;
  const shown = by && sorting ? sorted(rows, by, sorting.down) : rows;
  if (!rows.length && !waiting && empty) return <>{empty}</>;
  const turn = (name: string) => setSorting((before) => ({ name, down: before?.name === name && !before.down }));
  return (
    <div class="table-box">
      <table class="table" aria-label={label} aria-busy={waiting} onKeyDown={moveBetweenRows}>
        <thead>
          <tr>
            {columns.map((one) => (
              <Head key={one.name} column={one} sorting={sorting} onTurn={turn} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr
              key={id(row)}
              tabIndex={onOpen ? 0 : undefined}
              class={onOpen ? "opens" : undefined}
              onClick={(event) => onOpen && !withinControl(event) && onOpen(row)}
              onKeyDown={(event) => onOpen && event.key === "Enter" && event.target === event.currentTarget && onOpen(row)}
            >
              {columns.map((one) => (
                <td key={one.name} class={classes(one)}>
                  {one.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          {!rows.length && waiting && <Waiting columns={columns.length} />}
        </tbody>
      </table>
    </div>
  );
}

function Waiting({ columns }: { columns: number }) {
  return (
    <>
      {[0, 1, 2].map((row) => (
        <tr key={row}>
          <td colSpan={columns}>
            <span class="skeleton" />
          </td>
        </tr>
      ))}
    </>
  );
}

interface HeadProps<T> {
  column: Column<T>;
  sorting: Sorting | undefined;
  onTurn: (name: string) => void;
}

function Head<T>({ column, sorting, onTurn }: HeadProps<T>) {
  const mine = sorting?.name === column.name ? sorting : undefined;
  return (
    <th scope="col" class={classes(column)} aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}>
      {column.by ? (
        <button type="button" class="sorter" onClick={() => onTurn(column.name)}>
          {column.title}
          <span aria-hidden="true">{mine ? (mine.down ? " ↓" : " ↑") : "  "}</span>
        </button>
      ) : (
        column.title || <span class="unseen">{column.name}</span>
      )}
    </th>
  );
}

function classes<T>(column: Column<T>): string {
  return `${column.number ? "number" : ""} ${column.wide ? "wide" : ""}`;
}

function sorted<T>(rows: readonly T[], by: (row: T) => string | number, down: boolean): readonly T[] {
  const order = [...rows].sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  });
  return down ? order.reverse() : order;
}

/** Whether a click was meant for something within the row. */
function withinControl(event: Event): boolean {
  return event.target instanceof Element && event.target.closest("a,button,input,select,textarea,label,summary") !== null;
}

function moveBetweenRows(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("tbody tr[tabindex]")];
  const at = rows.findIndex((row) => row === document.activeElement);
  if (at < 0) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  const row = to === undefined ? undefined : rows[to];
  if (row) {
    event.preventDefault();
    row.focus();
  }
}
