/** Small drawings, which no font can lack. They say nothing alone: a word or a label stands beside each. */

const DRAWN = {
  tasks: "M13.5 10A6 6 0 1 1 6.5 2.6 4.8 4.8 0 0 0 13.5 10z",
  environments: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  insight: "M2 14h12M4 14V8.5M8 14V3M12 14V6",
  repositories: "M4 2h9v12H4.5A1.5 1.5 0 0 1 3 12.5V3a1 1 0 0 1 1-1zM3 12.2A1.5 1.5 0 0 1 4.5 11H13",
  account: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14a5.5 5.5 0 0 1 11 0",
  budgets: "M8 1.5v13M11 4.5C10.5 3.4 9.4 3 8 3c-1.8 0-3 .9-3 2.4C5 9 11 7 11 10.6 11 12.2 9.7 13 8 13c-1.7 0-2.8-.6-3.2-1.8",
  webhooks: "M6 3h7v7M13 3 3 13",
  audit: "M3 4h10M3 8h10M3 12h6",
  people:
    "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5a4.5 4.5 0 0 1 9 0" +
    "M10.5 2.8a2.5 2.5 0 0 1 0 4.4M12 9.5a4.5 4.5 0 0 1 2.5 4",
  organisations: "M2 14h12M3 14V6l5-3.5L13 6v8M6.5 14v-4h3v4",
  forges:
    "M4.5 5.5v5M4.5 5.5a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM4.5 13.9a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z" +
    "M11.5 5.5a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM11.5 5.5c0 3-7 2-7 5",
  workers: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.010M5 11h.010",
  settings:
    "M2 4.5h6M12 4.5h2M10 6.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z" +
    "M2 11.5h2M8 11.5h6M6 13.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z",
  copy: "M5.5 5.5h8v8h-8zM3 10.5H2.5v-8h8V3",
  picture: "M2 3h12v10H2zM2 11l3.5-3.5 3 3 2-2L14 12M10.5 5.5h.01",
  done: "M2.5 8.5 6 12l7.5-8",
} as const;

export type IconName = keyof typeof DRAWN;

/** One of them, as large as the text around it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={DRAWN[name]} fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
