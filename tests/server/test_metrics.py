"""`/metrics`: for whom, and what the database says there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import httpx2

from midwatch.engine.database.base import Connection
from midwatch.engine.owned import owned
from midwatch.engine.turns import Turns
from midwatch.telemetry.metrics import Metrics
from tests.support import samples
from tests.support.api import Api, serving
from tests.telemetry.test_metrics import read


async def scrape(client: httpx2.AsyncClient, api: Api, **headers: str) -> httpx2.Response:
    return await client.get(f"{api.url}/metrics", headers=headers)


async def test_an_administrator_and_their_reading_token_are_shown_them_and_nobody_else(tmp_path: Path) -> None:
    async with serving(tmp_path, {}) as api, httpx2.AsyncClient() as nobody:
        async with api.as_user("ada", admin=True) as ada, api.as_user("bob") as bob:
            assert (await scrape(ada, api)).status_code == 404  # they are off
            api.app.state.metrics = Metrics()
            assert (await scrape(nobody, api)).status_code == 401
            assert (await scrape(bob, api)).status_code == 404
            made = await ada.post("/tokens", json={"name": "prometheus", "scope": "read"})
            token = made.json()["secret"]
            answer = await scrape(nobody, api, authorization=f"Bearer {token}")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            found = read(answer.content)
            assert found["midwatch_workers"] == found["midwatch_queue_age_seconds"] == 0
            assert found["midwatch_turns{state=queued}"] == 0
            assert "midwatch_checkpoint_seconds_count" in found


async def test_tasks_turns_workers_and_the_queues_age_are_counted(tmp_path: Path, environ: dict[str, str]) -> None:
    async with serving(tmp_path, environ) as api, api.as_user("ada", admin=True) as ada:
        api.app.state.metrics = Metrics()
        turns = Turns(api.database)
        tasks = [dataclasses.replace(samples.task(), id=f"0000000000{n:02}") for n in range(4)]
        for task in tasks:
            await turns.submit(task)

        def change(db: Connection) -> None:
            db.execute(f"UPDATE turn SET changed = {db.clock} - 90, begin_at = 0 WHERE task = ?", (tasks[0].id,))
            db.execute("UPDATE turn SET status = 'running', worker = 'w' WHERE task = ?", (tasks[1].id,))
            db.execute("UPDATE turn SET status = 'done' WHERE task = ?", (tasks[2].id,))
            db.execute(f"UPDATE turn SET begin_at = {db.clock} + 1000 WHERE task = ?", (tasks[3].id,))
            db.execute(
                "INSERT INTO worker (id, host, process, capacity, version, started, beat) "
                "VALUES ('w', 'h', '1-1', 1, '', 0, 0)"
            )

        await api.database.write(change)
        await turns.again(tasks[2], "choose")
        found = read((await scrape(ada, api)).content)
        assert {k: v for k, v in found.items() if k.startswith("midwatch_turns") and v} == {
            "midwatch_turns{state=queued}": 3, "midwatch_turns{state=running}": 1, "midwatch_turns{state=done}": 1,
        }  # fmt: skip
        assert found["midwatch_tasks{state=queued}"] == 3
        assert found["midwatch_tasks{state=done}"] == 0
        assert found["midwatch_workers"] == 1
        assert 90 <= found["midwatch_queue_age_seconds"] < 1000
        assert await owned(api.database) == {f"{tasks[1].id}.1"}
