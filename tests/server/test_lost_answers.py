"""A process that dies after it has done something and before it has answered: the same request does not do it again."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from midwatch.engine.database.base import Connection
from tests.server.test_tasks import FILES, submitted
from tests.support.api import Api
from tests.support.place import make_repository

KEY = {"Idempotency-Key": "k"}


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


async def _twice(api: Api, client: httpx2.AsyncClient, path: str, body: object) -> list[httpx2.Response]:
    """Asked, and asked again after the process has died over the answer."""

    def died(db: Connection) -> None:
        db.execute("UPDATE repeatable SET status = 0, body = NULL, held = held - 61")

    first = await client.post(path, json=body, headers=KEY)
    await api.database.write(died)
    return [first, await client.post(path, json=body, headers=KEY)]


async def test_a_task_is_forked_once(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        name = await submitted(ada)
        await api.work(name)
        first, second = await _twice(api, ada, f"/tasks/{name}/fork", {"message": "count otherwise"})
        assert (first.status_code, second.status_code) == (201, 201), second.text
        assert first.json()["id"] == second.json()["id"]
        assert "idempotency-replayed" not in second.headers  # it was looked for, and not answered from memory
        assert len((await ada.get("/tasks")).json()["tasks"]) == 2


async def test_a_message_is_said_once(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        name = await submitted(ada)
        answers = await _twice(api, ada, f"/tasks/{name}/messages", {"text": "further"})
        assert [one.status_code for one in answers] == [202, 202]
        query = "SELECT count(*) FROM message WHERE task = ?"
        assert await api.database.read(lambda db: db.execute(query, (name,)).fetchone()[0]) == 1
        more = await ada.post(f"/tasks/{name}/messages", json={"text": "further"}, headers={"Idempotency-Key": "l"})
        assert more.status_code == 202
        assert await api.database.read(lambda db: db.execute(query, (name,)).fetchone()[0]) == 2


async def test_a_task_that_was_cancelled_is_so_and_no_conflict(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        answers = await _twice(api, ada, f"/tasks/{await submitted(ada)}/cancel", None)
        assert [(one.status_code, one.json()["turn"]["state"]) for one in answers] == [(202, "cancelled")] * 2


async def test_what_an_administrator_makes_is_made_once(api: Api, tmp_path: Path) -> None:
    location = str(make_repository(tmp_path / "calc", FILES))
    async with api.as_user("root", admin=True) as root:
        for kind, body in (
            ("users", {"name": "eve", "password": "a long enough one"}),
            ("organisations", {"name": "works"}),
            ("repositories", {"name": "calc", "location": location, "organisation": "works"}),
        ):
            first, second = await _twice(api, root, f"/{kind}", body)
            assert (first.status_code, second.status_code) == (201, 201), second.text
            assert first.json() == second.json()
            about = (await root.get("/audit", params={"about": first.json()["id"]})).json()["entries"]
            made = [entry["action"] for entry in about if entry["action"] != "repository.move"]
            assert len(made) == 1, made
