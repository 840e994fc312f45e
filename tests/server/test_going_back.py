"""Going back in a task, and having another of its attempts offered, while somebody else has it go on."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from midwatch.engine.turns import Turns
from midwatch.workflows import choosing, reopening
from midwatch.workflows.reopening import Shelf, meant
from tests.server.test_budgets import calc as calc
from tests.server.test_tasks import SUBMITTED
from tests.support.api import Api


@pytest.mark.parametrize(
    ("verb", "body", "where"), [("undo", {"step": "start"}, reopening), ("choose", {"attempt": 2}, choosing)]
)
async def test_an_attempt_is_not_taken_from_the_turn_that_was_opened_in_the_moment_before(
    api: Api, calc: str, monkeypatch: pytest.MonkeyPatch, verb: str, body: dict[str, Any], where: ModuleType
) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        task = (await ada.post("/tasks", json={**SUBMITTED, "attempts": 2})).json()["id"]
        await api.work(task)
        before = await api.home.store.find(task)

        async def late(shelf: Shelf, name: str) -> object:
            await Turns(api.database).say(before.task, "further", "bob")
            return await meant(shelf, name)

        monkeypatch.setattr(where, "meant", late)
        refused = await ada.post(f"/tasks/{task}/{verb}", json=body)
        assert (refused.status_code, refused.json()["detail"]) == (409, f"task {task} is queued")
        assert await api.home.store.find(task) == before
        monkeypatch.undo()
        await api.ended(task)
        assert (await ada.post(f"/tasks/{task}/{verb}", json=body)).is_success
        assert await api.home.store.find(task) != before
