"""Which forges this server hears: the connections that its administrators have made."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.engine.forges.beside import Beside
from midwatch.engine.forges.connections import Connections
from midwatch.engine.vault import Vault
from midwatch.forges.listening import Heard, Listening

if TYPE_CHECKING:
    from midwatch.engine.forges.connections import Connection
    from midwatch.engine.forges.rules import RepositoryForge
    from midwatch.wiring import Home


log = logging.getLogger("midwatch.hooks")


def listening_of(home: Home) -> Listening:
    """Those in the home's database."""
    database, vault = home.store.database, Vault(home.state, home.environ)
    return _Kept(Connections(database, vault), Beside(database, vault))


@dataclass(frozen=True)
class _Kept:
    connections: Connections
    beside: Beside

    async def named(self, name: str) -> Heard | None:
        """As the contract."""
        found = await self.connections.find(name)
        return None if found is None else self._heard(found)

    async def all(self) -> Sequence[Heard]:
        """As the contract."""
        return [self._heard(one) for one in await self.connections.all()]

    async def rules(self, repository: str) -> RepositoryForge:
        """As the contract."""
        return await self.beside.forge(repository)

    def _heard(self, one: Connection) -> Heard:
        try:
            secret = self.connections.webhook_secret(one)
        except InputError as error:  # nothing signed with it can be believed; the others are heard all the same
            log.warning("%s", error.message)
            secret = ""
        return Heard(one.id, one.name, one.kind, one.web, secret, one.login)
