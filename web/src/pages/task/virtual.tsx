// A list of which only the rows in view are in the page. Rows may have any height: it is guessed, and measured once a
// row is shown; what is in view stays where it is when a row above it turns out to be higher.
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

export interface Reach {
  /** Bring a row into view: at the top, or wherever when it is in view already. */
  to: (row: number, gently?: boolean) => void;
  /** The first row that is in view. */
  first: () => number;
  /** A row's element; nothing while it is not in the page. */
  element: (row: number) => HTMLElement | undefined;
}

export type Key = string | number;

interface Props {
  count: number;
  /** The same row has the same key, also when rows were put in before it. */
  keyOf: (row: number) => Key;
  guess: (row: number) => number;
  /** One element without a margin, with the key that is given. `quick`: it is passed by, and drawn again where it stays
   * in view. Else a row is drawn once by a function: another one, where rows have become others, draws them anew. */
  draw: (row: number, key: Key, quick: boolean) => VNode;
  /** Is told once how to bring rows into view. */
  reach?: { current: Reach | undefined };
  onScroll?: ((first: number) => void) | undefined;
  label: string;
  class?: string;
}

/** Pixels above and below the view that are drawn too: for what moves a little. */
const BEYOND = 200;
/** Milliseconds without a jump after which that is done. */
const REST = 200;

/** How it is drawn now. Whoever drags the bar passes by most of it, and sees what is in view only. */
interface Pace {
  beyond: number;
  quick: boolean;
}
const JUMPED: Pace = { beyond: 0, quick: false };
const DRAGGED: Pace = { beyond: 0, quick: true };
const RESTING: Pace = { beyond: BEYOND, quick: false };

class Heights {
  private known = new Map<Key, number>();
  /** Where each row begins, and where the last one ends. */
  private tops: Float64Array = new Float64Array(1);
  constructor(private props: Props) {}

  build(props: Props): void {
    this.props = props;
    const tops = new Float64Array(props.count + 1);
    let top = 0;
    for (let row = 0; row < props.count; row++) {
      top += (this.known.size ? this.known.get(props.keyOf(row)) : undefined) ?? props.guess(row);
      tops[row + 1] = top;
    }
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

  /** Whether any of the measured heights, of rows from `first` on, is news. */
  measure(first: number, found: readonly number[]): boolean {
    const { tops, props } = this;
    let news = false;
    let shift = 0;
    let before = this.top(first);
    for (let row = first; row < props.count; row++) {
      const height = found[row - first];
      if (height === undefined && !shift) break;
      const end = tops[row + 1] ?? 0;
      if (height !== undefined && Math.abs(end - before - height) >= 0.5) {
        this.known.set(props.keyOf(row), height);
        shift += height - (end - before);
        news = true;
      }
      before = end;
      tops[row + 1] = end + shift;
    }
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
  const pace = useRef(JUMPED);
  const [, again] = useState(0);
  const redraw = () => again((times) => times + 1);
  const heights = useRef<Heights | undefined>(undefined);
  heights.current ??= new Heights(props);
  const known = heights.current;
  useMemo(() => known.build(props), [props.count, props.keyOf, props.guess]);
  const view = viewOf(box.current);
  const { beyond, quick } = pace.current;
  const first = known.at(view.top - beyond);
  const last = Math.min(props.count - 1, known.at(view.top + view.height + beyond));
  const rows = useDrawn(props, first, last, quick);
  const part = { first, last, inner };
  usePlacing(box, known, part, redraw);
  useWatching(box, known, pace, redraw, props);
  useReach(box, known, part, props.reach, redraw);
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

/** The rows' nodes. Those that were in the page already are the same ones, so that nothing is done for them. */
function useDrawn({ draw, keyOf }: Props, first: number, last: number, quick: boolean): VNode[] {
  const before = useRef<{ draw: Props["draw"]; quick: boolean; first: number; rows: VNode[] }>({ draw, quick, first, rows: [] });
  const { current } = before;
  const same = current.draw === draw && current.quick === quick;
  const rows: VNode[] = [];
  for (let row = first; row <= last; row++) rows.push((same && current.rows[row - current.first]) || draw(row, keyOf(row), quick));
  before.current = { draw, quick, first, rows };
  return rows;
}

type Ref = { readonly current: HTMLDivElement | null };

/** What is in the page. */
interface Part {
  first: number;
  last: number;
  inner: Ref;
}

/** Heights and places are set through the CSSOM: the policy of the page lets nothing inline. */
function usePlacing(box: Ref, known: Heights, { first, last, inner }: Part, redraw: () => void): void {
  useLayoutEffect(() => {
    const outer = inner.current;
    const shown = outer?.firstElementChild;
    if (!(outer && shown instanceof HTMLElement && box.current)) return;
    const { scrollTop } = box.current;
    const anchor = known.at(scrollTop);
    const within = scrollTop - known.top(anchor);
    const news = known.measure(
      first,
      Array.from(shown.children, (row) => row.getBoundingClientRect().height),
    );
    outer.style.height = `${known.total}px`;
    shown.style.transform = `translateY(${known.top(first)}px)`;
    if (!news) return;
    const place = known.top(anchor) + within;
    if (Math.abs(place - scrollTop) > 0.5) box.current.scrollTop = place;
    if (known.top(last + 1) < box.current.scrollTop + box.current.clientHeight) redraw();
  });
}

function useWatching(box: Ref, known: Heights, pace: { current: Pace }, redraw: () => void, props: Props): void {
  const told = useRef(props.onScroll);
  told.current = props.onScroll;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let frame = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let width = element.clientWidth;
    let top = element.scrollTop;
    const rest = () => {
      timer = undefined;
      pace.current = RESTING;
      redraw();
    };
    const moved = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        const { scrollTop } = element;
        if (Math.abs(scrollTop - top) > element.clientHeight) {
          pace.current = timer === undefined ? JUMPED : DRAGGED;
          clearTimeout(timer);
          timer = setTimeout(rest, REST);
        }
        top = scrollTop;
        redraw();
        told.current?.(known.at(scrollTop + 1));
      });
    };
    const watcher = new ResizeObserver(() => {
      if (Math.abs(element.clientWidth - width) > 2) known.forget();
      width = element.clientWidth;
      moved();
    });
    watcher.observe(element);
    element.addEventListener("scroll", moved, { passive: true });
    rest();
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      watcher.disconnect();
      element.removeEventListener("scroll", moved);
    };
  }, []);
}

function useReach(box: Ref, known: Heights, part: Part, reach: Props["reach"], redraw: () => void): void {
  const shown = useRef(part);
  shown.current = part;
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
    const element = (row: number) => {
      const { first, inner } = shown.current;
      const found = inner.current?.firstElementChild?.children[row - first];
      return found instanceof HTMLElement ? found : undefined;
    };
    reach.current = { to, first: () => known.at((box.current?.scrollTop ?? 0) + 1), element };
  }, []);
}
