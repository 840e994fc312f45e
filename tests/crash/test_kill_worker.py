"""A worker that is killed before or after a durable step: another one finishes, and nothing is done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.killing import Kill, Stage, compared, kills
from tests.crash.sampling import ALL
from tests.support.model_server import serving

SOME = (Kill("work", "append tool_finished", 2, "before"), Kill("work", "forge: the pull request", 1, "after"))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"] if ALL else ["postgresql"])
async def test_killed_at_any_step_of_a_turn_it_is_finished_by_another(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    server = request.getfixturevalue("postgresql_server") if database == "postgresql" else None
    with serving() as models:
        stage = Stage(tmp_path, models, server)
        await stage.make()
        if not ALL:
            for outcome in await asyncio.gather(*map(stage.run, SOME)):
                assert outcome.happened
                assert outcome.faults == ()
            return
        undisturbed = await stage.run()
        for kill in kills(undisturbed):
            assert compared(await stage.run(kill), undisturbed) == ()
