"""The rows of a conversation on the screen, one kind for each kind of entry. What came from a model, a repository or a
command is made harmless here."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from midwatch.cli import words
from midwatch.cli.tui import patches
from midwatch.cli.tui.answers import AnswerRow
from midwatch.cli.tui.entries import Answer, Call, Edit, Entry, Note, Plan, Run, Said
from midwatch.cli.tui.feed import OUTPUT_BYTES
from midwatch.cli.tui.folds import Fold, Head, Row
from midwatch.cli.tui.patches import Line

TAIL_LINES = 3
"""Lines of a running command's output that are shown below it."""
OPEN_LINES = 20
"""Lines of an output that an unfolded row shows; `/log` shows all."""
DIFF_LINES = 20
"""A patch of more lines is folded."""


class SaidRow(Row):
    """Words of the person."""

    DEFAULT_CSS = """
    SaidRow { border-left: outer $primary; background: $surface; margin: 1 0; }
    SaidRow Static.chip { color: $text-accent; }
    """

    def __init__(self, entry: Said) -> None:
        super().__init__()
        self._entry = entry

    def compose(self) -> ComposeResult:
        """The words, and how many pictures came with them."""
        yield Static(words.clean(self._entry.text), markup=False)
        if self._entry.images:
            yield Static(f"▣ {words.count(self._entry.images, 'image')}", classes="chip", markup=False)

    def show(self, entry: Entry) -> None:
        """It does not change."""


class RunRow(Fold):
    """A command: its line, the last lines while it runs, more when it is unfolded."""

    DEFAULT_CSS = "RunRow > .body { color: $foreground 70%; }"

    def __init__(self, entry: Run) -> None:
        super().__init__()
        self.entry = entry
        self._raw = b""

    def on_mount(self) -> None:
        """Draw it."""
        self.redraw()

    def show(self, entry: Entry) -> None:
        """Its state has changed."""
        if isinstance(entry, Run):
            self.entry = entry
            self.redraw()

    def hear(self, data: bytes) -> None:
        """It has written more."""
        self._raw = (self._raw + data)[-OUTPUT_BYTES:]
        self.redraw()

    def redraw(self) -> None:
        """The line and as much output as is wanted."""
        entry = self.entry
        mark = {None: ("▸", "$primary"), True: ("✓", "$success"), False: ("✗", "$error")}[entry.ok]
        facts = () if entry.ok is None else (words.line(entry.ended), *self._measures())
        first, *more = words.clean(entry.command).strip().split("\n") or [""]
        self.head.show(mark, f"$ {words.line(first)}" + (" …" if more else ""), "", facts)
        lines = self._output()
        if not self.folded:
            command = more and Content("\n".join(["$ " + first, *more])).stylize("bold")
            self.fill(_joined([*([command] if command else []), _dimmed(lines or ["no output"])]))
        else:
            self.fill(_dimmed(lines[-TAIL_LINES:]) if entry.ok is None and lines else None)

    def _measures(self) -> tuple[str, ...]:
        took = words.milliseconds(self.entry.duration_ms) if self.entry.number else ""
        number = f"log {self.entry.number}" if self.entry.number else ""
        lines = words.count(self.entry.lines, "line") if self.entry.lines else ""
        return (took, lines, number)

    def _output(self) -> list[str]:
        """The end of what it has written."""
        kept = words.decode(self._raw) if self._raw else words.clean(self.entry.output)
        lines = kept.rstrip("\n").split("\n") if kept.strip() else []
        above = max(0, (self.entry.lines or len(lines)) - OPEN_LINES)
        if not self.folded and above and len(lines) >= OPEN_LINES:
            where = f"; /log {self.entry.number} shows all" if self.entry.number else ""
            return [f"… {words.count(above, 'line')} above{where}", *lines[-OPEN_LINES:]]
        return lines[-OPEN_LINES:]


class EditRow(Fold):
    """A patch as a coloured diff; a long one is folded."""

    DEFAULT_CSS = "EditRow { margin: 1 0; }"

    def __init__(self, entry: Edit) -> None:
        super().__init__()
        self.entry = entry
        self._lines = patches.of_patch(entry.patch)
        self.folded = len(self._lines) > DIFF_LINES

    def on_mount(self) -> None:
        """Draw it."""
        self.redraw()

    def show(self, entry: Entry) -> None:
        """It has been applied, or could not be."""
        if isinstance(entry, Edit):
            self.entry = entry
            self.redraw()

    def redraw(self) -> None:
        """The files and the counts, below them the lines."""
        ok = self.entry.ok
        mark = {None: ("▸", "$primary"), True: ("✎", "$success"), False: ("✗", "$error")}[ok]
        added, removed = patches.counts(self._lines)
        files = ", ".join(line.text for line in self._lines if line.kind == "file") or words.line(self.entry.summary)
        facts = [f"+{added} -{removed}", "not applied" if ok is False else ""]
        facts += [words.count(len(self._lines), "line")] if self.folded else []
        self.head.show(mark, files, "bold", facts)
        wrong = [Content(words.clean(self.entry.output).strip()).stylize("$text-error")] if ok is False else []
        if self.folded:
            self.fill(_joined(wrong) if wrong else None)
        else:
            files_named = sum(line.kind == "file" for line in self._lines) > 1
            self.fill(_joined([*_painted(self._lines, files_named=files_named), *wrong]))


class CallRow(Fold):
    """A call of another tool."""

    DEFAULT_CSS = "CallRow > .body { color: $foreground 70%; }"

    def __init__(self, entry: Call) -> None:
        super().__init__()
        self.entry = entry

    def on_mount(self) -> None:
        """Draw it."""
        self.redraw()

    def show(self, entry: Entry) -> None:
        """It has ended."""
        if isinstance(entry, Call):
            self.entry = entry
            self.redraw()

    def redraw(self) -> None:
        """The line, below it the result."""
        tool, text = words.line(self.entry.tool), words.line(self.entry.summary)
        mark = {None: ("▸", "$primary"), True: ("✓", "$success"), False: ("✗", "$error")}[self.entry.ok]
        lines = words.clean(self.entry.output).strip().split("\n")
        facts = () if self.entry.ok is not False else (words.cut(words.line(lines[0]), 60),)
        self.head.show(mark, text if text.startswith(tool) else f"{tool}: {text}", "", facts)
        self.fill(None if self.folded else _dimmed(lines[:OPEN_LINES]))


class PlanRow(Row):
    """The plan as a checklist."""

    DEFAULT_CSS = "PlanRow { margin: 1 0; } PlanRow Static { margin-left: 2; }"

    def __init__(self, entry: Plan) -> None:
        super().__init__()
        self._head, self._list = Head(), Static("", markup=False)
        self._entry = entry

    def compose(self) -> ComposeResult:
        """How far it is, and the steps."""
        yield self._head
        yield self._list

    def on_mount(self) -> None:
        """Draw it."""
        self.show(self._entry)

    def show(self, entry: Entry) -> None:
        """The plan has changed."""
        if not isinstance(entry, Plan):
            return
        done = sum(step.status == "completed" for step in entry.steps)
        self._head.show(("≡", "$primary"), f"Plan, {done} of {len(entry.steps)} done")
        looks = {"completed": ("✓ ", "$success", "dim"), "in_progress": ("▸ ", "$primary", "bold")}
        lines = []
        for step in entry.steps:
            mark, colour, style = looks.get(step.status, ("· ", "dim", ""))
            lines.append(Content.assemble((mark, colour), (words.line(step.step), style)))
        self._list.update(_joined(lines))


class NoteRow(Row):
    """A line about something that happened."""

    DEFAULT_CSS = """
    NoteRow { color: $foreground 70%; }
    NoteRow.-bad { color: $text-error; margin: 1 0; }
    """

    def __init__(self, entry: Note) -> None:
        super().__init__()
        self._entry = entry
        self.set_class(entry.ok is False, "-bad")

    def compose(self) -> ComposeResult:
        """The line, and what to do about it."""
        mark = {None: "·", True: "✓", False: "✗"}[self._entry.ok]
        text = f"{mark} {words.clean(self._entry.text)}"
        yield Static(text + (f"\n→ {words.line(self._entry.mend)}" if self._entry.mend else ""), markup=False)

    def show(self, entry: Entry) -> None:
        """It does not change."""


def row(entry: Entry) -> Row:
    """The row of an entry."""
    match entry:
        case Said():
            return SaidRow(entry)
        case Answer():
            return AnswerRow(entry)
        case Run():
            return RunRow(entry)
        case Edit():
            return EditRow(entry)
        case Call():
            return CallRow(entry)
        case Plan():
            return PlanRow(entry)
        case Note():
            return NoteRow(entry)


def _joined(parts: Sequence[Content]) -> Content:
    return Content("\n").join(parts)


def _dimmed(lines: Sequence[str]) -> Content:
    return Content("\n".join(lines))


def _painted(lines: Sequence[Line], *, files_named: bool) -> list[Content]:
    """The lines of a patch in colour; names of files only where there are several."""
    styles = {"added": "$text-success", "removed": "$text-error", "file": "bold", "place": "$text-accent", "plain": ""}
    shown = [line for line in lines if files_named or line.kind != "file"]
    return [Content(line.text).stylize(styles[line.kind]) for line in shown]
