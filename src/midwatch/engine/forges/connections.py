"""Connections to forges on the network: which there are, and their credentials, sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.identity import organisation_name
from midwatch.engine.database.base import Connection as Db
from midwatch.engine.database.base import Database
from midwatch.engine.sealed import place
from midwatch.engine.vault import Vault, steady

Kind = Literal["github", "gitlab", "forgejo"]
"""`forgejo` is Gitea too."""
Auth = Literal["token", "app"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FIELDS = "id, name, kind, web, api, auth, app, credential, secret, login, created"


@dataclass(frozen=True, slots=True)
class Connection:
    """A forge, and who we are there. Unchanging but for its name, addresses and secrets."""

    id: str
    name: str
    kind: Kind
    web: str
    """Below this address are its repositories: https://github.com, without a slash at the end."""
    api: str
    """Where its API begins, likewise."""
    auth: Auth
    """A token, or the private key of a GitHub App."""
    app: str = ""
    """The App's id or client id."""
    credential: str = field(default="", repr=False)
    """Sealed: the token, or the key as PEM."""
    secret: str = field(default="", repr=False)
    """Sealed: what signs the webhooks that the forge sends; empty for none, and then none is taken."""
    login: str = ""
    """Whom the forge takes us for; empty when it has not been asked."""
    created: float = 0.0

    def number(self, number: int, *, pull: bool) -> int:
        """How the contract of a forge calls an issue or a pull request: on GitLab both are counted from 1, and issues
        are told by a minus sign."""
        return number if pull or self.kind != "gitlab" else -number


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is to be kept; None for what stays as it is."""

    credential: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)


class Connections:
    """The connections in a database."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def all(self) -> list[Connection]:
        """By name."""
        query = f"SELECT {_FIELDS} FROM forge ORDER BY name"  # noqa: S608 - our own words
        return await self._database.read(lambda db: [Connection(*row) for row in db.execute(query)])

    async def find(self, name: str) -> Connection | None:
        """The one with that id or name."""
        return await self._database.read(lambda db: _one(db, "id", name) or _one(db, "name", name))

    async def add(self, wanted: Connection, secrets: Secrets, deed: Deed) -> Connection:
        """Keep a new one; what it has of secrets and its time are not looked at. Raises InputError for a name that
        cannot be used or is taken, and for an address that another one has."""
        organisation_name(wanted.name)

        def work(db: Db) -> Connection:
            steady(db)  # first: what another transaction adds beside this one is seen by the next look
            _require_free(db, wanted)
            credential, secret = self._sealed(wanted.id, secrets)
            db.execute(
                f"INSERT INTO forge ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {db.clock}) "  # noqa: S608
                "ON CONFLICT (id) DO NOTHING",  # the same request, sent again because its answer was lost
                (wanted.id, wanted.name, wanted.kind, wanted.web, wanted.api, wanted.auth, wanted.app,
                 credential or "", secret or "", wanted.login),
            )  # fmt: skip
            write(db, deed, became=_told(wanted, secrets))
            return _there(db, wanted.id)

        return await self._database.write(work)

    async def change(self, wanted: Connection, secrets: Secrets, deed: Deed) -> Connection | None:
        """Set everything but its kind, and those secrets that are given; None when it is not there. Raises as `add`,
        and where a credential would go to another address than it was given for."""
        organisation_name(wanted.name)

        def work(db: Db) -> Connection | None:
            steady(db)  # before anything is read: what stays as it is is written again
            before = _one(db, "id", wanted.id)
            if before is None:
                return None
            _require_free(db, wanted)
            if secrets.credential is None and _where(before) != _where(wanted):
                raise InputError(
                    "another address would get the credential of this one", "give the token or key with it"
                )
            credential, secret = self._sealed(wanted.id, secrets)
            query = (
                "UPDATE forge SET name = ?, web = ?, api = ?, auth = ?, app = ?, login = ?, credential = ?, secret = ?"
            )
            db.execute(
                f"{query} WHERE id = ?",
                (wanted.name, wanted.web, wanted.api, wanted.auth, wanted.app, wanted.login,
                 before.credential if credential is None else credential,
                 before.secret if secret is None else secret, wanted.id),
            )  # fmt: skip
            write(db, deed, was=_told(before, Secrets()), became=_told(wanted, secrets))
            return _there(db, wanted.id)

        return await self._database.write(work)

    async def known_as(self, connection: str, login: str) -> None:
        """Keep whom the forge takes us for."""
        query = "UPDATE forge SET login = ? WHERE id = ? AND login <> ?"
        await self._database.write(lambda db: db.execute(query, (login, connection, login)).rowcount)

    async def remove(self, connection: str, deed: Deed) -> bool:
        """Forget it and its secrets; False when there is none."""

        def work(db: Db) -> bool:
            before = _one(db, "id", connection)
            if before is None:
                return False
            db.execute("DELETE FROM forge WHERE id = ?", (connection,))
            write(db, deed, was=_told(before, Secrets()))
            return True

        return await self._database.write(work)

    def credential(self, connection: Connection) -> str:
        """The token, or the App's key as PEM. Reads a small file. Raises InputError where no key opens it."""
        words = f"the credential of the forge connection {connection.name}"
        return self._vault.open(connection.credential, _place(connection.id, "credential"), words)

    def webhook_secret(self, connection: Connection) -> str:
        """What signs the forge's webhooks; empty for none. Raises as `credential`."""
        if not connection.secret:
            return ""
        words = f"the webhook secret of the forge connection {connection.name}"
        return self._vault.open(connection.secret, _place(connection.id, "secret"), words)

    def _sealed(self, name: str, secrets: Secrets) -> tuple[str | None, str | None]:
        given = ((secrets.credential, "credential"), (secrets.webhook, "secret"))
        credential, webhook = (
            text and self._vault.seal(text, _place(name, column))  # an empty one takes away what is there
            for text, column in given
        )
        return credential, webhook


def _where(connection: Connection) -> tuple[str, ...]:
    """What a credential was given for."""
    return connection.web, connection.api, connection.auth


def _place(connection: str, column: str) -> str:
    return place("forge", column, connection)


def _one(db: Db, column: str, value: str) -> Connection | None:
    row = db.execute(f"SELECT {_FIELDS} FROM forge WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - our own words
    return None if row is None else Connection(*row)


def _there(db: Db, connection: str) -> Connection:
    found = _one(db, "id", connection)
    assert found is not None
    return found


def _require_free(db: Db, wanted: Connection) -> None:
    for column, value, words in (("name", wanted.name, "with that name"), ("web", wanted.web, "to that address")):
        other = _one(db, column, value)
        if other is not None and other.id != wanted.id:
            raise InputError(f"there is a connection {words} already", "change that one, or remove it first")


def _told(connection: Connection, secrets: Secrets) -> dict[str, object]:
    """For the audit log: which secrets were given, never what they are."""
    told: dict[str, object] = {
        "name": connection.name, "kind": connection.kind, "web": connection.web, "api": connection.api,
        "auth": connection.auth, "app": connection.app,
    }  # fmt: skip
    given = [name for name in ("credential", "webhook") if getattr(secrets, name) is not None]
    return {**told, "given": given} if given else told
