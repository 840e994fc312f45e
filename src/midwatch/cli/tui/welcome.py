"""The first thing that is seen: where this is, who answers, what protects, and what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textual.content import Content
from textual.widget import Widget

from midwatch import __version__, wiring
from midwatch.cli import words
from midwatch.domain.errors import MidwatchError
from midwatch.sandbox import drivers
from midwatch.workspace.location import locate

MODES = {
    "read-only": "looks, and leaves every file as it is",
    "workspace": "changes files in this folder, and nothing else",
    "full": "no sandbox: commands run as you, with your files and network",
}
ISOLATES = "no open network, and no files but a copy of these"
ISOLATES_NOTHING = "isolates nothing: commands run as you"
_NO_LANGUAGE = (
    "`repair` is no language model. It finds a fix for failing tests of Python code by search, free and without a "
    "network, and can do nothing else: it does not talk. For a language model set a key, such as OPENAI_API_KEY or "
    "ANTHROPIC_API_KEY, and choose with /model openai/… — or put `model = …` into the settings file."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known so far."""

    folder: str
    model: str
    mode: str
    driver: str
    branch: str = ""
    protections: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    """What is wrong, and how to mend it."""


async def look(home: wiring.Home, facts: Facts, folder: Path) -> Facts:
    """The rest of the facts: the branch, what the sandbox protects, what cannot be had. Really tries the sandbox, which
    takes some 50 ms."""
    branch, problem = await asyncio.gather(_branch(folder), _model_problem(home, facts.model))
    problems = [problem] if problem else []
    protections = ""
    if facts.mode != "full":
        protections = ISOLATES if facts.driver != "process" else ISOLATES_NOTHING
        try:
            await drivers.make(facts.driver).probe()
        except MidwatchError as error:
            protections = ""
            problems.append((f"the sandbox cannot be had: {error.message}", error.mend or "see `midwatch doctor`"))
    return replace(facts, branch=branch, protections=protections, problems=tuple(problems))


async def _branch(folder: Path) -> str:
    try:
        place = await locate(str(folder))
        head = await place.git().ask("symbolic-ref", "--quiet", "--short", "HEAD")
    except MidwatchError:
        return ""
    return head.stdout.decode("utf-8", "replace").strip() if head.code == 0 else "no branch"


async def _model_problem(home: wiring.Home, name: str) -> tuple[str, str] | None:
    try:
        await (await wiring.named_model(home, name)).close()
    except MidwatchError as error:
        return error.message, error.mend
    return None


class Welcome(Widget):
    """Draws the facts."""

    DEFAULT_CSS = "Welcome { height: auto; padding: 1 2; }"

    def __init__(self, facts: Facts) -> None:
        super().__init__(id="welcome")
        self._facts = facts

    def show(self, facts: Facts) -> None:
        """More is known."""
        self._facts = facts
        self.refresh(layout=True)

    def render(self) -> Content:
        """A line each, and what is wrong below."""
        facts = self._facts
        branch = f" · {words.line(facts.branch)}" if facts.branch else ""
        sandbox = "none" if facts.mode == "full" else facts.driver
        lines = [
            Content.assemble(("Midwatch", "bold $primary"), (f" {__version__}", "dim")),
            Content(""),
            *self._row("folder", facts.folder, branch),
            *self._row("model", words.line(facts.model)),
            *self._row("mode", facts.mode, f" · {MODES.get(facts.mode, '')}"),
            *self._row("sandbox", sandbox, f" · {words.line(facts.protections)}" if facts.protections else ""),
        ]
        room = max(20, self.size.width)
        if facts.model == wiring.DEFAULT_MODEL:
            lines += [Content(""), *(Content(line) for line in words.wrap(_NO_LANGUAGE, room))]
        for text, mend in facts.problems:
            lines += [Content(""), *_problem(text, mend, room)]
        return Content("\n").join(lines)

    def _row(self, name: str, value: str, more: str = "") -> Sequence[Content]:
        room = max(10, self.size.width - 9)
        value = words.cut_path(value, room) if name == "folder" else words.cut(value, room)
        inline = words.cells(value) + words.cells(more) <= room
        first, rest = (more, []) if inline else ("", words.wrap(more.removeprefix(" · "), room))
        return [
            Content.assemble((f"{name:<9}", "dim"), value, (first, "dim")),
            *(Content.assemble(" " * 9, (line, "dim")) for line in rest),
        ]


def _problem(text: str, mend: str, room: int) -> list[Content]:
    lines = [Content(line).stylize("$text-error") for line in words.wrap(f"✗ {text}", room)]
    return lines + [Content(line) for line in words.wrap(f"→ {mend}", room) if mend]
