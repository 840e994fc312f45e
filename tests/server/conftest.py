"""A server's accounts over a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch import wiring
from midwatch.engine.database.address import VARIABLE
from midwatch.engine.database.sqlite import SqliteDatabase
from tests.support.api import Api, serving
from tests.support.site import Site, site_of


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """With nobody in it."""
    database = SqliteDatabase(tmp_path / "state.db")
    yield site_of(database)
    await database.close()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """The whole server."""
    async with serving(tmp_path, {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
async def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Of a server, on each of the databases, which is there."""
    found = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    if request.param == "postgresql":
        found[VARIABLE] = request.getfixturevalue("postgresql_server").database()
        async with wiring.home({"HOME": str(tmp_path), **found}) as home:
            await home.store.database.migrate()
    return found


@pytest.fixture
async def stored(environ: dict[str, str], tmp_path: Path) -> AsyncIterator[Api]:
    """The whole server, on each of the databases."""
    async with serving(tmp_path, environ) as found:
        yield found
