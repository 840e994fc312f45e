"""What a box costs: a command in it beside a plain process and a bubblewrap of its own; opening, parking, memory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from midwatch.sandbox import arguments, trial
from midwatch.sandbox.base import Box, Sandbox
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.spec import BoxSpec, Overlay

Row = Callable[[], Awaitable[None]]
MANY = 30
T = TypeVar("T")


def spec_below(folder: Path, sandbox: Sandbox, name: str) -> BoxSpec:
    """A box over a small read-only folder."""
    base, place = folder / "base", folder / name
    base.mkdir(exist_ok=True)
    (base / "file").write_text("text\n")
    owner = sandbox.owner(name)
    layers = [place / part for part in ("upper", "work")]
    for layer in (place, *layers):
        layer.mkdir(exist_ok=True)
        if owner is not None:
            os.chown(layer, *owner)
    return BoxSpec(id=name, workspace=Overlay((base,), *layers), private=place / "private")


async def in_box(box: Box, *argv: str) -> None:
    """One command to its end."""
    result = await box.exec(argv, timeout=60, output_bytes=1 << 20)
    assert result.exit_code == 0, result


async def plain(*argv: str) -> None:
    """The same by the operating system alone."""
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC221


async def own_bubblewrap(path: str, *argv: str) -> None:
    """A new bubblewrap with the same namespaces for one command."""
    options = [*arguments.isolation(disable_userns=True), *arguments.system(), "--proc", "/proc", "--dev", "/dev"]
    code, said = await trial.run(path, [*options, "--", *argv])
    assert code == 0, said


def proportional(pids: list[int]) -> int:
    """Bytes of memory that the processes take, what they share divided among those who share it."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
    return total


async def timed(row: Row) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    await row()
    return (time.perf_counter() - began) * 1000


async def rows(sandbox: Bubblewrap, folder: Path, box: Box) -> dict[str, Row]:
    """What is measured, by name; the first one is what the others are compared with."""
    path = (await trial.program()).path
    spec = spec_below(folder, sandbox, "again")

    async def whole() -> None:
        async with sandbox.open(spec) as fresh:
            await in_box(fresh, "/bin/true")

    async def parked() -> None:
        await box.park()
        await in_box(box, "/bin/true")

    return {
        "/bin/true, a plain process": lambda: plain("/bin/true"),
        "/bin/true in an open box": lambda: in_box(box, "/bin/true"),
        "/bin/true in a bubblewrap of its own": lambda: own_bubblewrap(path, "/bin/true"),
        "bash -c :, a plain process": lambda: plain("bash", "-c", ":"),
        "bash -c : in an open box": lambda: in_box(box, "bash", "-c", ":"),
        "open a box, first command, close": whole,
        "park a box, unpark it with a command": parked,
    }


def processor_time() -> float:
    """Milliseconds that this process and all below it have used, those that have ended included."""
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * 1e3
    for pid in tree.descendants(os.getpid()):
        with contextlib.suppress(OSError, ValueError):
            used += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    return used


async def steps(sandbox: Sandbox, folder: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of the clock and of the processor for each step in a box's life."""
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        opening = sandbox.open(spec_below(folder, sandbox, f"step{number}"))
        box = await taken(found, "open", opening.__aenter__())
        await taken(found, "a command", in_box(box, "/bin/true"))
        await taken(found, "park", box.park())
        await taken(found, "unpark", box.unpark())
        await taken(found, "close", opening.__aexit__(None, None, None))
    return found


async def taken(found: dict[str, list[tuple[float, float]]], name: str, step: Awaitable[T]) -> T:
    """Do it, and write down what it took."""
    used, began = processor_time(), time.perf_counter()
    done = await step
    found.setdefault(name, []).append(((time.perf_counter() - began) * 1000, processor_time() - used))
    return done


async def memory_of(sandbox: Bubblewrap, folder: Path) -> tuple[float, float, float]:
    """MiB of an open box, KiB of a parked one, milliseconds to open one among MANY opened at once."""
    before = set(tree.descendants(os.getpid()))
    own = proportional([os.getpid()])
    async with contextlib.AsyncExitStack() as stack:
        began = time.perf_counter()
        opening = [stack.enter_async_context(sandbox.open(spec_below(folder, sandbox, f"m{n}"))) for n in range(MANY)]
        boxes = await asyncio.gather(*opening)
        await asyncio.gather(*(in_box(box, "/bin/true") for box in boxes))
        each = (time.perf_counter() - began) * 1000 / MANY
        opened = proportional([pid for pid in tree.descendants(os.getpid()) if pid not in before])
        await asyncio.gather(*(box.park() for box in boxes))
        left = proportional([pid for pid in tree.descendants(os.getpid()) if pid not in before])
        parked = max(0, proportional([os.getpid()]) - own) + left
    return opened / MANY / (1 << 20), parked / MANY / (1 << 10), each


async def measure(rounds: int, folder: Path) -> None:
    """Print the tables."""
    sandbox = Bubblewrap()
    times: dict[str, list[float]] = {}
    async with sandbox.open(spec_below(folder, sandbox, "box")) as box:
        measured = await rows(sandbox, folder, box)
        for row in measured.values():  # once, not counted
            await row()
        for _ in range(rounds):
            for name, row in measured.items():
                times.setdefault(name, []).append(await timed(row))
    print(f"{rounds} interleaved runs, Python {sys.version.split()[0]}, uid {os.geteuid()}\n")
    first = statistics.median(next(iter(times.values())))
    print("| | median ms | least ms | ratio of medians |\n|---|---|---|---|")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} | {min(values):.2f} | {median / first:.1f} |")
    print("\n| step | median ms | least ms | processor ms |\n|---|---|---|---|")
    for name, both in (await steps(sandbox, folder, rounds)).items():
        wall, used = zip(*both, strict=True)
        print(f"| {name} | {statistics.median(wall):.2f} | {min(wall):.2f} | {statistics.median(used):.2f} |")
    opened, parked, each = await memory_of(sandbox, folder)
    print(f"\n{MANY} boxes at once: {opened:.1f} MiB each while open, {parked:.0f} KiB each while parked (the worker's")
    print(f"own growth included), {each:.0f} ms each to open and run a first command.")


def main() -> None:
    """Read the options and measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=40, metavar="N", help="runs of each row (40)")
    rounds = parser.parse_args().rounds
    folder = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
    folder.chmod(0o755)
    try:
        asyncio.run(measure(rounds, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
