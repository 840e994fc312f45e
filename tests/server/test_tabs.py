"""The one stream of a tab: rows of tasks and events of attempts, nothing lost, and nothing of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch import wiring
from midwatch.domain.errors import StoreError
from midwatch.domain.events import Message
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.server import rows, sums
from tests.support.api import Api
from tests.support.place import make_repository


class Heard:
    """What a stream has said, message by message."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()
        self.place = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next message."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    return fields["event"], json.loads(fields["data"])
                else:
                    self.place = fields.get("id", self.place)
                    fields = {}
        raise AssertionError("the stream has ended")

    async def until(self, name: str, **wanted: object) -> dict[str, Any]:
        """The next one of that name whose task or event has these fields."""
        while True:
            found, data = await self.next()
            inner = data.get("task") or data.get("event") or data
            if found == name and all(inner.get(key) == value for key, value in wanted.items()):
                return data


@asynccontextmanager
async def following(client: httpx2.AsyncClient, topics: str, **headers: str) -> AsyncIterator[Heard]:
    async with client.stream("GET", "/stream", params={"topics": topics}, headers=headers) as answer:
        assert answer.status_code == 200
        yield Heard(answer)


async def submitted(client: httpx2.AsyncClient, prompt: str, repository: str = "calc") -> str:
    answer = await client.post("/tasks", json={"prompt": prompt, "repository": repository})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_whatever_changes_how_a_task_stands_comes_as_its_row(stored: Api, tmp_path: Path) -> None:
    calc = await stored.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    async with stored.as_user("ada", {calc: "maintainer"}) as ada, following(ada, "tasks") as heard:
        assert (await heard.next())[0] == "reset"
        task = await submitted(ada, "Mend it")
        first = (await heard.until("task", id=task))["task"]
        assert (first["status"], first["by"], first["repository"]) == ("waiting", "ada", calc)
        await ada.post(f"/tasks/{task}/cancel")
        await heard.until("task", id=task, status="cancelled")
        await ada.post(f"/tasks/{task}/archive")
        await heard.until("away", id=task)
        await ada.post(f"/tasks/{task}/unarchive")
        await heard.until("task", id=task, status="cancelled")


async def test_what_a_task_waits_for_comes_when_it_has_become_something_else(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOVED", 0.0)
    await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    async with api.as_user("root", admin=True) as root, following(root, "tasks") as heard:
        await heard.until("reset")
        task = await submitted(root, "Mend it")
        await heard.until("task", id=task, waits_for="no worker runs")
        columns, values = "id, host, process, capacity, version, started, beat", "'w', 'h', 'p', 1, '1', 0"
        begun = f"INSERT INTO worker ({columns}) SELECT {values}, "
        await api.database.write(lambda db: db.execute(begun + db.clock).rowcount)
        await heard.until("task", id=task, waits_for="")


async def test_rows_and_events_go_on_after_the_place_where_a_stream_broke_off(api: Api, tmp_path: Path) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    async with api.as_user("ada", {calc: "member"}) as ada:
        task = await submitted(ada, "Mend it")
        attempt = f"attempt:{task}.1"
        epoch = await api.home.store.take(f"{task}.1")
        async with following(ada, "tasks") as kept:  # somebody else looks on meanwhile
            await kept.next()
            async with following(ada, f"tasks,{attempt}") as heard:
                await heard.until("reset")
                await api.home.store.append(f"{task}.1", epoch, [Message("person", "one")])
                assert (await heard.until("event"))["event"]["body"]["text"] == "one"
                other = await submitted(ada, "Another")
                await heard.until("task", id=other)
                await ada.post(f"/tasks/{other}/cancel")
                await heard.until("task", id=other, status="cancelled")
            place = heard.place
            third = await submitted(ada, "A third")
            await api.home.store.append(f"{task}.1", epoch, [Message("person", "two")])
            await kept.until("task", id=third)
            async with following(ada, f"tasks,{attempt}", **{"Last-Event-ID": place}) as again:
                seen = [await again.next()]
                while {name for name, _ in seen} < {"task", "event"}:
                    seen.append(await again.next())
            assert "reset" not in [name for name, _ in seen]
            assert third in [data["task"]["id"] for name, data in seen if name == "task"]
            assert [data["event"]["body"]["text"] for name, data in seen if name == "event"] == ["two"]


async def test_one_who_may_not_see_a_repository_hears_nothing_of_its_tasks(api: Api, tmp_path: Path) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    mine = await api.registered("mine", make_repository(tmp_path / "mine", {"a.txt": "a\n"}))
    async with api.as_user("ada", {calc: "member"}) as ada, api.as_user("bob", {mine: "member"}) as bob:
        hers = await submitted(ada, "Hers")
        async with following(bob, f"tasks,attempt:{hers}.1,attempt:{'0' * 12}.1") as heard:
            seen = [await heard.next() for _ in range(3)]
            assert [name for name, _ in seen] == ["reset", "gone", "gone"]
            await submitted(ada, "Hers as well")
            his = await submitted(bob, "His", "mine")
            name, data = await heard.next()
            assert (name, data["task"]["id"]) == ("task", his)


async def test_topics_that_are_none_are_refused(api: Api) -> None:
    async with api.as_user("ada") as ada:
        for wrong in ("", "people", "tasks,", "attempt:x", ",".join(["tasks"] * 21)):
            assert (await ada.get("/stream", params={"topics": wrong})).status_code == 422


async def test_lists_are_narrowed_by_who_wanted_a_task_and_by_its_words(api: Api, tmp_path: Path) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    async with api.as_user("ada", {calc: "member"}) as ada, api.as_user("bob", {calc: "member"}) as bob:
        first, second = await submitted(ada, "Mend the Ölpumpe"), await submitted(bob, "Paint it")

        async def found(client: httpx2.AsyncClient, **query: str) -> list[str]:
            answer = await client.get("/tasks", params=query)
            return [one["id"] for one in answer.json()["tasks"]]

        assert await found(ada, mine="true") == [first]
        assert await found(ada, text="ölpumpe") == [first]
        assert await found(ada, text=second) == [second]
        assert await found(bob, text="prompt") == []
        assert await found(bob, mine="true", status="waiting") == [second]


async def test_who_follows_begins_anew_after_a_look_that_failed_halfway(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    real, failing = api.desk.repositories.everything, [True]

    async def everything() -> Any:
        if failing and failing.pop():
            raise StoreError("the database is gone for a moment", "")
        return await real()

    async with api.as_user("root", admin=True) as root, following(root, "tasks") as heard:
        await heard.until("reset")
        monkeypatch.setattr(api.desk.repositories, "everything", everything)
        task = await submitted(root, "Mend it")  # seen by the look that fails, and by no other
        await heard.until("reset")
        assert not failing
        await root.post(f"/tasks/{task}/cancel")
        await heard.until("task", id=task, status="cancelled")
        monkeypatch.setattr(rows, "MOST_AT_ONCE", 0)
        await root.post(f"/tasks/{task}/archive")
        await heard.until("reset")


async def test_a_pull_request_that_a_list_has_noticed_is_told_to_who_follows(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    summed = api.app.state.service.sums
    async with api.as_user("ada", {calc: "member"}) as ada, following(ada, "tasks") as heard:
        await heard.until("reset")
        task = await submitted(ada, "Mend it")
        await heard.until("task", id=task)
        proposal = Proposal(task, str(tmp_path / "calc"), "midwatch/x", "main", "1", "2", "", "", False, "none")

        async def listed() -> Any:
            return [PullRequest(7, proposal, "open", "", "", "")]

        monkeypatch.setattr(api.home.forge, "list", listed)
        monkeypatch.setattr(summed, "_stamp", ("the book has changed since",))
        await summed.look()  # as a request for a list does
        assert (await heard.until("task", id=task))["task"]["sum"]["pull_request"] == 7


async def test_numbers_that_could_not_be_read_are_read_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    monkeypatch.setattr(sums, "AFTER_TROUBLE", 0.0)
    tried = asyncio.Event()

    async def report(*_: object) -> Any:
        tried.set()
        raise StoreError("the database is gone for a moment", "")

    monkeypatch.setattr(wiring, "report", report)
    async with api.as_user("ada", {calc: "member"}) as ada:
        task = await submitted(ada, "Mend it")
        await api.home.store.append(f"{task}.1", await api.home.store.take(f"{task}.1"), [Message("person", "one")])
        for _ in range(2):
            tried.clear()
            assert (await ada.get("/tasks")).status_code == 200
            await asyncio.wait_for(tried.wait(), 30)
