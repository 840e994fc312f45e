"""A run on a terminal: finished steps scroll up, below them a few lines that change."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.text import Text

from midwatch.cli import words
from midwatch.cli.progress import Progress, draw
from midwatch.cli.screen import Look, Screen
from midwatch.cli.steps import Step, Steps, step_line
from midwatch.domain.conversation import Delta
from midwatch.domain.events import Event
from midwatch.domain.evidence import FileChange

REFRESH = 8
"""Times a second."""


class LiveObserver:
    """See `Observer`; a context manager that draws while it is entered. Leaving wipes the changing lines."""

    def __init__(self, screen: Screen, *, several: bool = False, opened: str | None = None) -> None:
        self._screen = screen
        self._several = several
        self._opened = words.utc_now() if opened is None else opened
        self._before = 0
        self._steps = Steps()
        self.progress = Progress(time.monotonic())
        self._console = Console(
            file=sys.stdout, highlight=False, markup=False, emoji=False, legacy_windows=False, no_color=None
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=REFRESH,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> LiveObserver:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """Take it into account, and let what is finished scroll up."""
        self.progress.fold(event, time.monotonic())
        if event.time < self._opened:
            self._before += 1
            self._steps.every(event.body)
            return
        if self._before:
            self._print(Step(None, f"going on after {words.count(self._before, 'event')} of before"))
            self._before = 0
        name = f"attempt {event.attempt.rpartition('.')[2]}: " if self._several else ""
        for step in self._steps.of(event.body):
            self._print(Step(step.ok, name + step.text, step.facts))

    def delta(self, delta: Delta) -> None:
        """Show the end of what the model writes."""
        self.progress.said(delta)

    def output(self, chunk: bytes) -> None:
        """Show the end of what a command writes."""
        self.progress.heard(chunk, time.monotonic())

    def phase(self, text: str) -> None:
        """Show what is being done."""
        self.progress.begin(text, time.monotonic())

    def changed(self, changes: tuple[FileChange, ...]) -> None:
        """The workspace differs from the base by this much."""
        self.progress.changes = changes

    def _look(self) -> Look:
        known = self._screen.look()
        return Look(max(10, self._console.width), known.colour, known.unicode)

    def _picture(self) -> Text:
        lines = draw(self.progress, self._look(), time.monotonic(), self._console.height)
        return _text("\n".join(lines))

    def _print(self, step: Step) -> None:
        look = self._look()
        try:
            self._console.print(_text(step_line(step, look, look.width - 1)), soft_wrap=True)
        except OSError:
            self._screen.hush()  # the terminal has gone; the work goes on


def _text(ansi: str) -> Text:
    return Text.from_ansi(ansi, no_wrap=True, overflow="crop", end="")


def show_cursor() -> None:
    """Give the cursor back, when the process must end at once."""
    if sys.stdout.isatty():
        sys.stdout.write(str(Control.show_cursor(True)))
        sys.stdout.flush()
