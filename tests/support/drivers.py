"""All sandboxes that run commands, and whether each can run on this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import pytest

from midwatch.domain.errors import OperationError
from midwatch.sandbox import landlock_orders
from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.container import Container
from midwatch.sandbox.gvisor import Gvisor
from midwatch.sandbox.landlock import Landlock
from midwatch.sandbox.process import Process

ALL = "TEST_ALL_DRIVERS"
"""The variable that makes a driver that cannot run here a failure; CI sets it."""
CANNOT = "cannot run here"


@dataclass(frozen=True)
class Driver:
    """One sandbox."""

    name: str
    make: Callable[[], Sandbox]
    isolates: bool = True
    optional: bool = False
    """A machine may lack it: its tests are left out then, which the end of the run says."""

    def keeps_signals(self) -> bool:
        """Whether what a box signals by a pid or at large is surely the box's own: else such a test could end the
        person's session."""
        return self.name != "landlock" or landlock_orders.version() >= landlock_orders.SCOPED

    def available(self) -> str:
        """Empty, or what to install. Really tries, once."""
        return _missing(self)

    def required(self) -> Sandbox:
        """A new one. Skips the test, or fails it, where there can be none."""
        missing = self.available()
        if missing and self.optional and not os.environ.get(ALL):
            pytest.skip(f"sandbox {self.name} {CANNOT}: {missing}")
        assert not missing, missing
        return self.make()


ONLY = "TEST_DRIVERS"
"""The variable that names the drivers for the tests that run over all of them, separated by commas; without it all. CI
runs those over the slow ones once, as root."""

EVERY = (
    Driver("bubblewrap", Bubblewrap),
    Driver("process", Process, isolates=False),
    Driver("container", Container, optional=True),
    Driver("gvisor", Gvisor, optional=True),
    Driver("landlock", Landlock, optional=True),
)
DRIVERS = tuple(driver for driver in EVERY if driver.name in os.environ.get(ONLY, driver.name).split(","))


@cache
def _missing(driver: Driver) -> str:
    def probe() -> str:
        try:
            asyncio.run(driver.make().probe())
        except OperationError as error:
            return f"{error.message}: {error.mend}"
        return ""

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop already
        return thread.submit(probe).result()
