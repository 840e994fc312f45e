"""What a task demands of workers, when it may begin, and limits, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.server.test_tasks import FILES, submitted
from tests.support.api import Api, serving
from tests.support.leases import lives
from tests.support.place import make_repository

RECIPE = {".midwatch/environment.toml": 'labels = ["big"]\n'}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with serving(tmp_path, environ) as found:
        yield found


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    """The id of a registered repository whose recipe demands a label."""
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES | RECIPE))


async def test_what_a_task_demands_and_its_repository_demands_is_shown_with_why_it_waits(api: Api, calc: str) -> None:
    await lives(api.database, "one", "big")
    async with api.as_user("ada", {calc: "member"}) as ada, api.as_user("root", admin=True) as root:
        task = await submitted(ada, labels=["gpu", "arch=arm64"])
        shown = (await ada.get(f"/tasks/{task}")).json()
        assert shown["turn"]["labels"] == ["arch=arm64", "big", "gpu"]
        assert shown["waits_for"] == shown["turn"]["waits_for"] == "no worker with labels arch=arm64, gpu"
        (line,) = (await ada.get("/tasks")).json()["tasks"]
        assert (line["status"], line["waits_for"]) == ("waiting", "no worker with labels arch=arm64, gpu")
        await lives(api.database, "two", "arch=arm64", "big", "gpu")
        assert (await ada.get(f"/tasks/{task}")).json()["waits_for"] == ""
        found = {worker["id"]: worker["labels"] for worker in (await root.get("/workers")).json()["workers"]}
        assert found == {"one": ["big"], "two": ["arch=arm64", "big", "gpu"]}
        wrong = await ada.post("/tasks", json={"prompt": "x", "repository": calc, "labels": ["g pu"]})
        assert (wrong.status_code, wrong.json()["detail"]) == (422, "'g pu' is no label")


async def test_a_task_with_a_time_waits_for_it_until_it_is_resumed(api: Api, calc: str) -> None:
    await lives(api.database, "one", "big")
    then = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    async with api.as_user("ada", {calc: "member"}) as ada:
        task = await submitted(ada, begin_at=then)
        turn = (await ada.get(f"/tasks/{task}")).json()["turn"]
        assert (turn["begin_at"], turn["waits_for"], turn["waits_until"]) == (then, "its time", then)
        told = (await ada.post(f"/tasks/{task}/resume")).json()["turn"]
        assert (told["state"], told["begin_at"], told["waits_for"]) == ("queued", None, "")
        assert (await ada.post(f"/tasks/{task}/resume")).status_code == 409
        asked = {"prompt": "x", "repository": calc, "begin_at": then}
        for more in (
            {"delay_seconds": 60},
            {"begin_at": "2999-01-01T00:00:00Z"},
            {"begin_at": "2026-01-01T00:00:00"},
            {"begin_at": 1.5},
            {"begin_at": "1.5"},
        ):
            assert (await ada.post("/tasks", json=asked | more)).status_code == 422
        past = await submitted(ada, begin_at="2020-01-01T00:00:00Z")
        assert (await ada.get(f"/tasks/{past}")).json()["turn"]["begin_at"] is None


async def test_an_administrator_limits_users_and_repositories_and_they_see_what_holds_for_them(
    api: Api, calc: str
) -> None:
    await lives(api.database, "one", "big")
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada", {calc: "maintainer"}) as ada,
        api.as_user("eve") as eve,
    ):
        limit = {"scope": "repository", "name": "calc", "at_once": 1}
        assert (await ada.put("/limits", json=limit)).status_code == 404
        made = await root.put("/limits", json=limit)
        assert made.json() == {"scope": "repository", "name": calc, "at_once": 1, "starts": None}
        assert (await root.put("/limits", json={"scope": "user", "starts": "30/1h"})).status_code == 200
        assert [one["name"] for one in (await ada.get("/limits")).json()["limits"]] == [calc, ""]
        assert [one["scope"] for one in (await eve.get("/limits")).json()["limits"]] == ["user"]
        await submitted(ada)
        second = await submitted(ada)
        line = (await ada.get(f"/tasks/{second}")).json()
        assert line["waits_for"] == "its repository has 1 of 1 turns under way"
        for wrong in ({"scope": "user", "name": "adda"}, {"scope": "repository", "name": "calk"}):
            assert (await root.put("/limits", json=wrong)).status_code == 404
        for wrong in ({"scope": "all", "name": "calc"}, {"scope": "user", "starts": "30/0h"}):
            assert (await root.put("/limits", json=wrong)).status_code == 422
        entries = (await root.get("/audit")).json()["entries"]
        told = next(one for one in entries if one["object"] == "repository calc")
        assert (told["action"], told["name"], told["became"]) == ("limit.set", "root", {"at_once": 1, "starts": None})
        gone = {"scope": "repository", "name": calc}
        assert (await ada.delete("/limits", params=gone)).status_code == 404
        assert (await root.delete("/limits", params=gone)).status_code == 204
        assert (await root.delete("/limits", params=gone)).status_code == 404


async def test_how_much_somebody_has_under_way_elsewhere_is_not_told_to_others(api: Api, calc: str) -> None:
    await lives(api.database, "one", "big")
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada", {calc: "member"}) as ada,
        api.as_user("bob", {calc: "viewer"}) as bob,
    ):
        await root.put("/limits", json={"scope": "user", "name": "ada", "at_once": 1})
        await submitted(ada)
        second = await submitted(ada)
        for client in (root, ada):
            assert (await client.get(f"/tasks/{second}")).json()["waits_for"] == "its user has 1 of 1 turns under way"
        lines = {one["id"]: one for one in (await bob.get("/tasks")).json()["tasks"]}
        shown = (await bob.get(f"/tasks/{second}")).json(), lines[second]
        assert [one["waits_for"] for one in shown] == ["its user has as many turns as they may"] * 2
