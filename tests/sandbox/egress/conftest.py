from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.egress.ground import Authority


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that Midwatch is told to trust, as a person tells it."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture(autouse=True)
def _nothing_flies(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a box sends, no connection of the proxy ends by a fault of ours: the event loop would log it."""
    with caplog.at_level(logging.ERROR, "asyncio"):
        yield
    errors = [record for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == []
