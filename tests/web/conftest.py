"""A server and a browser for all tests of a module."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support import browser
from tests.support.drivers import ALL, CANNOT

expect.set_options(timeout=browser.PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[browser.Site]:
    """As `midwatch serve` on a new state folder."""
    async with browser.site(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's."""
    missing = "" if Path(browser.CHROMIUM).exists() else "it is not installed (Debian: apt-get install chromium)"
    if missing and not os.environ.get(ALL):
        pytest.skip(f"Chromium {CANNOT}: {missing}")
    assert not missing, missing
    async with browser.browser() as found:
        yield found
