"""A run as plain lines, for pipes, files and simple terminals: one line for each finished step, no control codes."""

from __future__ import annotations

import re
import time

from midwatch.cli import words
from midwatch.cli.screen import Look, Screen
from midwatch.cli.steps import LONGEST, Step, Steps, step_line
from midwatch.domain.conversation import Delta
from midwatch.domain.events import Event

_AGAIN = 10.0
"""Seconds before a phase that differs only in its numbers is said again."""


class PlainObserver:
    """See `Observer`."""

    def __init__(self, screen: Screen, *, several: bool = False, opened: str | None = None) -> None:
        self._screen = screen
        self._look = Look(LONGEST, colour=False, unicode=screen.look().unicode)
        self._several = several
        self._began = time.monotonic()
        self._opened = words.utc_now() if opened is None else opened
        self._before = 0
        self._steps = Steps()
        self._phase = ("", 0.0)

    def event(self, event: Event) -> None:
        """Say what has happened; what an earlier process did is only counted."""
        if event.time < self._opened:
            self._before += 1
            self._steps.every(event.body)
            return
        if self._before:
            self._write(Step(None, f"going on after {words.count(self._before, 'event')} of before"))
            self._before = 0
        name = f"attempt {event.attempt.rpartition('.')[2]}: " if self._several else ""
        for step in self._steps.of(event.body):
            self._write(Step(step.ok, name + step.text, step.facts))

    def delta(self, delta: Delta) -> None:
        """Nothing: the whole reply comes as an event."""

    def output(self, chunk: bytes) -> None:
        """Nothing: the full output is in the log."""

    def phase(self, text: str) -> None:
        """Say what begins, unless it was just said with other numbers. Asking a model shows itself in the answer."""
        form, now = re.sub(r"\d+", "0", text), time.monotonic()
        if text.startswith("asking ") or (form == self._phase[0] and now - self._phase[1] < _AGAIN):
            return
        self._phase = (form, now)
        self._write(Step(None, words.line(text) + self._look.more))

    def _write(self, step: Step) -> None:
        try:
            self._screen.say(f"{time.monotonic() - self._began:7.1f}s {step_line(step, self._look)}")
        except OSError:
            self._screen.hush()  # nobody reads any more; the work goes on
