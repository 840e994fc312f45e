"""Which of the optional sandboxes could be used on this machine, for `midwatch doctor`."""

from __future__ import annotations

import asyncio

from midwatch.domain.errors import MidwatchError
from midwatch.sandbox import drivers
from midwatch.sandbox.probe import Finding


async def findings() -> list[Finding]:
    """One for each, after really trying. Takes about a second where they are installed. Never raises for what is
    missing."""
    return list(await asyncio.gather(*map(_finding, drivers.OPTIONAL)))


async def _finding(name: str) -> Finding:
    title = f"sandbox {name}"
    try:
        protections = await drivers.make(name).probe()
    except MidwatchError as error:
        return Finding(title, False, error.message, f"optional: {error.mend or 'boxes work without it'}")
    return Finding(title, True, protections.words[0])
