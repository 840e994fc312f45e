"""Webhooks: who is told of what, and the secret that signs it."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.sealed import place
from midwatch.engine.vault import Vault, is_sealed, steady

Event = Literal[
    "task.finished", "task.needs_attention", "task.failed", "task.cancelled",
    "pull_request.opened", "pull_request.updated", "pull_request.merged", "pull_request.closed",
    "pull_request.reopened",
]  # fmt: skip
EVENTS: tuple[Event, ...] = get_args(Event)
PING = "ping"
"""Sent when a person wants to try it."""
KIND = "webhook"
"""Of the effects."""
FAILING_DAYS = 5.0
"""After so long without any delivery that came through, a webhook is switched off."""
_FIELDS = "id, repository, url, secret, events, active, why, failing, created"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who wants to be told. Times are seconds since 1970 by the database's clock."""

    id: str
    repository: str
    """The id of the one whose tasks it is told of; empty for all there are."""
    url: str
    secret: str = field(repr=False)
    """As it is kept: sealed. `Webhooks.secret` opens it."""
    events: str
    """Separated by spaces."""
    active: int
    why: str
    """Why it was switched off by itself; empty otherwise."""
    failing: float | None
    """Since when no delivery has come through; None when the last one has."""
    created: float

    def wants(self, event: str, repository: str) -> bool:
        """Whether it is to be told of this, for a task of that repository (empty: of none that is registered)."""
        return bool(self.active) and event in self.events.split() and self.repository in ("", repository)


def signature(secret: str, body: bytes) -> str:
    """What stands in the header `X-Midwatch-Signature-256`."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


class Webhooks:
    """The webhooks in a database."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def add(self, hook: Webhook, deed: Deed) -> Webhook:
        """Keep a new one, whose secret is plain here; its times are not looked at."""

        def work(db: Connection) -> Webhook:
            steady(db)
            secret = self._vault.seal(hook.secret, _place(hook))
            db.execute(
                "INSERT INTO webhook (id, repository, url, secret, events, created) "  # noqa: S608 - our own words
                f"VALUES (?, ?, ?, ?, ?, {db.clock}) ON CONFLICT DO NOTHING",
                (hook.id, hook.repository, hook.url, secret, hook.events),
            )
            write(db, deed, became=_told(hook))
            made = _one(db, hook.id)
            assert made is not None
            return made

        return await self._database.write(work)

    async def all(self, among: Collection[str] | None = None) -> Sequence[Webhook]:
        """Of these repositories (None: all, also those that are told of every repository), by their ids."""
        marks = "" if among is None else f" WHERE repository IN ({', '.join('?' for _ in among) or 'NULL'})"
        query = f"SELECT {_FIELDS} FROM webhook{marks} ORDER BY id"  # noqa: S608 - our own words
        return await self._database.read(lambda db: [Webhook(*row) for row in db.execute(query, tuple(among or ()))])

    async def find(self, hook_id: str) -> Webhook | None:
        """The one with that id."""
        return await self._database.read(lambda db: _one(db, hook_id))

    async def secret(self, hook: Webhook) -> str:
        """What signs its deliveries. One that an earlier release has kept in clear is sealed now. Raises InputError
        where no key opens it."""
        if is_sealed(hook.secret):
            return self._vault.open(hook.secret, _place(hook), f"the secret of the webhook {hook.id}")

        def work(db: Connection) -> None:
            steady(db)
            query = "UPDATE webhook SET secret = ? WHERE id = ? AND secret = ?"
            db.execute(query, (self._vault.seal(hook.secret, _place(hook)), hook.id, hook.secret))

        await self._database.write(work)
        return hook.secret

    async def change(self, hook: Webhook, deed: Deed) -> Webhook | None:
        """Set its address, events and whether it is active; None when it is not there. One that is switched on again
        counts as if it had never failed."""

        def work(db: Connection) -> Webhook | None:
            before = _one(db, hook.id)
            query = "UPDATE webhook SET url = ?, events = ?, active = ?, why = ?, failing = ? WHERE id = ?"
            switched = before is not None and hook.active and not before.active
            values = (hook.url, hook.events, hook.active, "" if hook.active else hook.why)
            if (
                before is None
                or not db.execute(query, (*values, None if switched else before.failing, hook.id)).rowcount
            ):
                return None
            write(db, deed, was=_told(before), became=_told(hook))
            return _one(db, hook.id)

        return await self._database.write(work)

    async def remove(self, hook_id: str, deed: Deed) -> bool:
        """Forget it, with its deliveries; False when there is none."""

        def work(db: Connection) -> bool:
            before = _one(db, hook_id)
            if before is None:
                return False
            db.execute("DELETE FROM effect WHERE subject = ? AND kind = ?", (hook_id, KIND))
            db.execute("DELETE FROM webhook WHERE id = ?", (hook_id,))
            write(db, deed, was=_told(before))
            return True

        return await self._database.write(work)

    async def delivered(self, hook_id: str) -> None:
        """A delivery has come through."""
        query = "UPDATE webhook SET failing = NULL WHERE id = ? AND failing IS NOT NULL"
        await self._database.write(lambda db: db.execute(query, (hook_id,)).rowcount)

    async def missed(self, hook_id: str, *, gone: bool = False) -> None:
        """One has not. After days of that it is switched off; `gone`: at once, as the other side wishes."""

        def work(db: Connection) -> None:
            query = f"UPDATE webhook SET failing = {db.clock} WHERE id = ? AND failing IS NULL"  # noqa: S608
            db.execute(query, (hook_id,))
            long = f"failing < {db.clock} - {FAILING_DAYS * 86400}"
            query = f"UPDATE webhook SET active = 0, why = ? WHERE id = ? AND active = 1 AND ({long} OR ? = 1)"  # noqa: S608
            why = "its address answers that it is gone" if gone else f"nothing came through for {FAILING_DAYS:.0f} days"
            db.execute(query, (why, hook_id, int(gone)))

        await self._database.write(work)


def _place(hook: Webhook) -> str:
    return place("webhook", "secret", hook.id)


def _one(db: Connection, hook_id: str) -> Webhook | None:
    row = db.execute(f"SELECT {_FIELDS} FROM webhook WHERE id = ?", (hook_id,)).fetchone()  # noqa: S608 - our own words
    return None if row is None else Webhook(*row)


def _told(hook: Webhook) -> dict[str, object]:
    """For the audit log. The end of an address may be a secret, as chat services have it."""
    parts = urlsplit(hook.url)
    return {"host": f"{parts.scheme}://{parts.netloc}", "events": hook.events, "active": bool(hook.active)}
