"""Which forges this server hears: the connections that there are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.forges.listening import Heard, Listening

if TYPE_CHECKING:
    from midwatch.engine.forges.connections import Connection
    from midwatch.engine.forges.rules import RepositoryForge
    from midwatch.forges.connected import Connected
    from midwatch.wiring import Home

log = logging.getLogger("midwatch.hooks")


def listening_of(home: Home) -> Listening:
    """Those of a home."""
    return _Known(home.connected)


@dataclass(frozen=True)
class _Known:
    connected: Connected

    async def named(self, name: str) -> Heard | None:
        """As the contract."""
        found = await self.connected.find(name)
        return None if found is None else self._heard(found)

    async def all(self) -> Sequence[Heard]:
        """As the contract."""
        return [self._heard(one) for one in await self.connected.all()]

    async def rules(self, repository: str) -> RepositoryForge:
        """As the contract."""
        return await self.connected.beside.forge(repository)

    def _heard(self, one: Connection) -> Heard:
        try:
            secret = self.connected.webhook_secret(one)
        except InputError as error:  # nothing signed with it can be believed; the others are heard all the same
            log.warning("%s", error.message)
            secret = ""
        return Heard(one.id, one.name, one.kind, one.web, secret, one.login)
