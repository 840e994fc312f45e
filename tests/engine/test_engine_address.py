"""Where the engine keeps its tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.durable.address import engine_url


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("", "sqlite:////state/engine.db"),
        ("sqlite:///var/lib/midwatch/state.db", "sqlite:////var/lib/midwatch/engine.db"),
        ("sqlite:////var/lib/midwatch/state.db", "sqlite:////var/lib/midwatch/engine.db"),
        ("postgresql://ada:secret@db:5432/midwatch", "postgresql://ada:secret@db:5432/midwatch"),
        ("postgres://db/midwatch?sslmode=require", "postgresql://db/midwatch?sslmode=require"),
    ],
)
def test_the_engine_is_beside_the_database_or_in_it(url: str, wanted: str) -> None:
    assert engine_url(url, Path("/state")) == wanted
