"""What is being done now, folded from what an observer is told, and drawn as a few lines. No terminal is touched."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from midwatch.cli import words
from midwatch.cli.screen import Look
from midwatch.domain.conversation import Delta, Usage
from midwatch.domain.events import (
    Event,
    ModelReplied,
    PlanStep,
    PlanUpdated,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from midwatch.domain.evidence import FileChange

OUTPUT_LINES = 4
PLAN_STEPS = 7
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_WIDE = re.compile(" {8,}")
"""Room that a program left for a wider terminal than the view has."""
_TAIL = 4096
"""Bytes of the last output that are kept for showing."""


class Progress:
    """The state of a run as seen by an observer. Times are seconds of any steady clock."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.step_began = began
        self.step = "getting ready"
        self.commands = 0
        self.turns = 0
        self.usage = Usage()
        self.cost_microusd = 0
        self.cost_known = True
        self.plan: tuple[PlanStep, ...] = ()
        self.changes: tuple[FileChange, ...] | None = None
        self.tree = ""
        """The last saved tree of the workspace."""
        self._output: deque[bytes] = deque()
        self._kept = 0
        self._words = ""
        self._open = ""

    def fold(self, event: Event, now: float) -> None:
        """An event has been appended."""
        match event.body:
            case TaskStarted(task=task):
                self.tree = task.base.tree
            case ToolStarted() as body:
                self._open = _activity(body)
                self.begin(self._open, now)
            case ToolFinished() as body:
                self.commands = max(self.commands, body.number)
                self.tree = body.checkpoint.tree
                self._open = ""
                self.begin("thinking", now)
            case ModelReplied() as body:
                self.turns += 1
                self.usage += body.usage
                self.cost_microusd += body.cost_microusd or 0
                self.cost_known = self.cost_known and body.cost_microusd is not None
                self._words = ""
            case PlanUpdated() as body:
                self.plan = body.steps
            case _:
                pass

    def begin(self, step: str, now: float) -> None:
        """Something else is being done from now on."""
        if step != self.step:
            self.step, self.step_began = step, now
            self._output.clear()
            self._kept = 0
            self._words = ""

    def heard(self, chunk: bytes, now: float) -> None:
        """A command has written something; after a resume that is the first sign that it runs again."""
        if self._open:
            self.begin(self._open, now)
        self._output.append(chunk[-_TAIL:])
        self._kept += len(self._output[-1])
        while self._kept - len(self._output[0]) > _TAIL:
            self._kept -= len(self._output.popleft())

    def said(self, delta: Delta) -> None:
        """The model has written something."""
        self._words = (self._words + delta.text)[-_TAIL:]

    @property
    def output(self) -> list[str]:
        """The last lines that were written, clean."""
        shown = words.decode(b"".join(tuple(self._output))) if self._output else words.clean(self._words)
        lines = [_WIDE.sub("   ", line.rstrip()) for line in shown.split("\n") if line.strip()]
        return lines[-OUTPUT_LINES:]


def _activity(body: ToolStarted) -> str:
    tool, summary = words.line(body.tool), words.line(body.summary)
    if tool == "shell":
        return "$ " + summary.removeprefix("shell: ").removeprefix("$ ")
    return summary if summary.startswith(tool) else f"{tool}: {summary}" if summary else tool


def draw(progress: Progress, look: Look, now: float, height: int = 24) -> list[str]:
    """The lines of the live view; none wider than the terminal, not more than half its height."""
    room = max(2, height // 2)
    head, foot = _head(progress, look, now), _foot(progress, look, now)
    foot = foot[: room - 1]
    plan = _plan(progress.plan, look, room - 1 - len(foot))
    output = _output(progress.output, look)
    spare = room - 1 - len(foot) - len(plan)
    return [head, *(output[-spare:] if spare > 0 else []), *plan, *foot]


def _head(progress: Progress, look: Look, now: float) -> str:
    since = now - progress.step_began
    frames = _SPINNER if look.unicode else "|/-\\"
    took = f" {words.duration(since)}" if since >= 1 else ""
    text = words.cut(words.line(progress.step), max(0, look.width - 3 - len(took)), look.more)
    return f"{look.command(frames[int(now * 8) % len(frames)])} {look.bold(text)}{look.dim(took)}"


def _output(lines: Sequence[str], look: Look) -> list[str]:
    bar = "│" if look.unicode else "|"
    return [look.dim(words.cut(f"  {bar} {line}", look.width - 1, look.more)) for line in lines]


def _plan(steps: Sequence[PlanStep], look: Look, room: int) -> list[str]:
    if not steps or room < 1:
        return []
    done = sum(step.status == "completed" for step in steps)
    most = max(0, min(room - 1, PLAN_STEPS))
    now = next((n for n, step in enumerate(steps) if step.status == "in_progress"), min(done, len(steps) - 1))
    first = max(0, min(now - most // 2, len(steps) - most))
    lines = [look.dim(words.cut(f"  plan {done}/{len(steps)}", look.width - 1, look.more))]
    for step in steps[first : first + most]:
        text = words.cut(words.line(step.step), look.width - 7, look.more)
        lines.append(
            "    " + plan_mark(step.status, look) + " " + (look.dim(text) if step.status == "completed" else text)
        )
    return lines


def plan_mark(status: str, look: Look) -> str:
    """One character for a plan step's status."""
    marks = {"completed": "✓", "in_progress": "▸"} if look.unicode else {"completed": "x", "in_progress": ">"}
    mark = marks.get(status, "·" if look.unicode else "-")
    return look.good(mark) if status == "completed" else look.bold(mark) if status == "in_progress" else look.dim(mark)


def _foot(progress: Progress, look: Look, now: float) -> list[str]:
    facts = [words.duration(now - progress.began)]
    facts += [words.count(progress.turns, "turn")] if progress.turns else []
    facts += [words.count(progress.commands, "command")] if progress.commands else []
    facts += [change_count(progress.changes)] if progress.changes is not None else []
    facts += [f"{words.compact(progress.usage.total)} tokens"] if progress.usage.total else []
    if progress.usage.total:
        facts.append(words.money(progress.cost_microusd) if progress.cost_known else "price not known")
    lines: list[str] = []
    for fact in facts:
        joined = f"{lines[-1]}{look.dot}{fact}" if lines else f"  {fact}"
        if lines and words.cells(joined) > look.width - 1:
            lines.append(f"  {fact}")
        else:
            lines[-1:] = [joined]
    return [look.dim(words.cut(line, look.width - 1, look.more)) for line in lines]


def change_count(changes: Sequence[FileChange]) -> str:
    """`2 files +10 -3`."""
    added, removed = sum(c.added or 0 for c in changes), sum(c.removed or 0 for c in changes)
    return words.count(len(changes), "file") + (f" +{added} -{removed}" if changes else " changed")
