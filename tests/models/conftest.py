"""One model server for the tests of this folder; each test scripts a path of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.model_server import ModelServer, serving


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running
