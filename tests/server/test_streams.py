"""Following attempts live: many clients, one poller, nothing lost and nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from midwatch.domain.errors import StoreError
from midwatch.domain.events import Message
from midwatch.engine import letters
from midwatch.engine.database.base import Database
from midwatch.engine.turns import Turns
from midwatch.server import standing, streams
from tests.support.api import Api, messages, numbers, serving
from tests.support.place import make_repository

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}) as found:
        yield found


@pytest.fixture
async def ada(api: Api, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """May submit tasks for the one repository."""
    calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
    async with api.as_user("ada", {calc: "member"}) as client:
        client.timeout = httpx2.Timeout(60, pool=60)
        yield client


class Attempt:
    """One that is written by the test, as a worker writes it."""

    def __init__(self, api: Api, task: str) -> None:
        self.api, self.name, self.task, self.epoch = api, f"{task}.1", task, 0

    async def say(self, *texts: str) -> None:
        """An event for each."""
        self.epoch = self.epoch or await self.api.home.store.take(self.name)
        bodies = [Message("person", text) for text in texts]
        await self.api.home.store.append(self.name, self.epoch, bodies)


@pytest.fixture
async def attempt(api: Api, ada: httpx2.AsyncClient) -> Attempt:
    made = await ada.post("/tasks", json={"prompt": "Mend it", "repository": "calc"})
    return Attempt(api, made.json()["id"])


def heard(found: list[tuple[str, int, object]]) -> list[str]:
    """What the events say."""
    return [data["body"]["text"] for name, _, data in found if name == "event"]  # type: ignore[index]


async def test_many_who_follow_hear_everything_once_and_in_order_with_one_poller(
    api: Api, ada: httpx2.AsyncClient, attempt: Attempt
) -> None:
    said = [f"{n}" for n in range(400)]
    await attempt.say(*said[:150])
    threads = threading.active_count()

    async def follow(after: int) -> list[tuple[str, int, object]]:
        headers = {**STREAM, **({"Last-Event-ID": str(after)} if after else {})}
        async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            return await messages(answer)

    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(follow(after)) for after in [0, 10, 149, 150, 9999] * 8]
        for at in range(150, 400, 50):
            await attempt.say(*said[at : at + 50])
            await asyncio.sleep(0.02)
        followers = api.app.state.service.streams
        assert sum("Streams._poll" in repr(task.get_coro()) for task in asyncio.all_tasks()) == 1
        assert threading.active_count() <= threads + 2
        await api.ended(attempt.task)
    for n, client in enumerate(clients):
        found = client.result()
        first = [0, 10, 149, 150][n % 5] if n % 5 < 4 else numbers(found)[0] - 1 if numbers(found) else 400
        assert numbers(found) == list(range(first + 1, 401))
        assert heard(found) == said[first:]
        assert found[-1] == ("end", 400, {"attempt": attempt.name, "status": "done"})
    assert followers._feeds == {}


async def test_a_stream_goes_on_over_turns_and_ends_with_how_the_task_stands(
    api: Api, ada: httpx2.AsyncClient, attempt: Attempt
) -> None:
    await attempt.say("one")
    for status in ("cancelled", "paused", "failed"):
        await api.ended(attempt.task, status)
        async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer:
            assert (await messages(answer))[-1][2] == {"attempt": attempt.name, "status": status}
    assert (await ada.post(f"/tasks/{attempt.task}/retry")).status_code == 202
    async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer:
        await attempt.say("two")
        assert heard(await messages(answer, most=2)) == ["one", "two"]


async def test_a_silent_stream_says_that_it_is_there(
    ada: httpx2.AsyncClient, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer:
        async for line in answer.aiter_lines():
            if line == ": still here":
                return
    raise AssertionError("the stream ended")


async def test_a_database_that_is_gone_for_a_while_ends_no_stream(
    api: Api, ada: httpx2.AsyncClient, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0

    async def sometimes(database: Database, attempts: list[str]) -> object:
        nonlocal looked
        looked += 1
        if looked in (2, 3):
            raise StoreError("the database does not answer")
        return await standing.standings(database, attempts)

    monkeypatch.setattr(streams, "standings", sometimes)
    await attempt.say("before")
    async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer:
        assert heard(await messages(answer, most=1)) == ["before"]
    async with ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer:
        await attempt.say("after")
        assert heard(await messages(answer, most=2)) == ["before", "after"]
    assert looked > 3


@pytest.mark.parametrize("taken", ["role", "user", "repository"])
async def test_whoever_may_not_see_an_attempt_any_more_is_let_go(
    api: Api, ada: httpx2.AsyncClient, attempt: Attempt, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    monkeypatch.setattr(streams, "RIGHTS", 0.0)
    await attempt.say("seen")
    me = (await ada.get("/me")).json()
    (repository,) = me["roles"]
    async with (
        api.as_user("root", admin=True) as root,
        ada.stream("GET", f"/attempts/{attempt.name}/events", headers=STREAM) as answer,
    ):
        lines = answer.aiter_lines()
        async for line in lines:
            if line == ": still here":  # it goes on as long as they may
                break
        if taken == "role":
            await root.delete(f"/repositories/{repository}/roles/ada")
        elif taken == "user":
            await root.patch("/users/ada", json={"disabled": True})
        else:
            await root.delete(f"/repositories/{repository}")
        await attempt.say("not for them")
        rest = [line async for line in lines]
    assert not any("not for them" in line or line.startswith("event: end") for line in rest)


async def test_a_user_follows_so_many_attempts_at_once_and_all_together_so_many(
    api: Api, ada: httpx2.AsyncClient, attempt: Attempt
) -> None:
    seats, url = api.app.state.service.seats, f"/attempts/{attempt.name}/events"
    seats._of_user, seats._most = 2, 3
    async with contextlib.AsyncExitStack() as followed, api.as_user("root", admin=True) as root:

        async def follow(client: httpx2.AsyncClient) -> httpx2.Response:
            return await followed.enter_async_context(client.stream("GET", url, headers=STREAM))

        assert [(await follow(ada)).status_code for _ in range(2)] == [200, 200]
        refused = await follow(ada)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
        assert "streams_per_user" in json.loads(await refused.aread())["mend"]
        assert [(await follow(root)).status_code for _ in range(2)] == [200, 429]
        assert (await ada.get(url)).status_code == 200  # a page needs none
    async with asyncio.timeout(60):
        while seats._taken:
            await asyncio.sleep(0.02)
    async with api.as_user("eve", admin=True) as eve, eve.stream("GET", url, headers=STREAM) as answer:
        assert answer.status_code == 200


async def test_who_said_what_further_is_told_by_the_order_in_which_it_was_said(
    api: Api, attempt: Attempt, ada: httpx2.AsyncClient
) -> None:
    async def told() -> list[tuple[int, str]]:
        answer = await ada.get(f"/attempts/{attempt.name}/authors")
        return [(one["seq"], one["name"]) for one in answer.json()["authors"]]

    await attempt.say("Mend it")
    first = (await ada.get(f"/attempts/{attempt.name}/events")).json()["next"]
    row = await api.home.store.find(attempt.task)
    turns = Turns(api.database)
    for text, name in (("the same", "ada"), ("the same", "bob"), ("Mend it", "@hub/eve")):
        await turns.say(row.task, text, name)
    assert await told() == []
    await attempt.say("the same", "another's", "Mend it", "the same")
    assert await told() == [(first + 1, "ada"), (first + 3, "@hub/eve"), (first + 4, "bob")]
    await turns.say(row.task, "once more", "carl")
    await api.database.write(
        lambda db: letters.settle(db, attempt.task, but="another")
    )  # nobody is to hear it any more
    await turns.say(row.task, "once more", "dora")
    await attempt.say("once more")
    assert (await told())[-1] == (first + 5, "dora")
