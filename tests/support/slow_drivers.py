"""Which tests a slow sandbox takes: those of gVisor would be a third of the whole suite's time."""

from __future__ import annotations

import os

import pytest

BOMBS = ("fork_bomb", "memory_bomb", "filled_disk", "ten_gigabytes", "signals_to_the_first")
"""One of each kind: gVisor's kernel does in ten seconds what others do in one. TEST_ALL_PROBES=1 has them all."""
ONE_OF = 3
"""So many tests of the contract of sandboxes, unless TEST_ALL_PROBES=1."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what gVisor is not tried with; the end of the run says how many."""
    if os.environ.get("TEST_ALL_PROBES") == "1":
        return
    slow = [item for item in items if "[gvisor" in item.name or "-gvisor" in item.name]
    bombs = [item for item in slow if "attack/test_bombs" in item.nodeid]
    contract = [item for item in slow if "conformance/test_sandbox" in item.nodeid]
    left_out = {item for item in bombs if not any(name in item.name for name in BOMBS)}
    left_out |= {item for number, item in enumerate(contract) if number % ONE_OF}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
