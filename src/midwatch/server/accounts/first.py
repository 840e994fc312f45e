"""The first administrator of a server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.people import Change, People
from midwatch.engine.database.base import Database
from midwatch.server.accounts.passwords import Passwords

NAME = "admin"


@dataclass(frozen=True, slots=True)
class First:
    """What is printed once."""

    name: str
    password: str
    account: str = ""
    """Its id."""

    def words(self, link: str = "") -> str:
        """For the person who has started the server; `link` signs them in."""
        words = (
            f"The first administrator is {self.name!r} with the password {self.password}\n"
            "It is shown this once. Sign in and change it: My account in the page, or PUT /api/v1/me/password"
        )
        return f"{words}\nOr open {link} within ten minutes: it signs you in, once" if link else words


async def new_password(database: Database, user: str) -> First:
    """Give a user a password of chance, in place of the one they may have. Raises InputError for one that there is
    not."""
    people = People(database)
    found = await people.named(user)
    if found is None:
        raise InputError(f"there is no user {user!r}", "GET /api/v1/users shows them; the first one is `admin`")
    password = secrets.token_urlsafe(18)
    change = Change(password=await Passwords().hashed(password))
    await people.change(found.id, change, Deed(SERVER, "user.password", found.id))
    return First(found.name, password)


async def first_admin(database: Database) -> First | None:
    """Make the first administrator where there is no account at all, with a password of chance; None where there is
    one. Of many servers that start at once, one does."""
    people = People(database)
    if await people.all(limit=1):
        return None
    password = secrets.token_urlsafe(18)
    hashed = await Passwords().hashed(password)
    made = await people.first(NAME, hashed, lambda account: Deed(SERVER, "user.create", account))
    return None if made is None else First(made.name, password, made.id)
