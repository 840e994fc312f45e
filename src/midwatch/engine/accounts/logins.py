"""Who of a forge's users is who on this server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.keys import roles_on
from midwatch.engine.accounts.words import Role
from midwatch.engine.database.base import Connection, Database


@dataclass(frozen=True, slots=True)
class Linked:
    """A user of this server, and what they may."""

    account: str
    name: str
    admin: bool
    disabled: bool
    roles: Mapping[str, Role]
    """By the repository's id: what follows from all that was given to them."""
    same: bool
    """Whether it is who had that login when it was first seen after it was linked."""


class Logins:
    """Those of a database. Forges compare logins without regard to case, and so does this."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_account(self, account: str) -> Sequence[tuple[str, str]]:
        """Connection and login, by both."""
        query = "SELECT connection, login FROM login WHERE account = ? ORDER BY connection, login"
        return await self._database.read(lambda db: [(row[0], row[1]) for row in db.execute(query, (account,))])

    async def give(self, account: str, logins: Sequence[tuple[str, str]], deed: Deed) -> Sequence[str]:
        """These, and no others, are that account's: all or nothing. Those that are another's are returned, and then
        nothing was changed. Whose a login was when it was first seen stays known while it is linked."""
        wanted = sorted({(connection, login.lower()) for connection, login in logins})

        def work(db: Connection) -> list[str]:
            query = "SELECT 1 FROM login WHERE connection = ? AND login = ? AND account <> ?"
            taken = [login for place, login in wanted if db.execute(query, (place, login, account)).fetchone()]
            if taken:
                return taken
            before, known = _of(db, account), _known(db, account)
            db.execute("DELETE FROM login WHERE account = ?", (account,))
            db.executemany(
                "INSERT INTO login (connection, login, account, identity) VALUES (?, ?, ?, ?)",
                [(*one, account, known.get(one, "")) for one in wanted],
            )
            write(db, deed, was={"logins": before}, became={"logins": _of(db, account)})
            return []

        return await self._database.write(work)

    async def find(self, connection: str, login: str, identity: str) -> Linked | None:
        """Who that is here; None for somebody unknown. The first identity that comes with a login is kept: whoever has
        the login after them is not who was linked with it."""

        def look(db: Connection) -> tuple[Linked, str] | None:
            row = db.execute(
                "SELECT a.id, a.name, a.admin, a.disabled, l.identity FROM login l JOIN account a ON a.id = l.account "
                "WHERE l.connection = ? AND l.login = ?",
                (connection, login.lower()),
            ).fetchone()
            if row is None:
                return None
            account, name, admin, disabled, known = row
            same = known in ("", identity)
            return Linked(account, name, bool(admin), bool(disabled), roles_on(db, account), same), known

        def keep(db: Connection) -> tuple[Linked, str] | None:
            query = "UPDATE login SET identity = ? WHERE connection = ? AND login = ? AND identity = ''"
            db.execute(query, (identity, connection, login.lower()))
            return look(db)

        found = await self._database.read(look)
        if found is not None and identity and not found[1]:
            found = await self._database.write(keep)
        return None if found is None else found[0]


def _known(db: Connection, account: str) -> dict[tuple[str, str], str]:
    query = "SELECT connection, login, identity FROM login WHERE account = ?"
    return {(row[0], row[1]): row[2] for row in db.execute(query, (account,))}


def _of(db: Connection, account: str) -> list[str]:
    query = "SELECT connection, login FROM login WHERE account = ? ORDER BY connection, login"
    return [f"{row[0]} {row[1]}" for row in db.execute(query, (account,))]
