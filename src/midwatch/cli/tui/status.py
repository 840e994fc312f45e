"""The lines around the prompt: what is being done, what waits, what it has come to, and the keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from midwatch.agent.log import History
from midwatch.cli import words
from midwatch.cli.progress import change_count
from midwatch.domain.evidence import FileChange

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the status line says, by importance; the least important is left out first where there is little room."""

    model: str
    mode: str
    folder: str
    facts: tuple[str, ...] = ()


def figures(history: History | None, window: int, changes: Sequence[FileChange]) -> tuple[str, ...]:
    """Context, cost, tokens, files, time: as far as they are known."""
    if history is None or not history.usage.total:
        return ()
    usage = history.usage
    cost = words.money(history.cost_microusd) if history.cost_known else "price not known"
    cached = f" ({usage.cached_percent} % cached)" if usage.cached_percent else ""
    facts = [f"context {min(100, 100 * history.context_tokens // window)} %"] if window else []
    facts += [change_count(changes) if changes else "", cost]
    facts += [f"{words.compact(usage.total)} tokens{cached}"]
    return tuple(fact for fact in facts if fact)


class StatusLine(Widget):
    """One line: model, mode, folder on the left, figures on the right."""

    DEFAULT_CSS = "StatusLine { height: 1; padding: 0 1; color: $foreground 70%; }"

    def __init__(self) -> None:
        super().__init__(id="status")
        self._figures = Figures("", "", "")

    def show(self, shown: Figures) -> None:
        """Draw these."""
        if shown != self._figures:
            self._figures = shown
            self.refresh()

    def render(self) -> Content:
        """What there is room for."""
        shown, room = self._figures, max(10, self.size.width)
        facts = list(shown.facts)
        left = [words.line(shown.model), words.line(shown.mode)]
        least = sum(map(words.cells, left)) + 3
        while facts and least + 3 + words.cells(" · ".join(facts)) > room:
            facts.pop()
        right = " · ".join(facts)
        spare = room - least - words.cells(right) - 6
        folder = words.cut_path(shown.folder, spare) if spare >= min(10, words.cells(shown.folder)) else ""
        head = " · ".join(part for part in (*left, folder) if part)
        head = words.cut(head, room - words.cells(right) - (2 if right else 0))
        gap = " " * max(0, room - words.cells(head) - words.cells(right))
        return Content.assemble((head, ""), gap, (right, ""))


class WorkLine(Widget):
    """What is being done now and for how long; nothing while nothing is."""

    DEFAULT_CSS = "WorkLine { height: 1; padding: 0 1; margin-top: 1; display: none; }"

    def __init__(self) -> None:
        super().__init__(id="work")
        self._text, self._plan, self._began = "", "", 0.0

    def begin(self) -> None:
        """A turn begins."""
        self._began, self._text, self._plan = time.monotonic(), "", ""
        self.display = True

    def end(self) -> None:
        """It is over."""
        self.display = False

    def show(self, text: str, plan: str) -> None:
        """Say this; also moves the spinner."""
        self._text, self._plan = text, plan
        self.refresh()

    def render(self) -> Content:
        """Spinner, what, for how long, the step of the plan."""
        room = max(10, self.size.width)
        since = time.monotonic() - self._began
        took = f" · {words.duration(since)}" if since >= 1 else ""
        keys = " · esc interrupts"
        text = words.cut(words.line(self._text) or "working", room - 2 - len(took) - len(keys))
        used = 2 + words.cells(text) + len(took) + len(keys)
        plan = words.cut(self._plan, room - used - 3) if self._plan and room - used > 16 else ""
        frame = _SPINNER[int(since * 8) % len(_SPINNER)]
        return Content.assemble((frame, "$primary"), f" {text}", (took + (f" · {plan}" if plan else "") + keys, "dim"))


class Queued(Widget):
    """Messages that the model has not read yet."""

    DEFAULT_CSS = "Queued { height: auto; padding: 0 1; color: $foreground 60%; display: none; }"

    def __init__(self) -> None:
        super().__init__(id="queued")
        self._texts: list[str] = []

    def show(self, texts: Sequence[str]) -> None:
        """Draw these; none draws nothing."""
        self._texts = list(texts)
        self.display = bool(texts)
        self.refresh(layout=True)

    def render(self) -> Content:
        """A line each."""
        room = max(10, self.size.width)
        lines = [Content.from_text(words.cut(f"↳ queued: {words.line(t)}", room), markup=False) for t in self._texts]
        return Content("\n").join(lines)


HINTS = {
    "idle": ("enter send", "alt+enter new line", "/ commands", "tab rows", "esc esc undo", "ctrl+c twice quit"),
    "working": ("enter queue", "esc interrupt", "tab rows", "ctrl+o unfold all", "ctrl+c twice quit"),
    "rows": ("enter unfold", "↑↓ rows", "esc back", "ctrl+o unfold all"),
    "quit": ("press ctrl+c again to quit; nothing is lost",),
    "undo": ("press esc again to go back to an earlier step",),
    "stop": ("stopping…",),
}


class Hints(Widget):
    """The keys that do something now."""

    DEFAULT_CSS = "Hints { height: 1; padding: 0 1; color: $foreground 50%; }"

    def __init__(self) -> None:
        super().__init__(id="hints")
        self.state = "idle"

    def show(self, state: str) -> None:
        """Draw the keys of that state."""
        if state != self.state:
            self.state = state
            self.refresh()

    def render(self) -> Content:
        """As many as there is room for."""
        hints = list(HINTS[self.state])
        while len(hints) > 1 and words.cells(" · ".join(hints)) > self.size.width:
            hints.pop(-2 if len(hints) > 2 else -1)
        return Content.from_text(words.cut(" · ".join(hints), self.size.width), markup=False)


def folder_name(folder: str, home: str) -> str:
    """A folder as people write it."""
    if home and (folder == home or folder.startswith(home.rstrip("/") + "/")):
        folder = "~" + folder[len(home.rstrip("/")) :]
    return words.name(folder)
