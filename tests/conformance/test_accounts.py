"""What is kept of accounts, over each database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import SERVER, Deed, Sight, entries
from midwatch.engine.accounts.identity import PREFIX, new_id, new_secret
from midwatch.engine.accounts.keys import Keys, Token
from midwatch.engine.accounts.people import Account, Change, LastAdmin, People
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.accounts.words import EVERY
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Each kind."""
    made: Database
    if request.param == "sqlite":
        made = SqliteDatabase(tmp_path / "state.db")
    else:
        made = PostgresqlDatabase(request.getfixturevalue("postgresql_server").database())
        await made.migrate()
    yield made
    await made.close()


def deed(action: str, subject: str = "") -> Deed:
    return Deed(SERVER, action, subject)


async def person(database: Database, name: str, *, admin: bool = False) -> Account:
    return await People(database).create(name, "", admin, lambda made: deed("user.create", made))


async def log(database: Database) -> list[str]:
    """The actions in the audit log, the oldest first."""
    return [entry.action for entry in reversed(await entries(database, Sight(True)))]


class Twice:
    """A database whose answer to each commit is lost once: the work runs again, in a transaction of its own."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner

    async def write(self, work: object) -> object:
        await self.inner.write(work)  # type: ignore[arg-type]
        return await self.inner.write(work)  # type: ignore[arg-type]

    async def read(self, work: object) -> object:
        return await self.inner.read(work)  # type: ignore[arg-type]


async def test_what_is_made_in_a_transaction_that_runs_twice_is_made_once(database: Database) -> None:
    twice: Database = Twice(database)  # type: ignore[assignment]
    ada = await person(twice, "ada")
    assert await People(twice).first("admin", "", lambda made: deed("user.create", made)) is None
    secret, name = new_secret(PREFIX), new_id()
    made = await Keys(twice).make_token(
        Token(name, ada.id, "t", "read", 0, None, None), secret, None, deed("token.create")
    )
    assert (made.id, made.scope, made.expires) == (name, "read", None)
    again = await People(twice).of_subject("https://p x", "Ada!", "viewer", lambda who: deed("user.create", who))
    assert again.name == "ada-"
    repository = Registered(new_id(), "one", "/srv/one", 0.0)
    await Repositories(twice).register(repository, deed("repository.register"))
    await Repositories(twice).give(ada.id, repository.id, "member", deed("role.give"))
    assert await log(database) == ["user.create", "token.create", "user.create", "repository.register", "role.give"]
    assert len(await People(database).all()) == 2


async def test_the_first_of_all_accounts_is_made_when_its_commits_answer_is_lost(database: Database) -> None:
    twice: Database = Twice(database)  # type: ignore[assignment]
    first = await People(twice).first("admin", "hash", lambda made: deed("user.create", made))
    assert first is not None
    assert (first.name, first.admin) == ("admin", True)
    assert await log(database) == ["user.create"]


async def test_two_administrators_cannot_put_each_other_out_at_the_same_time(database: Database) -> None:
    people = People(database)
    one, other = await person(database, "one", admin=True), await person(database, "other", admin=True)
    change = Change(disabled=True)
    results = await asyncio.gather(
        people.change(one.id, change, deed("user.change")),
        people.change(other.id, change, deed("user.change")),
        return_exceptions=True,
    )
    assert sorted(isinstance(result, LastAdmin) for result in results) == [False, True]
    assert [account.disabled for account in await people.all()].count(False) == 1


async def test_of_the_same_name_at_the_same_time_one_is_made(database: Database) -> None:
    results = await asyncio.gather(*(person(database, "ada") for _ in range(4)), return_exceptions=True)
    assert [isinstance(result, InputError) for result in results].count(False) == 1
    subject = [People(database).of_subject("p 1", "ada", None, lambda who: deed("user.create", who)) for _ in range(4)]
    assert {account.name for account in await asyncio.gather(*subject)} == {"ada-2"}


async def test_what_a_secret_opens(database: Database) -> None:
    ada, keys, repositories = await person(database, "ada", admin=True), Keys(database), Repositories(database)
    one, two = Registered(new_id(), "one", "/srv/one", 0.0), Registered(new_id(), "two", "/srv/two", 0.0)
    for repository in (one, two):
        await repositories.register(repository, deed("repository.register"))
    await repositories.give(ada.id, EVERY, "member", deed("role.give"))
    await repositories.give(ada.id, one.id, "viewer", deed("role.give"))
    await repositories.give(ada.id, two.id, "admin", deed("role.give"))
    secret, name = new_secret(PREFIX), new_id()
    made = await keys.make_token(Token(name, ada.id, "t", "write", 0, None, None), secret, 1, deed("token.create"))
    assert made.expires is not None
    assert abs(made.expires - made.created - 86400) < 1
    known = await keys.of_token(secret)
    assert known is not None
    assert (known.account, known.admin, known.scope, known.stale) == (ada.id, True, "write", True)
    assert known.roles == {one.id: "member", two.id: "admin"}
    await keys.used(name)
    known = await keys.of_token(secret)
    assert known is not None
    assert not known.stale
    await keys.open_session(ada.id, "cookie", 1, deed("session.open"))
    assert await keys.of_session(secret) is None
    assert await keys.of_token("cookie") is None
    assert (await keys.of_session("cookie") or known).token == ""
    await keys.close_session("cookie", deed("session.close"))
    await keys.close_session("cookie", deed("session.close"))
    assert await keys.of_session("cookie") is None
    assert (await log(database)).count("session.close") == 1


async def test_a_change_that_fails_is_not_in_the_audit_log(database: Database) -> None:
    await person(database, "one", admin=True)
    people = People(database)
    with pytest.raises(LastAdmin):
        await people.change((await people.all())[0].id, Change(admin=False), deed("user.change"))
    await Repositories(database).register(Registered(new_id(), "one", "/srv/one", 0.0), deed("repository.register"))
    with pytest.raises(InputError):
        await Repositories(database).register(Registered(new_id(), "one", "/srv/x", 0.0), deed("repository.register"))
    assert await log(database) == ["user.create", "repository.register"]


async def test_sessions_that_have_ended_are_forgotten(database: Database) -> None:
    ada, keys = await person(database, "ada"), Keys(database)
    await keys.open_session(ada.id, "old", 1, deed("session.open"))

    def age(db: Connection) -> None:
        db.execute("UPDATE web_session SET expires = expires - 3601")

    await database.write(age)
    assert await keys.of_session("old") is None
    await keys.open_session(ada.id, "new", 1, deed("session.open"))
    assert await database.read(lambda db: db.execute("SELECT count(*) FROM web_session").fetchone()[0]) == 1
