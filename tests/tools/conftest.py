"""A box and a bench for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.tools.base import Bench
from tests.tools.folder_box import WatchedBox, bench, folder_box


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[WatchedBox]:
    async with folder_box(tmp_path) as opened:
        yield opened


@pytest.fixture
def table(box: WatchedBox, tmp_path: Path) -> Bench:
    return bench(box, tmp_path)
