"""A database to which a later release has added something, and the release before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import midwatch
from midwatch.domain.errors import StoreError
from midwatch.engine.database import postgresql as on_postgresql
from midwatch.engine.database import sqlite as on_sqlite
from midwatch.engine.database.address import opened
from midwatch.engine.database.migrations import STEPS
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import Turns
from tests.support import samples

ADDS = """
    CREATE TABLE later (id TEXT PRIMARY KEY);
    ALTER TABLE task ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE turn ADD COLUMN later TEXT NOT NULL DEFAULT '';
"""
TAKES = f"INSERT INTO schema_needs (steps) VALUES ({len(STEPS) + 1})"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_server").database())
    return f"sqlite://{tmp_path / 'state.db'}"


async def _upgraded(url: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database after a release that has one step more."""
    with monkeypatch.context() as later:
        for module in (on_sqlite, on_postgresql):
            later.setattr(module, "STEPS", (*STEPS, step))
        database = opened(url, Path())
        assert await database.migrate() == len(STEPS) + 1
        assert await database.migrate() == 0
        await database.close()


async def test_the_release_before_goes_on_in_what_a_later_one_has_added_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _upgraded(url, ADDS, monkeypatch)
    database = opened(url, Path())
    assert await database.migrate() == 0
    task = samples.task()
    turn = await Turns(database).submit(task)
    store = SqlStore(database)
    assert (await store.find(task.id)).task == task
    assert (await Turns(database).get(turn.id)).status == "queued"
    await database.close()


async def test_a_step_that_the_release_before_cannot_live_with_is_refused_by_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _upgraded(url, TAKES, monkeypatch)
    database = opened(url, Path())
    with pytest.raises(StoreError, match="changed by a newer Midwatch") as error:
        await SqlStore(database).recent()
    await database.close()
    assert "upgrade" in error.value.mend


def test_what_is_written_names_its_columns_so_that_later_ones_may_be_added() -> None:
    """SQLite refuses values for fewer columns than a table has."""
    unnamed = re.compile(r"INSERT (?:OR \w+ )?INTO \w+ (?:VALUES|SELECT)", re.IGNORECASE)
    folder = Path(midwatch.__file__).parent
    found = [
        f"{path.relative_to(folder)}: {match[0]}"
        for path in sorted(folder.rglob("*.py"))
        for match in unnamed.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
