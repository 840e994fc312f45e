/** The screen of a terminal: a grid of characters that output is written on, and the lines that have left it at the top. */
import { type Look, parseLine, PLAIN, type Span } from "../../parts/ansi";

interface Cell {
  text: string;
  look: Look;
}
type Row = Cell[];

const MOST_ABOVE = 2000;
const LONGEST_SEQUENCE = 4096;
const CSI = /\x1b\[([0-9:;<=>?]*)[ -/]*([@-~])/y;
const STRING = /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)/y;
const SHORT = /\x1b([ -/]*)([0-Z\\^-~])/y;
const BLANK: Cell = { text: " ", look: PLAIN };
const MARK = /\p{Mark}|\u200d|\ufe0f/u;

export class Screen {
  above: Row[] = [];
  row = 0;
  column = 0;
  cursorShown = true;
  /** Arrow keys are sent otherwise. */
  applicationCursor = false;
  /** What is pasted is marked as such, so that a shell does not run it at once. */
  marksPastes = false;
  /** What the terminal answers to a question of a program. */
  reply: (text: string) => void = () => undefined;

  private grid: Row[];
  private other: { grid: Row[]; row: number; column: number } | undefined;
  private saved = { row: 0, column: 0, look: PLAIN };
  private look = PLAIN;
  private top = 0;
  private bottom: number;
  private rest = "";
  /** The next character goes to the next line. */
  private full = false;

  constructor(
    public rows: number,
    public columns: number,
  ) {
    this.grid = Array.from({ length: rows }, () => this.blank());
    this.bottom = rows - 1;
  }

  /** The lines of the grid, or those above it, as they are drawn. */
  drawn(rows: readonly Row[] = this.grid): Span[][] {
    return rows.map((cells) => {
      const spans: Span[] = [];
      let end = cells.length;
      while (end > 0 && cells[end - 1]?.text === " " && cells[end - 1]?.look === PLAIN) end--;
      for (const { text, look } of cells.slice(0, end)) {
        const last = spans.at(-1);
        if (last && last.look === look) last.text += text;
        else spans.push({ text, look });
      }
      return spans;
    });
  }

  resize(rows: number, columns: number): void {
    while (this.grid.length > rows) {
      const gone = this.row < this.grid.length - 1 ? this.grid.pop() : this.grid.shift();
      if (gone && this.row >= this.grid.length) {
        if (!this.other) this.keep(gone);
        this.row--;
      }
    }
    this.rows = rows;
    this.columns = columns;
    while (this.grid.length < rows) this.grid.push(this.blank());
    for (const cells of this.grid) {
      cells.length = Math.min(cells.length, columns);
      while (cells.length < columns) cells.push(BLANK);
    }
    [this.top, this.bottom] = [0, rows - 1];
    this.to(this.row, this.column);
  }

  write(data: string): void {
    const text = this.rest + data;
    this.rest = "";
    let at = 0;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === 0x1b) {
        const end = this.sequence(text, at);
        if (end < 0) {
          this.rest = text.slice(at).slice(0, LONGEST_SEQUENCE);
          return;
        }
        at = end;
      } else if (code < 0x20 || code === 0x7f) {
        this.control(code);
        at++;
      } else {
        const character = String.fromCodePoint(text.codePointAt(at) ?? 0x20);
        this.put(character);
        at += character.length;
      }
    }
  }

  /** Past a sequence; -1 when its end has not come yet. */
  private sequence(text: string, at: number): number {
    for (const pattern of [CSI, STRING, SHORT]) {
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (!found) continue;
      if (pattern === CSI) this.csi(found[1] ?? "", found[2] ?? "");
      else if (pattern === SHORT && !found[1]) this.short(found[2] ?? "");
      return pattern.lastIndex;
    }
    return text.length - at < LONGEST_SEQUENCE ? -1 : at + 1;
  }

  private control(code: number): void {
    if (code === 13) this.to(this.row, 0);
    else if (code >= 10 && code <= 12) this.down();
    else if (code === 8) this.to(this.row, this.column - 1);
    else if (code === 9) this.to(this.row, (Math.floor(this.column / 8) + 1) * 8);
  }

  private put(text: string): void {
    if (MARK.test(text) && this.column > 0) {
      const before = this.line()[this.column - (this.full ? 0 : 1)];
      if (before && before.text.length < 16) this.line()[this.column - (this.full ? 0 : 1)] = { ...before, text: before.text + text };
      return;
    }
    if (this.full) {
      this.to(this.row, 0);
      this.down();
    }
    this.line()[this.column] = { text, look: this.look };
    this.full = this.column === this.columns - 1;
    if (!this.full) this.column++;
  }

  private short(name: string): void {
    if (name === "7") this.saved = { row: this.row, column: this.column, look: this.look };
    else if (name === "8") this.restore();
    else if (name === "D") this.down();
    else if (name === "M") this.up();
    else if (name === "E") {
      this.to(this.row, 0);
      this.down();
    } else if (name === "c") this.reset();
  }

  private csi(parameters: string, name: string): void {
    if (parameters.startsWith("?")) {
      if (name === "h" || name === "l") for (const mode of parameters.slice(1).split(";")) this.mode(Number(mode), name === "h");
      return;
    }
    if (/[<=>]/.test(parameters)) return;
    if (name === "m") {
      this.look = parseLine(`\x1b[${parameters}m`, this.look).look;
      return;
    }
    const numbers = parameters.split(";").map((one) => Math.min(9999, Number(one) || 0));
    const first = numbers[0] ?? 0;
    const times = Math.max(1, first);
    if (!this.moved(name, times, numbers)) this.changed(name, first, times, numbers);
  }

  private moved(name: string, times: number, numbers: readonly number[]): boolean {
    const second = Math.max(1, numbers[1] ?? 1);
    switch (name) {
      case "A": this.to(this.row - times, this.column); break;
      case "B": case "e": this.to(this.row + times, this.column); break;
      case "C": case "a": this.to(this.row, this.column + times); break;
      case "D": this.to(this.row, this.column - times); break;
      case "E": this.to(this.row + times, 0); break;
      case "F": this.to(this.row - times, 0); break;
      case "G": case "`": this.to(this.row, times - 1); break;
      case "d": this.to(times - 1, this.column); break;
      case "H": case "f": this.to(times - 1, second - 1); break;
      case "s": this.saved = { row: this.row, column: this.column, look: this.look }; break;
      case "u": this.restore(); break;
      default: return false;
    }
    return true;
  }

  private changed(name: string, first: number, times: number, numbers: readonly number[]): void {
    const line = this.line();
    const count = Math.min(times, this.columns - this.column);
    switch (name) {
      case "J": this.eraseScreen(first); break;
      case "K": this.erase(this.row, first === 0 ? this.column : 0, first === 1 ? this.column + 1 : this.columns); break;
      case "X": this.erase(this.row, this.column, this.column + count); break;
      case "P": line.splice(this.column, count); while (line.length < this.columns) line.push(BLANK); break;
      case "@": line.splice(this.column, 0, ...Array.from({ length: count }, () => BLANK)); line.length = this.columns; break;
      case "L": this.shift(this.row, times, true); break;
      case "M": this.shift(this.row, times, false); break;
      case "S": this.shift(this.top, times, false); break;
      case "T": this.shift(this.top, times, true); break;
      case "r": this.region(first, numbers[1] ?? 0); break;
      case "n": if (first === 6) this.reply(`\x1b[${this.row + 1};${this.column + 1}R`); else if (first === 5) this.reply("\x1b[0n"); break;
      case "c": this.reply("\x1b[?6c"); break;
    }
  }

  private mode(mode: number, on: boolean): void {
    if (mode === 1) this.applicationCursor = on;
    else if (mode === 25) this.cursorShown = on;
    else if (mode === 2004) this.marksPastes = on;
    else if (mode === 1049 || mode === 47 || mode === 1047) this.alternate(on);
  }

  /** Programs that fill the screen have one of their own. */
  private alternate(on: boolean): void {
    if (on === (this.other !== undefined)) return;
    if (on) {
      this.other = { grid: this.grid, row: this.row, column: this.column };
      this.grid = Array.from({ length: this.rows }, () => this.blank());
      this.to(0, 0);
    } else if (this.other) {
      this.grid = this.other.grid;
      const { row, column } = this.other;
      this.other = undefined;
      this.resize(this.rows, this.columns);
      this.to(row, column);
    }
    this.region(0, 0);
  }

  private region(top: number, bottom: number): void {
    const [first, last] = [Math.max(1, top) - 1, (bottom || this.rows) - 1];
    if (first >= last || last >= this.rows) return;
    [this.top, this.bottom] = [first, last];
    if (top || bottom) this.to(0, 0);
  }

  private restore(): void {
    this.look = this.saved.look;
    this.to(this.saved.row, this.saved.column);
  }

  private reset(): void {
    this.alternate(false);
    this.look = PLAIN;
    this.cursorShown = true;
    this.applicationCursor = false;
    this.marksPastes = false;
    this.eraseScreen(2);
    this.to(0, 0);
  }

  private down(): void {
    if (this.row === this.bottom) {
      const gone = this.grid[this.top];
      if (this.top === 0 && !this.other && gone) this.keep(gone);
      this.shift(this.top, 1, false);
    } else this.to(this.row + 1, this.column);
  }

  private up(): void {
    if (this.row === this.top) this.shift(this.top, 1, true);
    else this.to(this.row - 1, this.column);
  }

  /** Lines of the region from `first` on go down or up, and blank ones come in. */
  private shift(first: number, times: number, down: boolean): void {
    if (first < this.top || first > this.bottom) return;
    for (let count = Math.min(times, this.bottom - first + 1); count > 0; count--) {
      this.grid.splice(down ? this.bottom : first, 1);
      this.grid.splice(down ? first : this.bottom, 0, this.blank());
    }
  }

  private eraseScreen(what: number): void {
    if (what === 3) this.above = [];
    else if (what === 2) for (let row = 0; row < this.rows; row++) this.erase(row, 0, this.columns);
    else if (what === 1) {
      for (let row = 0; row < this.row; row++) this.erase(row, 0, this.columns);
      this.erase(this.row, 0, this.column + 1);
    } else {
      this.erase(this.row, this.column, this.columns);
      for (let row = this.row + 1; row < this.rows; row++) this.erase(row, 0, this.columns);
    }
  }

  private erase(row: number, from: number, to: number): void {
    const blank = this.look.back === undefined ? BLANK : { text: " ", look: this.look };
    this.grid[row]?.fill(blank, from, to);
  }

  private keep(row: Row): void {
    this.above.push(row);
    if (this.above.length > MOST_ABOVE) this.above.splice(0, this.above.length - MOST_ABOVE);
  }

  private to(row: number, column: number): void {
    this.row = Math.max(0, Math.min(this.rows - 1, row));
    this.column = Math.max(0, Math.min(this.columns - 1, column));
    this.full = false;
  }

  private line(): Row {
    return (this.grid[this.row] ??= this.blank());
  }

  private blank(): Row {
    return Array.from({ length: this.columns }, () => BLANK);
  }
}
