import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { DayAnswer } from "../../api";

const DAY = 86_400;
const STEPS = [1, 2, 7, 14, 30, 61, 91, 182, 365].map((number) => number * DAY);
const SHORT = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
/** Colour, and dashes: colour is never alone. */
const LINES = [
  { name: "opened", variable: "--opened", dash: [] },
  { name: "merged", variable: "--merged-line", dash: [8, 4] },
  { name: "closed", variable: "--closed", dash: [2, 3] },
] as const;

/** Pull requests by day. The table below it has the same numbers for those who do not see it. */
export function Chart({ days }: { days: readonly DayAnswer[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const self = box.current;
    if (!self) return undefined;
    const plot = new uPlot(optionsFor(self), dataOf(days), self);
    const sizes = new ResizeObserver(() => plot.setSize(sizeOf(self)));
    sizes.observe(self);
    const redraw = () => plot.redraw(false, true);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    const themes = new MutationObserver(redraw);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
      dark.removeEventListener("change", redraw);
      plot.destroy();
    };
  }, [days]);
  return (
    <figure class="insight-figure card">
      <div class="insight-chart" ref={box} aria-hidden="true" />
      <figcaption class="insight-key">
        {LINES.map((one) => (
          <span key={one.name} class={one.name}>
            {one.name}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function dataOf(days: readonly DayAnswer[]): uPlot.AlignedData {
  const times = days.map((one) => Date.parse(`${one.day}T00:00:00Z`) / 1000);
  return [times, days.map((one) => one.opened), days.map((one) => one.merged), days.map((one) => one.closed)];
}

function sizeOf(self: HTMLElement): { width: number; height: number } {
  return { width: Math.max(self.clientWidth, 120), height: Math.max(self.clientHeight, 120) };
}

function optionsFor(self: HTMLElement): uPlot.Options {
  const colour = (variable: string) => () => resolved(self, variable);
  const axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
  };
  return {
    ...sizeOf(self),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"), // days are days, wherever they are looked at
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, Math.ceil(most * 1.05))] } },
    axes: [
      { ...axis, incrs: STEPS, space: 70, values: (_, days) => days.map((day) => SHORT.format(day * 1000)) },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
    ],
    series: [
      {},
      ...LINES.map((one) => ({
        label: one.name,
        stroke: colour(one.variable),
        width: 2,
        dash: [...one.dash],
        points: { size: 5, fill: colour(one.variable) },
      })),
    ],
  };
}

/** A colour as the canvas takes it: `light-dark()` comes out of the computed style as one of the two. */
function resolved(self: HTMLElement, variable: string): string {
  const probe = self.ownerDocument.createElement("span");
  probe.style.setProperty("color", `var(${variable})`);
  self.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
