"""One thing that has come in, with what is known of where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midwatch.engine.database.further import Further
from midwatch.engine.effects.ledger import want
from midwatch.engine.forges import origins
from midwatch.engine.forges.arrivals import Arrival, Delivery, End, claim, settle
from midwatch.forges.outgoing import Thing

if TYPE_CHECKING:
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.database.base import Connection as Db
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.forges.connections import Connection
    from midwatch.engine.forges.origins import Origin
    from midwatch.engine.forges.rules import RepositoryForge
    from midwatch.forges.arrived.base import Arrived
    from midwatch.wiring import Home


class Already(Exception):
    """This has become a task before."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that a handler works with. Whatever it does, it does in the transaction that settles the arrival."""

    home: Home
    heard: Connection
    rules: RepositoryForge
    repository: Registered
    arrival: Arrival
    told: Arrived

    @property
    def location(self) -> str:
        """Of the repository."""
        return self.repository.location

    @property
    def thing(self) -> Thing:
        """The issue or the pull request."""
        return Thing(self.location, self.number)

    @property
    def number(self) -> int:
        """Of the thing, as the contract of a forge has it."""
        return self.heard.number(self.told.number, pull=self.told.pull)

    @property
    def place(self) -> str:
        """The thing as a person at the forge calls it."""
        return f"{self.told.slug}#{self.told.number}"

    def settling(
        self,
        end: Callable[[Any], End],
        effects: Callable[[Any], Sequence[Wanted]] = lambda _: (),
        origin: Origin | None = None,
        claims: Sequence[Delivery] = (),
        also: Callable[[Db], None] = lambda _: None,
    ) -> Further:
        """The database; what is written to it settles the arrival, with these effects, and keeps where the task comes
        from. Both are made of what was written. Raises Already where there is a task for that, Taken where somebody
        else has taken this up: then nothing is written."""

        def further(db: Db, result: Any) -> None:
            if origin is not None and not origins.note(db, origin):
                raise Already
            for effect in effects(result):
                want(db, effect)
            for done in claims:
                claim(db, done)
            also(db)
            settle(db, self.arrival, end(result))

        return Further(self.home.store.database, further)

    async def end(self, end: End, effects: Sequence[Wanted] = ()) -> None:
        """Settle it: nothing is done but these effects."""
        await self.settling(lambda _: end, lambda _: effects).write(lambda _: None)

    async def ignore(self, why: str) -> None:
        """Nothing is done, and nobody is told."""
        await self.end(End("ignored", why))

    async def pull(self) -> PullRequest:
        """The pull request as the forge has it now; one that is none of ours has no task. Raises as `Forge.get`."""
        return await self.home.forge.get(self.location, self.told.number)
