import { Button } from "./Button";

/** For lists of which the server says `next`: more is added below. */
export function More({ more, busy, onMore }: { more: boolean; busy?: boolean; onMore: () => void }) {
  if (!more) return null;
  return (
    <div class="pager">
      <Button busy={busy} onClick={onMore}>
        Show more
      </Button>
    </div>
  );
}

interface Props {
  /** From 0. */
  page: number;
  /** Whether there is one after it. */
  more: boolean;
  onPage: (page: number) => void;
  busy?: boolean | undefined;
}

/** Pages forward and back. */
export function Pager({ page, more, onPage, busy }: Props) {
  if (!page && !more) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <Button disabled={!page || busy} onClick={() => onPage(page - 1)}>
        ‹ Newer
      </Button>
      <span class="tabular">Page {page + 1}</span>
      <Button disabled={!more || busy} onClick={() => onPage(page + 1)}>
        Older ›
      </Button>
    </nav>
  );
}
