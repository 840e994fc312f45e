"""A model that plays scripts, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.model_server import ModelServer, serving


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Each test has its own script."""
    with serving() as running:
        yield running
