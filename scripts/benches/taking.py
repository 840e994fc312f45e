"""What all that take pictures of the page have in common: where they are kept, how large they are, how they begin."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Page, ViewportSize

from tests.support.browser import PATIENCE

_TARGET = Path(__file__).parents[2] / "docs" / "images" / "page"
_SIZE = ViewportSize(width=1280, height=800)
_PHONE = ViewportSize(width=390, height=800)


async def pose(page: Page, *, dark: bool = False, phone: bool = False) -> None:
    """Have the window as a picture is to show it."""
    await page.set_viewport_size(_PHONE if phone else _SIZE)
    await page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")


async def take(page: Page, path: Path) -> None:
    """The window as it is now."""
    picture = await page.screenshot(path=path)
    print(f"{path.stem}: {len(picture) >> 10} KiB")


class Series:
    """Pictures with running numbers."""

    def __init__(self, page: Page, target: Path, name: str) -> None:
        self._page, self._target, self._name, self._number = page, target, name, 0

    async def take(self, what: str) -> None:
        """The window as it is now, once no word is in its corner any more."""
        self._number += 1
        await self._page.locator(".toast").first.wait_for(state="detached", timeout=PATIENCE)
        await take(self._page, self._target / f"{self._name}-{self._number}-{what}.png")


def run(words: str | None, made: Callable[[Path], Awaitable[None]]) -> None:
    """Read the options, and have the pictures made in the folder that they name."""
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--target", type=Path, default=_TARGET)
    target: Path = parser.parse_args().target
    target.mkdir(parents=True, exist_ok=True)

    async def all_of_them() -> None:
        await made(target)

    asyncio.run(all_of_them())
