"""Which bombs a slow driver takes."""

from __future__ import annotations

import os

import pytest

FEW = ("fork_bomb", "memory_bomb", "filled_disk", "ten_gigabytes", "signals_to_the_first")
"""Of gVisor, one of each kind: its kernel does in ten seconds what others do in one. TEST_ALL_PROBES=1 has them all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what gVisor is not tried with; the end of the run says how many."""
    if os.environ.get("TEST_ALL_PROBES") == "1":
        return
    left_out = [
        item
        for item in items
        if "test_bombs" in item.nodeid and "gvisor" in item.name and not any(name in item.name for name in FEW)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
