"""Killed before and after appends to a PostgreSQL database: judged as those to a file are."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from midwatch.engine.database.address import opened
from tests.crash.sampling import one_of
from tests.crash.test_kill import APPENDS, Place, kill_and_resume, place
from tests.support.postgresql import Server

__all__ = ["place"]


async def _migrated(place: Place) -> Place:
    database = opened(place.url, place.state)
    await database.migrate()
    await database.close()
    return place


@pytest.mark.parametrize(
    ("number", "when"), one_of(46, [(n, when) for n in range(1, APPENDS + 1) for when in ("after", "before")])
)
def test_killed_at_any_append_the_task_goes_on_as_if_nothing_had_happened(
    place: Place, postgresql_server: Server, number: int, when: str
) -> None:
    there = asyncio.run(_migrated(replace(place, url=postgresql_server.database())))
    kill_and_resume(there, number, when)
    assert not (place.state / "state.db").exists()
