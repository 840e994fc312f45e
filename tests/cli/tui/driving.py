"""The interface driven by keys, with a real conversation behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from midwatch import wiring
from midwatch.cli.tui import colours
from midwatch.cli.tui.app import Terminal
from midwatch.cli.tui.session import Choices
from tests.cli.conftest import Program

MODEL = "openai/scripted"
PATIENCE = 60.0
"""Seconds after which a test gives up."""


def screen_text(app: Terminal) -> str:
    """What can be read on the screen, without the spaces at the ends of lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


@dataclass
class Driver:
    """A person at the terminal."""

    app: Terminal
    pilot: Pilot[str]

    async def until(self, true: Callable[[], object], what: str = "") -> None:
        """Wait for it."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not true():
            if self.app._exception is not None:
                raise self.app._exception
            assert asyncio.get_running_loop().time() < end, f"{what or 'it'} did not come:\n{self.text}"
            await asyncio.sleep(0.02)
        await self.pilot.pause()

    async def sees(self, *texts: str) -> None:
        """Wait until the screen shows all of them."""
        await self.until(lambda: all(text in self.text for text in texts), repr(texts))

    @property
    def text(self) -> str:
        """The screen."""
        return screen_text(self.app)

    async def type(self, text: str) -> None:
        """Write into the prompt, and enter."""
        self.app.prompt.write(text)
        await self.pilot.pause()
        await self.pilot.press("enter")

    async def rests(self) -> None:
        """Wait until no turn is under way and all of it is drawn."""
        await self.until(lambda: not self.app.turns.working, "the end of the turn")
        await self.until(lambda: not self.app.feed._items, "the last of it")

    def rows(self, kind: Any) -> list[Any]:
        """The rows of a kind."""
        return list(self.app.talk.query(kind))


@asynccontextmanager
async def at_terminal(
    program: Program, size: tuple[int, int] = (100, 40), *, mode: str = "workspace", resume: str = "", first: str = ""
) -> AsyncIterator[Driver]:
    """The interface in the program's repository; left at the end."""
    async with wiring.home(program.env()) as home:
        choices = Choices(str(program.repo), MODEL, mode)
        app = Terminal(home, choices, colours.DARK, first, resume)
        try:
            async with app.run_test(size=size) as pilot:
                yield Driver(app, pilot)
                app.turns.interrupt()
                await app.turns.rest()
        finally:
            await app.session.close()
