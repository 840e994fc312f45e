"""The branches of repositories for those who write tasks: asked for when somebody looks, and kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from midwatch.domain.errors import OperationError
from midwatch.workspace.branches import Branches, branches
from midwatch.workspace.location import is_url
from midwatch.workspace.names import without_secret

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.server.aside import Aside
    from midwatch.wiring import Home

PATIENCE = 10.0
"""Seconds until a repository must have answered; somebody waits for it."""
KEPT = 30.0
"""Seconds for which an answer is given again."""
AGAIN = 10.0
"""Seconds after which one that has failed is asked again."""
_MOST = 32
"""Repositories whose answers are kept."""
_AT_ONCE = 3
"""Addresses that are asked at a time: those that do not answer take no more of the threads that run git."""


class BranchesAnswer(BaseModel):
    """Branches of a repository."""

    branches: list[str] = Field(
        description="The default one first and those of Midwatch last; between them the newest first, or by name where "
        "an address does not tell their times. With `q`, those that begin with it go first."
    )
    default: str = Field(description="What a task starts from where nothing is said; empty when that is no branch.")
    more: bool = Field(description="There are others that `limit` leaves out, or more than are read of one repository.")


@dataclass(slots=True)
class _Asked:
    work: asyncio.Task[Branches]
    until: float = float("inf")
    """By the loop's clock; it ends first."""


class Branching:
    """Of a server process. Each repository is asked once at a time, whoever looks."""

    def __init__(self, home: Home, aside: Aside) -> None:
        self._home, self._aside = home, aside
        self._asked: dict[str, _Asked] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def of(self, repository: Registered) -> Branches:
        """Those of half a minute ago at most. Waits up to PATIENCE seconds, and holds up nothing else. Raises
        InputError and OperationError as `branches`, OperationError where no answer comes."""
        now = asyncio.get_running_loop().time()
        self._asked = {name: one for name, one in self._asked.items() if one.until > now}
        found = self._asked.get(repository.id)
        if found is None:
            ended = [name for name, one in self._asked.items() if one.work.done()]
            for name in ended[: max(0, len(self._asked) - _MOST + 1)]:
                del self._asked[name]
            found = _Asked(asyncio.create_task(self._aside.do(self._ask(repository.location))))
            found.work.add_done_callback(partial(_settle, found))
            self._asked[repository.id] = found
        try:
            return await asyncio.shield(found.work)  # one who goes away takes it from nobody else
        except asyncio.CancelledError:
            if not found.work.cancelled():
                raise
            raise OperationError("the server is ending", "ask again in a moment") from None

    async def close(self) -> None:
        """Ask no more. May be called twice."""
        works = [one.work for one in self._asked.values()]
        self._asked = {}
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def _ask(self, location: str) -> Branches:
        try:
            async with asyncio.timeout(PATIENCE):
                if not is_url(location):
                    return await branches(location)
                async with self._few:
                    return await branches(location, self._home.connected.lend)
        except TimeoutError:
            raise OperationError(
                f"{without_secret(location)} has not told its branches within {PATIENCE:.0f} seconds",
                "try again later; the name of a branch can be given all the same",
            ) from None


def _settle(one: _Asked, work: asyncio.Task[Branches]) -> None:
    failed = work.cancelled() or work.exception() is not None
    one.until = asyncio.get_running_loop().time() + (AGAIN if failed else KEPT)


def chosen(found: Branches, part: str, limit: int) -> BranchesAnswer:
    """Those with that in their names, whatever its case."""
    names = _like(found.names, part.casefold()) if part else found.names
    more = len(names) > limit or found.cut
    return BranchesAnswer(branches=list(names[:limit]), default=found.default, more=more)


def _like(names: Sequence[str], part: str) -> list[str]:
    having = [name for name in names if part in name.casefold()]
    return sorted(having, key=lambda name: not name.casefold().startswith(part))
