/** Times, durations, money, sizes and counts, as this browser's person writes them. */
import { useEffect, useState } from "preact/hooks";

const DAY = 86_400_000;
const ABSOLUTE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const COUNT = new Intl.NumberFormat();
const SHORT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const UNITS = [
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** How long ago or ahead, with the exact time as its title; the date when it is more than a week. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow(30_000);
  if (!at) return null;
  const then = Date.parse(at);
  if (Number.isNaN(then)) return <>{at}</>;
  return (
    <time dateTime={at} title={ABSOLUTE.format(then)}>
      {relative(then - now, then)}
    </time>
  );
}

function relative(ahead: number, then: number): string {
  if (Math.abs(ahead) > 7 * DAY) return DATE.format(then);
  for (const [unit, length] of UNITS) if (Math.abs(ahead) >= length) return RELATIVE.format(Math.trunc(ahead / length), unit);
  return ahead > 5000 ? "soon" : "just now";
}

/** Milliseconds since 1970, brought up to date so often. */
function useNow(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(whole / 3600)} h${Math.floor((whole % 3600) / 60) ? ` ${Math.floor((whole % 3600) / 60)} min` : ""}`;
}

export function Duration({ seconds }: { seconds: number | null | undefined }) {
  return seconds == null ? null : <span class="tabular">{duration(seconds)}</span>;
}

/** Millionths of a US dollar; null for what is not known. */
export function money(microusd: number | null | undefined): string {
  if (microusd == null) return "unknown";
  const dollars = microusd / 1e6;
  return `$${dollars.toFixed(dollars && Math.abs(dollars) < 0.01 ? 4 : 2)}`;
}

export function Money({ microusd }: { microusd: number | null | undefined }) {
  return (
    <span class="tabular" title={microusd == null ? "the price of a call is not known" : undefined}>
      {microusd == null ? "–" : money(microusd)}
    </span>
  );
}

/** 12,345 */
export function count(number: number): string {
  return COUNT.format(number);
}

/** 12.3K */
export function short(number: number): string {
  return SHORT.format(number);
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const at = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** at).toFixed(1)} ${units[at - 1]}`;
}
