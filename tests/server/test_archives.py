"""Archiving over HTTP."""

from __future__ import annotations

from pathlib import Path

from tests.server.test_tasks import FILES, submitted
from tests.support.api import Api
from tests.support.place import make_repository


async def test_a_member_archives_an_ended_task_and_a_message_brings_it_back(api: Api, tmp_path: Path) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", FILES))
    async with (
        api.as_user("mem", {calc: "member"}) as mem,
        api.as_user("vic", {calc: "viewer"}) as vic,
        api.as_user("root", admin=True) as root,
    ):
        task = await submitted(mem)
        early = await mem.post(f"/tasks/{task}/archive")
        assert (early.status_code, "is queued" in early.json()["detail"]) == (409, True)
        await api.ended(task, "failed")
        assert (await vic.post(f"/tasks/{task}/archive")).status_code == 403
        for _ in range(2):
            assert (await mem.post(f"/tasks/{task}/archive")).json() == {"task": task, "archived": True}
        assert (await vic.get(f"/tasks/{task}")).json()["archived"]
        assert (await vic.get("/tasks")).json()["tasks"] == []
        archived = (await vic.get("/tasks", params={"archived": True})).json()["tasks"]
        assert [one["id"] for one in archived] == [task]
        assert (await mem.post(f"/tasks/{task}/messages", json={"text": "go on"})).status_code == 202
        assert [one["id"] for one in (await vic.get("/tasks")).json()["tasks"]] == [task]
        assert not (await vic.get(f"/tasks/{task}")).json()["archived"]
        written = [entry["action"] for entry in (await root.get("/audit", params={"about": task})).json()["entries"]]
        assert written.count("task.archive") == 2
