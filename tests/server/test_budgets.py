"""Budgets over HTTP, and the choice of another attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from midwatch.domain.purse import Wish
from midwatch.engine.budgets.ledger import Ask, Ledger
from midwatch.engine.budgets.scopes import Scope
from tests.server.test_tasks import FILES, SUBMITTED, submitted
from tests.support.api import Api, serving
from tests.support.place import make_repository


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with serving(tmp_path, environ) as found:
        yield found


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    """The id of a registered repository with a fault in it."""
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


async def test_a_maintainer_caps_a_repository_and_its_members_see_what_is_spent(api: Api, calc: str) -> None:
    cap = {"kind": "repository", "name": "calc", "period": "day", "microusd": 5_000_000}
    async with (
        api.as_user("ada", {calc: "maintainer"}) as ada,
        api.as_user("mem", {calc: "member"}) as mem,
        api.as_user("eve") as eve,
    ):
        made = await ada.put("/budgets", json=cap)
        assert made.status_code == 200, made.text
        where = made.json()["name"]
        assert (await mem.put("/budgets", json=cap)).status_code == 403
        assert (await eve.put("/budgets", json=cap)).status_code == 404
        task = await submitted(ada)
        scopes = (Scope("repository", where), Scope("task", task))
        wish = Wish(f"{task}.1", 0, 100, 10, 10, 400, 500)
        await Ledger(api.database).reserve(Ask("call", wish, scopes))
        (told,) = (await mem.get("/budgets")).json()["budgets"]
        assert (told["microusd"], told["spent_microusd"], told["reserved_microusd"]) == (5_000_000, 0, 500)
        await Ledger(api.database).settle("call", 300, 60)
        (told,) = (await mem.get("/budgets")).json()["budgets"]
        assert (told["spent_microusd"], told["spent_tokens"], told["reserved_microusd"]) == (300, 60, 0)
        assert (await eve.get("/budgets")).json() == {"budgets": []}
        gone = {"kind": "repository", "name": calc, "period": "day"}
        assert (await mem.delete("/budgets", params=gone)).status_code == 403
        assert (await ada.delete("/budgets", params=gone)).status_code == 204
        assert (await ada.delete("/budgets", params=gone)).status_code == 404
        assert (await mem.get("/budgets")).json() == {"budgets": []}


async def test_budgets_of_users_and_organisations_are_the_administrators(api: Api, calc: str) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("ada", {calc: "admin"}) as ada:
        nobody = await root.put("/budgets", json={"kind": "organisation", "name": "works", "tokens": 1})
        assert (nobody.status_code, nobody.json()["detail"]) == (404, "there is no such organisation")
        await root.post("/organisations", json={"name": "works"})
        for kind, name in (("user", "Ada"), ("organisation", "works")):
            cap = {"kind": kind, "name": name, "period": "whole", "tokens": 1000}
            assert (await ada.put("/budgets", json=cap)).status_code == 404
            assert (await root.put("/budgets", json=cap)).status_code == 200
        assert [b["name"] for b in (await ada.get("/budgets")).json()["budgets"]] == ["ada"]
        await root.put("/organisations/works/roles/ada", json={"role": "admin"})
        assert [b["name"] for b in (await ada.get("/budgets")).json()["budgets"]] == ["works", "ada"]
        assert (await ada.put("/budgets", json=cap)).status_code == 403
        assert len((await root.get("/budgets")).json()["budgets"]) == 2
        nothing = await root.put("/budgets", json={"kind": "user", "name": "ada"})
        assert (nothing.status_code, nothing.headers["content-type"]) == (422, "application/problem+json")
        unknown = await root.put("/budgets", json={"kind": "user", "name": "adda", "tokens": 1})
        assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no such user")
        written = (await root.get("/audit")).text
        assert "budget.set" in written
        told = [entry["action"] for entry in (await ada.get("/audit")).json()["entries"] if entry["name"] == "root"]
        assert told == ["organisation.give", "budget.set", "organisation.create"]  # of what ada administers


async def test_a_task_shows_the_budgets_that_its_next_call_counts_for_as_far_as_one_may_see_them(
    api: Api, calc: str
) -> None:
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada", {calc: "member"}) as ada,
        api.as_user("bob", {calc: "viewer"}) as bob,
    ):
        await root.post("/organisations", json={"name": "works"})
        await root.patch(f"/repositories/{calc}", json={"organisation": "works"})
        await root.put("/organisations/works/roles/ada", json={"role": "viewer"})
        task = await submitted(ada)
        for kind, name in (("user", "ada"), ("organisation", "works"), ("repository", calc), ("task", task)):
            cap = {"kind": kind, "name": name, "period": "whole", "microusd": 5_000_000}
            assert (await root.put("/budgets", json=cap)).status_code == 200, kind
        await root.patch("/organisations/works", json={"name": "plant"})  # its budget stays with it

        async def kinds(client: httpx2.AsyncClient) -> list[str]:
            return [found["kind"] for found in (await client.get(f"/tasks/{task}")).json()["budgets"]]

        assert await kinds(ada) == await kinds(root) == ["organisation", "repository", "task", "user"]
        assert await kinds(bob) == ["repository", "task"]
        assert (await ada.get(f"/tasks/{task}")).json()["budgets"][0]["name"] == "plant"
        gone = {"kind": "organisation", "name": "plant", "period": "whole"}
        assert (await root.delete("/budgets", params=gone)).status_code == 204
        assert await kinds(ada) == ["repository", "task", "user"]


async def test_a_person_has_another_attempt_offered(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        made = await ada.post("/tasks", json={**SUBMITTED, "attempts": 2})
        task = made.json()["id"]
        early = await ada.post(f"/tasks/{task}/choose", json={"attempt": 2})
        assert (early.status_code, "queued" in early.text) == (409, True)
        await api.work(task)
        before = (await ada.get(f"/tasks/{task}/pull-request")).json()
        offered = [(await ada.get(f"/attempts/{task}.{n}")).json()["status"] for n in (1, 2)]
        other = 1 + offered.index("not chosen")
        chosen = await ada.post(f"/tasks/{task}/choose", json={"attempt": other})
        assert chosen.status_code == 202, chosen.text
        await api.work(task)
        after = (await ada.get(f"/tasks/{task}/pull-request")).json()
        assert after["number"] == before["number"]
        now = [(await ada.get(f"/attempts/{task}.{n}")).json()["status"] for n in (1, 2)]
        assert now == list(reversed(offered))
