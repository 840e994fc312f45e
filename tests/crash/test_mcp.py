"""Killed around calls of MCP servers, resumed: what stays in the box is done once, what is outside never twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.agent.loop import MAYBE_DONE
from midwatch.domain.events import Event, ToolFinished
from midwatch.domain.interventions import McpConnected
from tests.crash.mcp_driver import SERVER
from tests.crash.sampling import one_of
from tests.support.place import Place, git, make_repository
from tests.tools.mcp.bench import SERVER as SOURCE

ROOT = Path(__file__).parents[2]

OUTSIDE_STARTED, OUTSIDE_FINISHED = 8, 9
"""The appends around the call of the server outside."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    files = {"count.txt": "zero\n", SERVER: Path(SOURCE).read_text()}
    return Place(tmp_path, make_repository(tmp_path / "repo", files))


def _drive(place: Place, *kill: str) -> int:
    command = [sys.executable, "-m", "tests.crash.mcp_driver", str(place.root), *kill]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode


async def _events(place: Place) -> Sequence[Event]:
    async with place.store() as store:
        return await store.read(f"{(place.root / 'task').read_text()}.1")


@pytest.mark.parametrize(
    ("append", "when"), one_of(7, [(n, when) for n in (3, 5, 6, 10, 11, 12, 14) for when in ("before", "after")])
)
async def test_whatever_the_moment_the_work_in_the_box_is_done_once_with_the_same_tools(
    place: Place, append: int, when: str
) -> None:
    assert _drive(place, str(append), when) == -signal.SIGKILL
    assert _drive(place) == 0
    events = await _events(place)
    branch = git(place.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/midwatch/")
    assert git(place.repository, "show", f"{branch}:count.txt") == "zero\none\ntwo"
    assert (place.root / "count.txt").read_text() == "one\n"
    bodies = [event.body for event in events]
    assert [body.server for body in bodies if isinstance(body, McpConnected)] == ["box", "host"]
    results = [body for body in bodies if isinstance(body, ToolFinished)]
    assert [body.ok for body in results] == [True] * 4
    assert results[-1].output.endswith("\nzero\none\ntwo\n")


@pytest.mark.parametrize(("append", "when"), [(OUTSIDE_STARTED, "after"), (OUTSIDE_FINISHED, "before")])
async def test_a_call_outside_that_may_have_happened_is_not_made_again_and_the_model_is_told(
    place: Place, append: int, when: str
) -> None:
    assert _drive(place, str(append), when) == -signal.SIGKILL
    assert _drive(place) == 0
    results = [event.body for event in await _events(place) if isinstance(event.body, ToolFinished)]
    (outside,) = [body for body in results if body.tool == "mcp__host__zeta"]
    assert not outside.ok
    assert MAYBE_DONE in outside.output
    happened = (place.root / "count.txt").exists()
    assert happened == (when == "before")
    if happened:
        assert (place.root / "count.txt").read_text() == "one\n"


async def test_servers_end_with_a_process_that_is_killed(place: Place) -> None:
    # one that pays no heed to the end of its standard input
    source = place.repository / SERVER
    source.write_text(
        source.read_text().replace("if __name__", "import time, atexit\natexit.register(time.sleep, 900)\nif __name__")
    )
    assert _drive(place, str(OUTSIDE_FINISHED), "before") == -signal.SIGKILL
    async with asyncio.timeout(60):  # the kernel takes a moment
        while _running(str(source)):
            await asyncio.sleep(0.05)


def _running(word: str) -> list[str]:
    """The processes in whose command line this is a word."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and word.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(process.name)
    return found
