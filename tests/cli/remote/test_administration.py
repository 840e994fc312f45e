"""A server is administered from the command line: users, repositories, organisations, roles, tokens, budgets."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.cli.remote.conftest import Ran, World
from tests.support.api import PASSWORD


@dataclass(frozen=True)
class Admin:
    """Runs `midwatch admin …` as an administrator of the server."""

    world: World
    token: str
    monkeypatch: pytest.MonkeyPatch

    async def __call__(self, *given: str, typed: str = "") -> Ran:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return await self.world.run("admin", *given, MIDWATCH_TOKEN=self.token)

    async def done(self, *given: str, typed: str = "") -> str:
        """What it prints, when it goes well."""
        ran = await self(*given, typed=typed)
        assert ran.code == 0, ran.err
        return ran.out

    async def refused(self, *given: str) -> str:
        """What it complains of, when a person is to mend it."""
        ran = await self(*given)
        assert ran.code == 2, ran.out
        assert ran.out == "", "nothing but errors"
        return ran.err


@pytest.fixture
async def admin(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Admin]:
    async with world.api.as_user("root", admin=True) as root:
        made = await root.post("/tokens", json={"name": "admin", "scope": "admin"})
        yield Admin(world, made.json()["secret"], monkeypatch)


async def test_users_and_tokens_come_and_go_and_no_password_is_an_argument(admin: Admin) -> None:
    added = await admin.done("users", "add", "bob", "--password", typed="long enough for bob\n")
    assert "bob is there (as its roles say)" in added
    assert "bob   as its roles say  password" in await admin.done("users")
    made = await admin("tokens", "add", "ci", "--as", "bob", "--scope", "read", typed="long enough for bob\n")
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert secret.startswith("mw_")
    assert secret not in made.err
    wrong = await admin("tokens", "add", "ci", "--as", "bob", typed="another one\n")
    assert (wrong.code, "another one" in wrong.err) == (2, False)
    other = json.loads(await admin.done("tokens", "add", "x", "--user", "bob", "--json", typed=f"{PASSWORD}\n"))
    assert (other["type"], other["scope"]) == ("token", "write")
    listed = json.loads(await admin.done("tokens", "--user", "bob", "--json"))["tokens"]
    assert [one["name"] for one in listed] == ["ci", "x"]
    await admin.done("tokens", "revoke", other["id"])
    assert "x  " not in await admin.done("tokens", "--user", "bob")
    changed = json.loads(await admin.done("users", "change", "bob", "--disabled", "--json"))
    assert (changed["disabled"], changed["admin"]) == (True, False)
    assert "this is the only administrator" in await admin.refused("users", "change", "root", "--no-admin")


async def test_an_organisation_gets_a_repository_a_member_and_a_budget(admin: Admin) -> None:
    await admin.done("organisations", "add", "works")
    moved = await admin.done("repositories", "change", "calc", "--organisation", "works")
    assert "calc of works" in moved
    assert "calc  works" in await admin.done("repositories", "list")
    await admin.done("users", "add", "bob")
    assert "bob is member there" in await admin.done("roles", "give", "bob", "member", "--organisation", "works")
    assert "bob   member" in await admin.done("roles", "--organisation", "works")
    assert "ada   maintainer  calc" in await admin.done("roles")
    said = await admin.done("budgets", "set", "organisation", "works", "--usd", "20", "--period", "day")
    assert "organisation works, each day: $20, of which $0 is spent" in said
    await admin.done("budgets", "set", "repository", "calc", "--tokens", "5000")
    assert "5,000 tokens" in await admin.done("budgets")
    await admin.done("budgets", "remove", "repository", "calc")
    assert len(json.loads(await admin.done("budgets", "--json"))["budgets"]) == 1
    assert "has 1 repositor" in await admin.refused("organisations", "remove", "works")
    await admin.done("repositories", "change", "calc", "--no-organisation", "--name", "sums")
    await admin.done("roles", "take", "bob", "--organisation", "works")
    await admin.done("organisations", "change", "works", "--name", "plant")
    await admin.done("organisations", "remove", "plant")
    assert "no organisations" in await admin.done("organisations")
    await admin.done("repositories", "remove", "sums")
    assert "no repositories" in await admin.done("repositories")


async def test_what_makes_no_sense_is_refused_by_name_before_anything_is_sent(admin: Admin, world: World) -> None:
    for given, part in (
        (("users", "add"), "write it as: add NAME"),
        (("users", "list", "bob"), "no further word"),
        (("users", "list", "--admin"), "--admin means nothing to list"),
        (("users", "change", "bob"), "nothing is to be changed"),
        (("roles", "give", "bob", "member"), "--everywhere"),
        (("budgets", "set", "team", "x", "--usd", "1"), "organisation, repository, task, user"),
        (("budgets", "set", "user", "ada"), "a budget needs a cap"),
        (("budgets", "set", "organisation", "nowhere", "--usd", "1"), "there is no such organisation"),
        (("repositories", "change", "nowhere", "--name", "x"), "no repository that you may use"),
    ):
        assert part in await admin.refused(*given), given
    nobody = await world.run("admin", "users", "--server", "local")
    assert (nobody.code, "midwatch admin password" in nobody.err) == (2, True)
    stranger = await world.run("admin", "users")  # a maintainer of one repository, with a token that may write
    assert ("ada" in stranger.out, "root" in stranger.out) == (True, False)
    assert (await world.run("admin", "users", "add", "mallory")).code == 2
