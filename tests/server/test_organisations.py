"""Organisations: repositories that belong together, roles on all of them at once, and budgets that count them."""

from __future__ import annotations

import httpx2
import pytest

from tests.server.test_roles import REPOSITORIES, names, registered
from tests.support.site import Site

ORGANISATIONS = "/api/v1/organisations"


async def made(root: httpx2.AsyncClient, name: str = "works") -> str:
    """An organisation; its id."""
    answer = await root.post(ORGANISATIONS, json={"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def moved(root: httpx2.AsyncClient, repository: str, organisation: str) -> None:
    """Have it belong there."""
    answer = await root.patch(f"{REPOSITORIES}/{repository}", json={"organisation": organisation})
    assert answer.status_code == 200, answer.text


async def test_a_role_in_an_organisation_is_a_role_on_all_its_repositories_and_the_higher_one_counts(
    site: Site,
) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        works, one, two = await made(root), await registered(root, "one"), await registered(root, "two")
        await moved(root, one, "works")
        given = await root.put(f"{ORGANISATIONS}/works/roles/ada", json={"role": "member"})
        assert (given.status_code, given.json()["organisation"]) == (200, works)
        assert await names(ada) == ["one"]
        me = (await ada.get("/api/v1/me")).json()
        assert (me["roles"], me["organisations"]) == ({one: "member"}, {works: "member"})
        await moved(root, two, works)  # comes later
        await root.put(f"{REPOSITORIES}/{one}/roles/ada", json={"role": "viewer"})
        await root.put(f"{REPOSITORIES}/{two}/roles/ada", json={"role": "maintainer"})
        assert (await ada.get("/api/v1/me")).json()["roles"] == {one: "member", two: "maintainer"}
        seen = (await ada.get(f"{REPOSITORIES}/{one}")).json()
        assert (seen["role"], seen["organisation"], seen["organisation_name"]) == ("member", works, "works")
        await root.delete(f"{ORGANISATIONS}/{works}/roles/ada")
        assert (await ada.get("/api/v1/me")).json()["roles"] == {one: "viewer", two: "maintainer"}


async def test_a_repository_belongs_to_one_organisation_or_to_none(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        works, other = await made(root), await made(root, "other")
        body = {"name": "one", "location": "https://git.test/one.git", "organisation": "works"}
        one = (await root.post(REPOSITORIES, json=body)).json()
        assert one["organisation"] == works
        await root.put(f"{ORGANISATIONS}/{works}/roles/ada", json={"role": "viewer"})
        assert await names(ada) == ["one"]
        await moved(root, one["id"], "other")
        assert await names(ada) == []
        listed = (await root.get(REPOSITORIES)).json()["repositories"]
        assert [found["organisation"] for found in listed] == [other]
        await moved(root, one["id"], "")
        assert (await root.get(f"{REPOSITORIES}/one")).json()["organisation"] == ""
        nowhere = await root.patch(f"{REPOSITORIES}/one", json={"organisation": "nowhere"})
        assert (nowhere.status_code, nowhere.json()["detail"]) == (404, "there is no such organisation")
        log = (await root.get("/api/v1/audit", params={"about": one["id"]})).json()["entries"]
        moves = [
            (e["was"]["organisation"], e["became"]["organisation"]) for e in log if e["action"] == "repository.move"
        ]
        assert moves == [(other, ""), (works, other), ("", works)]


@pytest.mark.parametrize(
    ("role", "look", "give"),
    [("viewer", 403, 403), ("member", 403, 403), ("maintainer", 200, 403), ("admin", 200, 200)],
)
async def test_each_role_in_it_may_what_it_may(site: Site, role: str, look: int, give: int) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        await site.user("bob")
        path = f"{ORGANISATIONS}/{await made(root)}"
        one = await registered(root, "one")
        await moved(root, one, "works")
        await root.put(f"{path}/roles/ada", json={"role": role})
        assert (await ada.get(path)).json()["role"] == role
        assert (await ada.get(f"{path}/roles")).status_code == look
        assert (await ada.put(f"{path}/roles/bob", json={"role": "member"})).status_code == give
        assert (await ada.delete(f"{path}/roles/ada")).status_code == (204 if give == 200 else 403)
        await root.put(f"{path}/roles/ada", json={"role": role})
        assert (await ada.put(f"{REPOSITORIES}/{one}/roles/bob", json={"role": "viewer"})).status_code == give
        for refused in (
            ada.patch(path, json={"name": "mine"}),
            ada.delete(path),
            ada.patch(f"{REPOSITORIES}/{one}", json={"organisation": ""}),
        ):
            assert (await refused).status_code == 403
        assert (await ada.post(ORGANISATIONS, json={"name": "mine"})).status_code == 404


async def test_only_an_empty_one_is_removed_and_its_members_and_budgets_go_with_it(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        works, one = await made(root), await registered(root, "one")
        await root.put(f"{ORGANISATIONS}/works/roles/ada", json={"role": "admin"})
        await moved(root, one, works)
        full = await root.delete(f"{ORGANISATIONS}/works")
        assert (full.status_code, "take them out" in full.json()["mend"]) == (409, True)
        assert (await root.delete(f"{REPOSITORIES}/{one}")).status_code == 204  # leaves the organisation too
        assert (await root.delete(f"{ORGANISATIONS}/works")).status_code == 204
        assert (await ada.get(f"{ORGANISATIONS}/{works}")).status_code == 404
        assert (await ada.get("/api/v1/me")).json()["organisations"] == {}
        assert (await ada.get(ORGANISATIONS)).json() == {"organisations": [], "next": None}


async def test_names_are_used_once_and_strangers_do_not_learn_them(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("eve") as eve:
        works = await made(root)
        for wrong in ("works", "a/b", "-x", "", "a b", "x" * 65):
            assert (await root.post(ORGANISATIONS, json={"name": wrong})).status_code == 422, wrong
        await made(root, "other")
        assert (await root.patch(f"{ORGANISATIONS}/other", json={"name": "works"})).status_code == 422
        assert (await root.patch(f"{ORGANISATIONS}/works", json={"name": "plant"})).json()["id"] == works
        for name in ("plant", works, "nothing"):
            answers = [await eve.get(f"{ORGANISATIONS}/{name}"), await eve.get(f"{ORGANISATIONS}/{name}/roles")]
            answers.append(await eve.delete(f"{ORGANISATIONS}/{name}"))
            assert {answer.status_code for answer in answers} == {404}
            assert {answer.json()["detail"] for answer in answers} == {"there is no such organisation"}
        actions = [entry["action"] for entry in (await root.get("/api/v1/audit")).json()["entries"]]
        assert actions[:3] == ["organisation.rename", "organisation.create", "organisation.create"]


async def test_whoever_administers_one_reads_what_was_done_in_it(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        await made(root)
        await root.put(f"{ORGANISATIONS}/works/roles/ada", json={"role": "admin"})
        seen = [entry["action"] for entry in (await ada.get("/api/v1/audit")).json()["entries"]]
        assert seen == ["organisation.give", "organisation.create", "session.open"]


async def test_a_maintainer_does_not_learn_which_names_and_places_are_taken(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        mine, _hidden = await registered(root, "mine"), await registered(root, "hidden")
        await root.put(f"{REPOSITORIES}/{mine}/roles/ada", json={"role": "admin"})
        taken = await ada.patch(f"{REPOSITORIES}/{mine}", json={"name": "hidden"})
        free = await ada.patch(f"{REPOSITORIES}/{mine}", json={"name": "free"})
        assert (taken.status_code, taken.text) == (403, free.text)
        for location in ("https://git.test/hidden.git", "https://git.test/new.git"):
            answer = await ada.post(REPOSITORIES, json={"name": "hidden", "location": location})
            assert (answer.status_code, answer.json()["detail"]) == (404, "there is no such path")
        assert (await root.patch(f"{REPOSITORIES}/{mine}", json={"name": "free"})).json()["name"] == "free"
