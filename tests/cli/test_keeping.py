"""How a worker counts what it is told: by signals, and by its keeper."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from midwatch.cli import following
from midwatch.cli.keeping import Stopping
from midwatch.engine.keeper import Link


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Link]]:
    keeper, worker = socket.socketpair()
    worker.setblocking(False)
    with keeper, worker:
        yield keeper, Link(worker)


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was left at once."""
    found: list[str] = []
    monkeypatch.setattr(following, "leave_at_once", lambda: found.append("left"))
    monkeypatch.setattr(following, "leave_within", lambda _lease: None)  # that would be this process
    return found


async def test_a_signal_to_both_is_once_and_two_of_them_leave_at_once(
    ends: tuple[socket.socket, Link], left: list[str]
) -> None:
    keeper, link = ends
    stopping = Stopping(link, 30)
    stopping.forwarded()
    assert not stopping.stop.is_set()
    keeper.send(b".")
    stopping.forwarded()
    stopping.signalled()
    assert (stopping.stop.is_set(), left) == (True, [])
    keeper.send(b".")
    stopping.forwarded()
    assert left == ["left"]


async def test_a_worker_whose_keeper_is_gone_leaves_at_once(ends: tuple[socket.socket, Link], left: list[str]) -> None:
    keeper, link = ends
    keeper.close()
    Stopping(link, 30).forwarded()
    assert left == ["left"]
