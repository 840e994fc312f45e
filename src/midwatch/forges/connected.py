"""All connections to forges: those of the settings and those of the database, with their credentials and adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Extras
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.database.base import Database
from midwatch.engine.forges.beside import Beside
from midwatch.engine.forges.connections import Connection, Connections
from midwatch.engine.vault import Vault
from midwatch.forges.address import parse, slug_below
from midwatch.forges.config import ForgeSettings
from midwatch.forges.credentials import Credential, FixedToken
from midwatch.forges.where import USERS, api_of, web_of
from midwatch.workspace.lent import Lender, environment

if TYPE_CHECKING:
    from midwatch.forges.book import Book
    from midwatch.forges.network import NetworkForge

_OWN = "settings:"
"""Begins the ids of those of the settings."""
_LONGEST_KEY = 64 << 10

Settings = Callable[[], Mapping[str, ForgeSettings]]


def innermost(connections: Sequence[Connection], location: str) -> tuple[Connection, str] | None:
    """Which of them a location belongs to, as `Connected.of`."""
    found = [(one, slug) for one in connections if (slug := slug_below(one.web, location))]
    return max(found, key=lambda pair: len(pair[0].web), default=None)


class Connected:
    """The connections that a process has. Tokens of Apps are kept in its memory, so there is one of these for each
    home. A location that is no address of a forge costs nothing: neither settings nor database are read for it."""

    def __init__(self, state: Path, database: Database, settings: Settings, environ: Mapping[str, str]) -> None:
        self.vault = Vault(state, environ)
        self._state, self._database = state, database
        self._settings, self._environ = settings, environ
        self._credentials: dict[tuple[str, ...], Credential] = {}
        self._forges: dict[Connection, tuple[Credential, NetworkForge]] = {}

    @cached_property
    def kept(self) -> Connections:
        """Those of the database."""
        return Connections(self._database, self.vault)

    @cached_property
    def beside(self) -> Beside:
        """What is kept beside repositories: their forge's settings, secrets, variables."""
        return Beside(self._database, self.vault)

    async def all(self) -> list[Connection]:
        """Those of the settings first: whoever starts the process has the last word. Raises InputError, StoreError."""
        return [*self._own(), *await self.kept.all()]

    async def find(self, name: str) -> Connection | None:
        """The one with that id or name."""
        return next((one for one in await self.all() if name in (one.id, one.name)), None)

    async def of(self, location: str) -> tuple[Connection, str] | None:
        """The connection that a repository's location belongs to, and its OWNER/NAME there; None where none does: the
        innermost one, where the address of one is below another's."""
        return None if parse(location) is None else innermost(await self.all(), location)

    def credential(self, connection: Connection) -> Credential:
        """What lets us in there; the same object as long as nothing of it has changed. Reads small files. Raises
        InputError where it is missing or cannot be opened."""
        name = (connection.id, connection.auth, connection.api, connection.app, connection.credential)
        if connection.id.startswith(_OWN):
            return self._made(connection, self._own_secret(connection), name)
        return self._made(connection, self.kept.credential(connection), name)

    async def forge(self, connection: Connection) -> NetworkForge:
        """The forge of a connection. Asks it nothing yet. Raises InputError for a credential that is missing."""
        from midwatch.forges.network import NetworkForge
        from midwatch.forges.sites import site_of

        credential = self.credential(connection)
        kept = self._forges.get(connection)
        if kept is None or kept[0] != credential:
            made = NetworkForge(site_of(connection, credential), self._book, self._extras)
            kept = self._forges[connection] = (credential, made)
        return kept[1]

    async def adapter(self, location: str) -> NetworkForge | None:
        """The forge that a location belongs to, where that is a connection's; see `several.Connected`."""
        found = await self.of(location)
        return None if found is None else await self.forge(found[0])

    async def lend(self, location: str) -> Mapping[str, str]:
        """See `workspace.lent.Lend`: the token of the connection that has the location, for its host alone."""
        found = await self.of(location)
        if found is None:
            return {}
        connection, slug = found
        token = await self.credential(connection).token(slug)
        there = parse(location)
        by_ssh = there is not None and there.scheme == "ssh"
        address = f"{connection.web}/{slug}.git" if by_ssh else location
        # also where it is the same: the person's own rewriting of addresses would lead past the token
        return environment(connection.web, USERS[connection.kind], token, {location: address})

    async def lend_inside(self, location: str, named: Sequence[str]) -> Mapping[str, str]:
        """See `workspace.lent.LendInside`: as `lend`, for a repository that is registered here or `named`. Anybody who
        can write to a repository chooses what it names, and must not choose what a credential opens."""
        found = await self.of(location)
        if found is None:
            return {}
        connection, slug = found
        known = [*named, *(one.location for one in await Repositories(self._database).everything())]
        if slug.lower() not in {(slug_below(connection.web, one) or "").lower() for one in known}:
            address = f"{connection.web}/{slug}"
            raise InputError(
                f"the credential of the connection {connection.name} is not lent for {address}: it is a submodule, and "
                "neither a repository of this server nor named in the recipe",
                f'if tasks may read it, write private_submodules = ["{address}"] below [repository] of the recipe, or '
                "register it on the server",
            )
        return await self.lend(location)

    @property
    def lender(self) -> Lender:
        """Both, for opening a repository."""
        return Lender(self.lend, self.lend_inside)

    def webhook_secret(self, connection: Connection) -> str:
        """What signs the webhooks that the forge sends; empty for none, and then none may be taken. Raises
        InputError where no key opens it."""
        return "" if connection.id.startswith(_OWN) else self.kept.webhook_secret(connection)

    @cached_property
    def _book(self) -> Book:
        from midwatch.forges.book import Book

        return Book(self._state / "forge.db")

    async def _extras(self, location: str) -> Extras:
        """What the repository wants on its pull requests: as its maintainers, else as the connection's settings say."""
        rules = await self.beside.forge_at(location)
        found = await self.of(location)
        own = self._settings().get(found[0].name) if found and found[0].id.startswith(_OWN) else None
        labels, reviewers = (own.labels, own.reviewers) if own else ((), ())
        return Extras(rules.labels or labels, rules.reviewers or reviewers)

    def _made(self, connection: Connection, secret: str, name: tuple[str, ...]) -> Credential:
        if connection.auth == "token":
            return FixedToken(secret)
        key = (*name, secret)
        if key not in self._credentials:
            from midwatch.forges.app import AppCredential, AppKey

            self._credentials[key] = AppCredential(AppKey(connection.name, connection.app, secret), connection.api)
        return self._credentials[key]

    def _own(self) -> list[Connection]:
        return [_own(name, one) for name, one in self._settings().items()]

    def _own_secret(self, connection: Connection) -> str:
        one = self._settings()[connection.name]
        if one.token_env:
            token = self._environ.get(one.token_env, "").strip()
            if not token:
                raise InputError(
                    f"the variable {one.token_env}, which has the token of [forges.{connection.name}], is not set",
                    "set it to a token of that forge",
                )
            return token
        home = self._environ.get("HOME", "/")
        path = (
            Path(home, one.private_key_file[2:])
            if one.private_key_file.startswith("~/")
            else Path(one.private_key_file)
        )
        try:
            with path.open("rb") as file:
                return file.read(_LONGEST_KEY).decode("utf-8", "replace")
        except OSError as error:
            raise InputError(
                f"{path}, which has the key of [forges.{connection.name}], cannot be read: {error.strerror}", "mend it"
            ) from None


def _own(name: str, one: ForgeSettings) -> Connection:
    web = web_of(one.kind, one.web, insecure=one.insecure)
    api = api_of(one.kind, web, one.api, insecure=one.insecure)
    made = Connection(f"{_OWN}{name}", name, one.kind, web, api, "token")
    return replace(made, auth="app", app=one.app_id) if one.app_id else made
