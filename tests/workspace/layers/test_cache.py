"""Kept layers: made once, shared while in use, never half made, deleted by size and age."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace.layers.cache import Cache, Layers, Record

KEY = "ab" * 32


def record(key: str = KEY, size: int = 100, parent: str = "") -> Record:
    return Record(key, "/repo", "c1", "2030-01-01T00:00:00+00:00", 1.0, size, 1, ("make",), parent=parent)


class Builder:
    """Builds a layer with one file, and counts."""

    def __init__(self, key: str = KEY, *, size: int = 100, parent: str = "", pause: float = 0.0) -> None:
        self.made = record(key, size, parent)
        self.pause = pause
        self.runs = 0

    async def __call__(self, folder: Path) -> Record:
        self.runs += 1
        (folder / "log").write_text("the log\n")
        (folder / "home").mkdir()
        await asyncio.sleep(self.pause)
        (folder / "home/file").write_text("x")
        return self.made


async def make(cache: Cache, builder: Builder) -> Layers:
    async with cache.obtain(builder.made.key, builder) as layers:
        return layers


async def test_layers_are_made_once_and_found_again(tmp_path: Path) -> None:
    builder = Builder()
    layers = await make(Cache(tmp_path), builder)
    again = await make(Cache(tmp_path), builder)
    assert builder.runs == 1
    assert again.record == layers.record == builder.made
    assert (again.part("home")[0] / "file").read_text() == "x"
    assert again.part("workspace") == ()
    assert again.log.read_text() == "the log\n"


async def test_fifty_that_ask_at_once_cause_one_build(tmp_path: Path) -> None:
    builder, waited = Builder(pause=0.3), []
    seen = []

    async def ask() -> None:
        async with Cache(tmp_path).obtain(KEY, builder, lambda: waited.append(1)) as layers:
            seen.append((layers.part("home")[0] / "file").read_text())

    await asyncio.gather(*(ask() for _ in range(50)))
    assert builder.runs == 1
    assert seen == ["x"] * 50
    assert 1 <= len(waited) <= 98  # once for each lock that somebody had to wait for


CHILD = """
import asyncio, sys, time
from pathlib import Path
from tests.workspace.layers.test_cache import Builder, Cache, KEY

class Writing(Builder):
    async def __call__(self, folder):
        with open(sys.argv[2], "a") as file:
            file.write("built\\n")
        return await super().__call__(folder)

async def main():
    async with Cache(Path(sys.argv[1])).obtain(KEY, Writing(pause=float(sys.argv[3]))) as layers:
        print((layers.part("home")[0] / "file").read_text(), flush=True)

asyncio.run(main())
"""


def child(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-c", CHILD, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_several_processes_that_ask_at_once_cause_one_build(tmp_path: Path) -> None:
    children = [child(str(tmp_path / "state"), str(tmp_path / "count"), "0.3") for _ in range(5)]
    said = [process.communicate(timeout=120)[0] for process in children]
    assert said == ["x\n"] * 5
    assert (tmp_path / "count").read_text() == "built\n"


async def test_a_builder_that_is_killed_leaves_no_layer_and_the_next_one_builds(tmp_path: Path) -> None:
    process = child(str(tmp_path / "state"), str(tmp_path / "count"), "3600")
    while not (tmp_path / "count").exists():
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    cache = Cache(tmp_path / "state")
    assert cache.look(KEY) is None
    assert list(cache.folder.glob("building-*"))
    builder = Builder()
    await make(cache, builder)
    assert builder.runs == 1
    assert not list(cache.folder.glob("building-*"))


async def test_what_a_killed_builder_left_is_collected_even_when_nobody_asks_for_it_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    left = cache.folder / f"building-{KEY}-xyz"
    (left / "box").mkdir(parents=True)
    await cache.collect(1e9, 1e9)
    assert not left.exists()


async def test_a_failure_is_told_to_all_who_wait_leaves_no_layer_and_is_tried_again_later(tmp_path: Path) -> None:
    cache, runs = Cache(tmp_path), []

    async def failing(folder: Path) -> Record:
        runs.append(1)
        (folder / "log").write_text("all of it\n")
        await asyncio.sleep(0.3)
        raise OperationError("npm ci failed", "mend it", detail="no such package")

    async def ask() -> str:
        with pytest.raises(OperationError) as caught:
            async with Cache(tmp_path).obtain(KEY, failing):
                raise AssertionError("there is no layer")
        return f"{caught.value.message}; {caught.value.mend}; {caught.value.detail}"

    assert set(await asyncio.gather(*(ask() for _ in range(20)))) == {"npm ci failed; mend it; no such package"}
    assert len(runs) == 1
    assert cache.look(KEY) is None
    assert cache.failed_log(KEY).read_text() == "all of it\n"
    assert not list(cache.folder.glob("building-*"))
    await ask()
    assert len(runs) == 2
    await make(cache, Builder())
    assert not cache.failed_log(KEY).exists()


async def test_a_build_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    builder = Builder(pause=3600)
    task = asyncio.create_task(make(Cache(tmp_path), builder))
    while not builder.runs:
        await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert Cache(tmp_path).look(KEY) is None
    assert not list(Cache(tmp_path).folder.glob("building-*"))


async def test_layers_without_a_whole_record_are_built_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    await make(cache, Builder())
    (cache.folder / KEY / "record.json").write_text("{")
    builder = Builder()
    await make(cache, builder)
    assert builder.runs == 1


def keys(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


async def filled(cache: Cache, count: int) -> list[str]:
    """`count` environments of 100 bytes, the first the longest unused."""
    for number, key in enumerate(keys(*range(count))):
        await make(cache, Builder(key))
        moment = time.time() - 1000 + number
        os.utime(cache.folder / key / "record.json", (moment, moment))
    return keys(*range(count))


async def test_the_longest_unused_go_until_the_rest_fits(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    names = await filled(cache, 4)
    await make(cache, Builder(names[0]))  # used just now
    removed = await cache.collect(200, 1e9)
    assert [gone.key for gone in removed] == [names[1], names[2]]
    assert {gone.why for gone in removed} == {"more than may be kept"}
    assert {layers.record.key for layers, _ in cache.kept()} == {names[0], names[3]}
    assert {path.name for path in cache.folder.glob("*.lock")} == {f"{names[0]}.lock", f"{names[3]}.lock"}


async def test_what_was_not_used_for_long_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    names = await filled(cache, 3)
    removed = await cache.collect(1e9, 998.5)
    assert [(gone.key, gone.why, gone.size) for gone in removed] == [
        (name, "not used for long", 100) for name in names[: len(removed)]
    ]
    assert 1 <= len(removed) <= 3


async def test_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    names = await filled(cache, 2)
    async with cache.obtain(names[0], Builder(names[0])) as layers:
        assert [gone.key for gone in await cache.collect(0, 0)] == [names[1]]
        assert (layers.part("home")[0] / "file").exists()
        with pytest.raises(InputError, match="in use"):
            await cache.drop(names[0])
    assert [gone.key for gone in await cache.collect(0, 0)] == [names[0]]


async def test_what_stands_on_deleted_layers_goes_with_them(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (below,) = await filled(cache, 1)
    await make(cache, Builder(KEY, parent=below))
    assert {gone.key for gone in await cache.collect(100, 1e9)} == {below, KEY}


async def test_a_layer_that_is_dropped_is_built_again(tmp_path: Path) -> None:
    cache, builder = Cache(tmp_path), Builder()
    await make(cache, builder)
    assert await cache.drop(KEY) == 100
    await make(cache, builder)
    assert builder.runs == 2


async def test_using_and_collecting_at_the_same_time_never_shows_a_missing_layer(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    async def use(number: int) -> None:
        key = keys(number % 3)[0]
        for _ in range(10):
            async with cache.obtain(key, Builder(key)) as layers:
                await asyncio.sleep(0)
                assert (layers.part("home")[0] / "file").read_text() == "x"

    async def collect() -> None:
        for _ in range(20):
            await cache.collect(0, 0)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(use(n) for n in range(6)), collect())
