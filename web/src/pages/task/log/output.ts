// Lines of an output, asked for in pages as they come into view.
import { ask, call, type Problem } from "../../../api";
import { asProblem } from "../../../load";
import { type Look, parseLine, PLAIN, type Span } from "../../../parts/ansi";
import type { LogPlace } from "../text/citations";

export const PAGE = 1000;
const MOST_SEARCHED = 200_000;
const OF = { cmd: "command", check: "check", hook: "hook" } as const;

export interface About {
  name: string;
  command: string;
  ended: string;
  digest: string;
  total: number;
}

export interface Found {
  row: number;
  at: number;
}

export class Output {
  about: About | undefined;
  problem: Problem | undefined;
  private readonly pages = new Map<number, string[]>();
  private readonly asked = new Set<number>();
  private readonly looks = new Map<number, Look[]>();
  private ended = false;

  constructor(
    private readonly attempt: string,
    private readonly place: LogPlace,
    /** Of the output of a setup, which is asked for as a whole. */
    private readonly digest: string,
    private readonly changed: () => void,
  ) {}

  stop(): void {
    this.ended = true;
  }

  line(row: number): string | undefined {
    const page = Math.floor(row / PAGE);
    if (!this.pages.has(page)) void this.load(page);
    return this.pages.get(page)?.[row % PAGE];
  }

  /** As a terminal would show it; how a line begins follows from those before it on its page. */
  spans(row: number): Span[] {
    const page = Math.floor(row / PAGE);
    const lines = this.pages.get(page);
    if (!lines) return [];
    let looks = this.looks.get(page);
    if (!looks) {
      looks = [PLAIN];
      for (const line of lines) looks.push(line.includes("\u001b") ? parseLine(line, looks.at(-1)).look : (looks.at(-1) ?? PLAIN));
      this.looks.set(page, looks);
    }
    return parseLine(lines[row % PAGE] ?? "", looks[row % PAGE]).spans;
  }

  async load(page: number): Promise<void> {
    if (this.asked.has(page) || this.ended) return;
    this.asked.add(page);
    try {
      await (this.place.of === "setup" ? this.whole() : this.part(page));
    } catch (error) {
      this.problem = asProblem(error);
    }
    if (!this.ended) this.changed();
  }

  private async part(page: number): Promise<void> {
    if (this.place.of === "setup") return;
    const found: string[] = [];
    // an answer may hold less than was asked for, where lines are long
    for (let more = true; more && found.length < PAGE && !this.ended;) {
      const first = page * PAGE + found.length + 1;
      const answer = await call("GET", "/attempts/{attempt}/logs/{number}", {
        path: { attempt: this.attempt, number: this.place.number },
        query: { of: OF[this.place.of], from: first, to: (page + 1) * PAGE },
      });
      this.about = { name: answer.name, command: answer.command, ended: answer.ended, digest: answer.digest, total: answer.total_lines };
      found.push(...answer.lines);
      more = answer.more && answer.lines.length > 0;
    }
    this.pages.set(page, found);
  }

  private async whole(): Promise<void> {
    const answer = await ask("GET", `/attempts/${this.attempt}/outputs/${this.digest}`);
    const lines = (await answer.text()).replace(/\n$/, "").split("\n");
    for (let page = 0; page * PAGE < lines.length; page++) {
      this.asked.add(page);
      this.pages.set(page, lines.slice(page * PAGE, (page + 1) * PAGE));
    }
    this.about = { name: "setup", command: "", ended: "", digest: this.digest, total: lines.length };
  }

  /** Lines that hold the text, whatever the case of its letters. What is not here yet is asked for. */
  async search(text: string, most: number): Promise<{ found: Found[]; cut: boolean }> {
    const wanted = text.toLowerCase();
    const found: Found[] = [];
    const total = Math.min(this.about?.total ?? 0, MOST_SEARCHED);
    for (let row = 0; row < total && found.length < most && !this.ended; row++) {
      if (row % PAGE === 0) await this.load(row / PAGE);
      const at = (this.pages.get(Math.floor(row / PAGE))?.[row % PAGE] ?? "").toLowerCase().indexOf(wanted);
      if (at >= 0) found.push({ row, at });
    }
    return { found, cut: found.length >= most || total < (this.about?.total ?? 0) };
  }
}
