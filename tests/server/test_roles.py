"""Users, repositories and roles: who may what, and that it is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch.server.accounts.caller import Caller, may, require, scopes_up_to
from midwatch.server.problems import Problem
from tests.support.repositories import git
from tests.support.site import Site, program

REPOSITORIES, USERS, ROLES = "/api/v1/repositories", "/api/v1/users", "/api/v1/roles"


async def registered(root: httpx2.AsyncClient, name: str = "team/one", location: str = "") -> str:
    """A repository; its id."""
    answer = await root.post(REPOSITORIES, json={"name": name, "location": location or f"https://git.test/{name}.git"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def names(client: httpx2.AsyncClient) -> list[str]:
    """Of the repositories that it sees."""
    return [found["name"] for found in (await client.get(REPOSITORIES)).json()["repositories"]]


async def test_a_role_shows_a_repository_and_taking_it_back_hides_it(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        one, other = await registered(root), await registered(root, "team/two")
        assert await names(ada) == []
        assert (await ada.get(f"{REPOSITORIES}/{one}")).status_code == 404
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "viewer"})
        assert (await ada.get(f"{REPOSITORIES}/{one}")).json()["role"] == "viewer"
        assert await names(ada) == ["team/one"]
        await root.put(f"{ROLES}/ada", json={"role": "member"})
        assert (await ada.get(f"{REPOSITORIES}/{other}")).json()["role"] == "member"
        assert (await ada.get("/api/v1/me")).json()["roles"] == {one: "member", other: "member"}
        third = await registered(root, "team/three")
        assert (await ada.get(f"{REPOSITORIES}/{third}")).status_code == 200
        assert (await root.delete(f"{ROLES}/ada")).status_code == 204
        assert (await ada.get(f"{REPOSITORIES}/{one}")).json()["role"] == "viewer"
        assert (await root.delete(f"{REPOSITORIES}/{one}/roles/ada")).status_code == 204
        assert await names(ada) == []
        assert await names(root) == ["team/one", "team/two", "team/three"]


async def test_a_repository_is_meant_by_its_id_or_its_name(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        one = await registered(root, "one")
        assert (await ada.get(f"{REPOSITORIES}/one")).status_code == 404
        given = await root.put(f"{REPOSITORIES}/one/roles/ada", json={"role": "viewer"})
        assert (given.status_code, given.json()["repository"]) == (200, one)
        seen = (await ada.get(f"{REPOSITORIES}/one")).json()
        assert (seen["id"], seen["role"]) == (one, "viewer")
        assert (await ada.delete(f"{REPOSITORIES}/one")).status_code == 403


@pytest.mark.parametrize(
    ("role", "look", "give"),
    [("viewer", 403, 403), ("member", 403, 403), ("maintainer", 200, 403), ("admin", 200, 200)],
)
async def test_each_role_may_what_it_may(site: Site, role: str, look: int, give: int) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        await site.user("bob")
        one = await registered(root)
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": role})
        path = f"{REPOSITORIES}/{one}"
        assert (await ada.patch(path, json={"name": "team/renamed"})).status_code == 403
        assert (await ada.get(f"{path}/roles")).status_code == look
        assert (await ada.put(f"{path}/roles/bob", json={"role": "member"})).status_code == give
        assert (await ada.delete(path)).status_code == 403
        assert (await ada.put(f"{ROLES}/bob", json={"role": "viewer"})).status_code == 404
        assert (await ada.post(REPOSITORIES, json={"name": "x", "location": "/etc"})).status_code == 404


def caller(role: str | None, scope: Any, *, everywhere: bool = False) -> Caller:
    """With that role on the repository `r`."""
    roles: Any = {} if role is None else {"r": role}
    return Caller("u", "ada", everywhere, scopes_up_to(scope), roles)


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        (caller("admin", "read"), ["viewer"]),
        (caller("admin", "write"), ["viewer", "member", "maintainer"]),
        (caller("admin", "admin"), ["viewer", "member", "maintainer", "admin"]),
        (caller("member", "admin"), ["viewer", "member"]),
        (caller(None, "admin"), []),
        (caller(None, "read", everywhere=True), ["viewer"]),
        (caller(None, "write", everywhere=True), ["viewer", "member", "maintainer"]),
    ],
)
def test_a_role_goes_as_far_as_the_scope(who: Caller, allowed: list[str]) -> None:
    roles: Any = ("viewer", "member", "maintainer", "admin")
    assert [role for role in roles if may(who, "r", role)] == allowed
    assert not may(caller("admin", "admin"), "another", "viewer")
    assert not may(caller("admin", "admin"), "", "viewer")
    for role in roles:
        if role not in allowed:
            with pytest.raises(Problem) as refused:
                require(who, "r", role)
            assert refused.value.status == (403 if allowed else 404)


async def test_a_path_is_registered_as_git_names_it_and_nothing_else_is_taken(site: Site, tmp_path: Path) -> None:
    (tmp_path / "code/inside").mkdir(parents=True)
    git(tmp_path / "code", "init", "-q")
    async with site.signed_in("root", admin=True) as root:
        made = await registered(root, "one", str(tmp_path / "code/inside"))
        location = (await root.get(f"{REPOSITORIES}/{made}")).json()["location"]
        assert location == str(tmp_path / "code")
        kept = await site.desk.repositories.at(location)
        assert kept is not None
        assert kept.id == made
        for name, wrong in (
            ("two", str(tmp_path / "code")),
            ("two", f"file://{tmp_path}/code"),
            ("two", f"file://localhost{tmp_path}/%63ode/"),
            ("one", "https://git.test/x"),
            ("two", str(tmp_path)),
            ("two", "relative"),
            ("two", "https://user:secret@git.test/x"),
            ("two", "git://git.test/x"),
            ("two", "file://[x"),
            ("../two", "https://git.test/x"),
        ):
            answer = await root.post(REPOSITORIES, json={"name": name, "location": wrong})
            assert answer.status_code == 422, (name, wrong)
            assert "secret" not in answer.text


async def test_one_address_is_one_repository_however_it_is_written(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root:
        one = await registered(root, "one", "https://Git.Test/Team/x.git/")
        assert (await root.get(f"{REPOSITORIES}/{one}")).json()["location"] == "https://git.test/Team/x.git"
        again = await root.post(REPOSITORIES, json={"name": "two", "location": "https://git.test/Team/x.git"})
        assert (again.status_code, "registered already" in again.text) == (422, True)


async def test_a_removed_repository_takes_its_roles_with_it(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        one = await registered(root)
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "member"})
        assert (await root.delete(f"{REPOSITORIES}/{one}")).status_code == 204
        assert (await ada.get("/api/v1/me")).json()["roles"] == {}
        assert (await root.get(f"{REPOSITORIES}/{one}")).status_code == 404


async def test_there_is_always_an_administrator(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root:
        assert (await root.patch(f"{USERS}/root", json={"admin": False})).status_code == 409
        assert (await root.patch(f"{USERS}/root", json={"disabled": True})).status_code == 409
        await root.post(USERS, json={"name": "second", "admin": True})
        assert (await root.patch(f"{USERS}/root", json={"admin": False})).json()["admin"] is False
        assert (await root.patch(f"{USERS}/second", json={"admin": False})).status_code == 404  # no longer theirs


async def test_a_name_is_used_once_in_whatever_case(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root:
        assert (await root.post(USERS, json={"name": "Ada"})).json()["name"] == "ada"
        for name in ("ada", "ADA", "a b", "-x", "ä", "x" * 65):
            assert (await root.post(USERS, json={"name": name})).status_code == 422, name


async def test_lists_come_in_pages(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root:
        for number in range(5):
            await registered(root, f"r{number}")
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = (await root.get(REPOSITORIES, params={"after": after, "limit": 2})).json()
            seen += [found["name"] for found in page["repositories"]]
            after = page["next"]
        assert seen == [f"r{number}" for number in range(5)]
        entries: list[str] = []
        before: str | None = ""
        while before is not None:
            page = (await root.get("/api/v1/audit", params={"before": before, "limit": 3})).json()
            entries += [entry["action"] for entry in page["entries"]]
            before = page["next"]
        assert entries == ["repository.register"] * 5 + ["session.open", "user.create"]


async def test_changes_are_in_the_audit_log_with_who_and_from_where_and_what_it_was_before(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        one = await registered(root)
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "viewer"})
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "admin"})
        await root.patch(f"{USERS}/ada", json={"password": "a new password", "admin": True})
        async with program(root, site, scope="admin") as client:
            await client.patch(f"{REPOSITORIES}/{one}", json={"name": "team/renamed"})
        log = (await root.get("/api/v1/audit")).json()["entries"]
        token, renamed = log[1], log[0]
        assert [entry["action"] for entry in log[:4]] == [
            "repository.rename",
            "token.create",
            "user.change",
            "role.give",
        ]
        assert renamed["via"] == f"token {token['object']}"
        assert (renamed["was"], renamed["became"]) == ({"name": "team/one"}, {"name": "team/renamed"})
        assert (renamed["name"], renamed["address"], renamed["repository"]) == ("root", "203.0.113.7", one)
        assert log[2]["became"] == {"name": "ada", "admin": True, "disabled": False, "password": "changed"}
        assert [log[3]["was"]["role"], log[3]["became"]["role"]] == ["viewer", "admin"]
        assert "a new password" not in str(log)
        assert "argon2" not in str(log)
        about = (await root.get("/api/v1/audit", params={"about": one})).json()["entries"]
        assert {entry["action"] for entry in about} == {"repository.register", "repository.rename"}
        assert (await ada.get("/api/v1/me")).status_code == 401


async def test_others_read_what_they_did_and_what_was_done_on_repositories_that_they_administer(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada, site.signed_in("bob") as bob:
        one = await registered(root)
        await registered(root, "team/two")
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "admin"})
        await root.put(f"{REPOSITORIES}/{one}/roles/bob", json={"role": "maintainer"})
        seen = [entry["action"] for entry in (await ada.get("/api/v1/audit")).json()["entries"]]
        assert seen == ["role.give", "role.give", "repository.register", "session.open"]
        assert [entry["action"] for entry in (await bob.get("/api/v1/audit")).json()["entries"]] == ["session.open"]
