"""The databases that the engine stands on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.engine.database.base import Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Each kind, with nothing in it."""
    made: Database = SqliteDatabase(tmp_path / "state.db")
    if request.param == "postgresql":
        made = PostgresqlDatabase(request.getfixturevalue("postgresql_server").database())
    await made.migrate()
    yield made
    await made.close()
