// A list of which only the rows in view are in the page. Rows may have any height: it is guessed, and measured once a
// row is shown; what is in view stays where it is when a row above it turns out to be higher.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Reach {
  /** Bring a row into view: at the top, or wherever when it is in view already. */
  to: (row: number, gently?: boolean) => void;
  /** The first row that is in view. */
  first: () => number;
}

interface Props {
  count: number;
  /** The same row has the same key, also when rows were put in before it. */
  keyOf: (row: number) => string | number;
  guess: (row: number) => number;
  draw: (row: number) => ComponentChildren;
  /** Is told once how to bring rows into view. */
  reach?: { current: Reach | undefined };
  onScroll?: ((first: number) => void) | undefined;
  label: string;
  class?: string;
}

const BEYOND = 200;
/** Pixels above and below the view that are drawn too. */

class Heights {
  private known = new Map<string | number, number>();
  private tops: Float64Array = new Float64Array(1);
  constructor(private props: Props) {
    this.build(props);
  }

  build(props: Props): void {
    this.props = props;
    const tops = new Float64Array(props.count + 1);
    for (let row = 0; row < props.count; row++) tops[row + 1] = (tops[row] ?? 0) + (this.known.get(props.keyOf(row)) ?? props.guess(row));
    this.tops = tops;
  }

  get total(): number {
    return this.tops[this.props.count] ?? 0;
  }

  top(row: number): number {
    return this.tops[Math.max(0, Math.min(row, this.props.count))] ?? 0;
  }

  /** The row at a place, by halving. */
  at(place: number): number {
    let low = 0;
    let high = Math.max(0, this.props.count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.tops[middle] ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Whether any of the measured heights is news. */
  measure(found: readonly [number, number][]): boolean {
    let news = false;
    for (const [row, height] of found) {
      if (row >= this.props.count || Math.abs(this.top(row + 1) - this.top(row) - height) < 0.5) continue;
      this.known.set(this.props.keyOf(row), height);
      news = true;
    }
    if (news) this.build(this.props);
    return news;
  }

  forget(): void {
    this.known.clear();
    this.build(this.props);
  }
}

export function Virtual(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const [, again] = useState(0);
  const redraw = () => again((times) => times + 1);
  const heights = useRef<Heights | undefined>(undefined);
  heights.current ??= new Heights(props);
  const known = heights.current;
  useMemo(() => known.build(props), [props.count, props.keyOf, props.guess]);
  const view = viewOf(box.current);
  const first = known.at(view.top - BEYOND);
  const last = Math.min(props.count - 1, known.at(view.top + view.height + BEYOND));
  usePlacing(inner, known, first, last, box, redraw);
  useWatching(box, known, redraw, props);
  useReach(box, known, props.reach, redraw);
  const rows: ComponentChildren[] = [];
  for (let row = first; row <= last; row++)
    rows.push(
      <div key={props.keyOf(row)} class="virtual-row" data-row={row}>
        {props.draw(row)}
      </div>,
    );
  return (
    <div class={`virtual ${props.class ?? ""}`} ref={box} tabIndex={0} role="group" aria-label={props.label}>
      <div class="virtual-inner" ref={inner}>
        <div class="virtual-window">{rows}</div>
      </div>
    </div>
  );
}

function viewOf(box: HTMLElement | null): { top: number; height: number } {
  return box ? { top: box.scrollTop, height: box.clientHeight } : { top: 0, height: 800 };
}

type Ref = { readonly current: HTMLDivElement | null };

/** Heights and places are set through the CSSOM: the policy of the page lets nothing inline. */
function usePlacing(inner: Ref, known: Heights, first: number, last: number, box: Ref, redraw: () => void): void {
  useLayoutEffect(() => {
    const outer = inner.current;
    const shown = outer?.firstElementChild;
    if (!(outer && shown instanceof HTMLElement && box.current)) return;
    const anchor = known.at(box.current.scrollTop);
    const within = box.current.scrollTop - known.top(anchor);
    const found: [number, number][] = [];
    for (const row of shown.children)
      if (row instanceof HTMLElement) found.push([Number(row.dataset["row"]), row.getBoundingClientRect().height]);
    const news = known.measure(found);
    outer.style.height = `${known.total}px`;
    shown.style.transform = `translateY(${known.top(first)}px)`;
    if (!news) return;
    const place = known.top(anchor) + within;
    if (Math.abs(place - box.current.scrollTop) > 0.5) box.current.scrollTop = place;
    if (known.top(last + 1) < box.current.scrollTop + box.current.clientHeight) redraw();
  });
}

function useWatching(box: Ref, known: Heights, redraw: () => void, props: Props): void {
  const told = useRef(props.onScroll);
  told.current = props.onScroll;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let frame = 0;
    let width = element.clientWidth;
    const moved = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw();
        told.current?.(known.at(element.scrollTop + 1));
      });
    };
    const watcher = new ResizeObserver(() => {
      if (Math.abs(element.clientWidth - width) > 2) known.forget();
      width = element.clientWidth;
      moved();
    });
    watcher.observe(element);
    element.addEventListener("scroll", moved, { passive: true });
    redraw();
    return () => {
      cancelAnimationFrame(frame);
      watcher.disconnect();
      element.removeEventListener("scroll", moved);
    };
  }, []);
}

function useReach(box: Ref, known: Heights, reach: Props["reach"], redraw: () => void): void {
  useEffect(() => {
    if (!reach) return;
    const to = (row: number, gently = false) => {
      const element = box.current;
      if (!element) return;
      const [top, bottom] = [known.top(row), known.top(row + 1)];
      const { scrollTop, clientHeight } = element;
      if (gently && top >= scrollTop && bottom <= scrollTop + clientHeight) return;
      element.scrollTop = gently && top > scrollTop ? bottom - clientHeight + 40 : Math.max(0, top - (gently ? 40 : 0));
      redraw();
      // rows that were guessed are measured once they are drawn: look again where it is by then
      requestAnimationFrame(() => {
        if (!gently) element.scrollTop = known.top(row);
      });
    };
    reach.current = { to, first: () => known.at((box.current?.scrollTop ?? 0) + 1) };
  }, []);
}
