"""How long a workspace and its box take, from ready to closed; beside a clone, a worktree and a copy.

The repositories are made for it, of 200, 10,000 and 100,000 Python files. The rounds of all rows are interleaved, so
that a change of the machine's load meets them alike; where a round takes long, fewer are run. The first command changes
three files: in a box of bubblewrap, and without one in the rows beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.spec import BoxSpec
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository

COLUMNS = ("workspace", "box", "first command", "checkpoint", "diff", "close")
SANDBOX = Bubblewrap()
Row = Callable[[int], Awaitable[tuple[float, ...]]]


def git(folder: Path, *arguments: str, stdin: bytes | None = None) -> None:
    """Run git as a person with a name."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"]
    subprocess.run(["git", *who, *arguments], cwd=folder, input=stdin, stdout=subprocess.DEVNULL, check=True)


def make_repository(folder: Path, count: int) -> Path:
    """A repository of that many files, 50 in a folder, of about a kilobyte each."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    pieces = [b"commit refs/heads/main\ncommitter Ada <ada@example.org> 946684800 +0000\ndata 5\nfirst\n"]
    for number in range(count):
        text = "".join(
            f"def function_{number}_{n}(x: int) -> int:\n    return x + {n}\n\n\n" for n in range(18)
        ).encode()
        pieces.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path_of(number).encode(), len(text), text))
    git(folder, "fast-import", "--quiet", "--done", stdin=b"".join(pieces) + b"done\n")
    git(folder, "reset", "--quiet", "--hard")
    return folder


def path_of(number: int) -> str:
    """Where the file of that number is."""
    return f"package_{number // 2500}/part_{number // 50}/module_{number}.py"


def change(count: int) -> list[str]:
    """A command that changes three files."""
    paths = [path_of(number) for number in (0, count // 2, count - 1)]
    return ["sh", "-c", f'for path; do echo "changed = {time.time_ns()}" >>"$path"; done', "sh", *paths]


@dataclass
class Clock:
    """Times of the steps of one round, in milliseconds."""

    times: list[float] = field(default_factory=list)
    begun: float = 0.0

    def begin(self) -> None:
        """From here."""
        self.begun = time.perf_counter()

    def end(self) -> None:
        """To here."""
        self.times.append((time.perf_counter() - self.begun) * 1000)


def layered(repository: Repository, count: int, scratch: Path, *, overlay: bool) -> Row:
    """Ours."""

    async def row(number: int) -> tuple[float, ...]:
        clock = Clock()
        base = await repository.resolve(None)
        box_id, folder = f"bench-{number}", scratch / f"attempt-{number}"
        workspace = Workspace(repository, folder, SANDBOX.owner(box_id), overlay=overlay)
        clock.begin()
        await workspace.restore(base)
        clock.end()
        assert workspace.objects is not None
        spec = BoxSpec(box_id, workspace.spec(), folder / "private", read_only=(workspace.objects,))
        clock.begin()
        async with contextlib.AsyncExitStack() as stack:
            box = await stack.enter_async_context(SANDBOX.open(spec))
            clock.end()
            clock.begin()
            result = await box.exec(change(count), timeout=60, output_bytes=1 << 16)
            clock.end()
            assert result.exit_code == 0, result
            clock.begin()
            saved = await workspace.save()
            clock.end()
            clock.begin()
            assert await repository.diff(base.tree, saved.tree)
            clock.end()
            clock.begin()
        await workspace.remove()
        clock.end()
        return tuple(clock.times)

    return row


def plain(make: Callable[[Path], None], end: Callable[[Path], None], count: int, scratch: Path) -> Row:
    """A folder with git in it, and `git add --all` and `git write-tree` for the checkpoint."""

    async def row(number: int) -> tuple[float, ...]:
        clock, folder = Clock(), scratch / f"other-{number}"
        clock.begin()
        make(folder)
        clock.end()
        clock.times.append(0.0)  # there is no box
        clock.begin()
        subprocess.run(change(count), cwd=folder, check=True)  # noqa: ASYNC221
        clock.end()
        clock.begin()
        git(folder, "add", "--all")
        git(folder, "write-tree")
        clock.end()
        clock.begin()
        git(folder, "diff", "--cached", "HEAD")
        clock.end()
        clock.begin()
        end(folder)
        clock.end()
        return tuple(clock.times)

    return row


def rows(user: Path, repository: Repository, count: int, scratch: Path) -> dict[str, Row]:
    """What is measured, by name."""

    def add_worktree(folder: Path) -> None:
        git(user, "worktree", "add", "--quiet", "--detach", os.fspath(folder))

    def clone(folder: Path) -> None:
        git(scratch, "clone", "--quiet", "--shared", os.fspath(user), os.fspath(folder))

    def copy(folder: Path) -> None:
        subprocess.run(["cp", "-a", user, folder], check=True)

    def remove(folder: Path) -> None:
        subprocess.run(["rm", "-rf", folder], check=True)

    def remove_worktree(folder: Path) -> None:
        git(user, "worktree", "remove", "--force", os.fspath(folder))

    return {
        "midwatch, layers": layered(repository, count, scratch, overlay=True),
        "midwatch, copies": layered(repository, count, scratch, overlay=False),
        "git clone --shared": plain(clone, remove, count, scratch),
        "git worktree add": plain(add_worktree, remove_worktree, count, scratch),
        "cp -a": plain(copy, remove, count, scratch),
    }


async def measure(count: int, rounds: int, seconds: float, scratch: Path) -> dict[str, list[tuple[float, ...]]]:
    """The times of each row: `rounds` of each, fewer of a row when its rounds take more than `seconds` in all."""
    user = make_repository(scratch / "user", count)
    repository = await Repository.open(scratch / "state", os.fspath(user))
    base = await repository.resolve(None)
    begun = time.perf_counter()
    first = Workspace(repository, scratch / "first", overlay=True)
    await SANDBOX.probe()
    await first.restore(base)
    print(f"{count:,} files: the shared checkout was made in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
    await first.remove()
    measured = rows(user, repository, count, scratch)
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in measured}
    spent = dict.fromkeys(measured, 0.0)
    for number in range(rounds):
        for name, row in measured.items():
            if spent[name] * (len(times[name]) + 1) <= seconds * len(times[name]):
                begun = time.perf_counter()
                times[name].append(await row(number))
                spent[name] += time.perf_counter() - begun
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="runs of each row (15)")
    parser.add_argument("--seconds", type=float, default=25, metavar="S", help="most for the runs of a row (25)")
    parser.add_argument("--files", type=int, nargs="+", default=[200, 10_000, 100_000], metavar="N", help="sizes")
    arguments = parser.parse_args()
    print(f"| files | | {' | '.join(f'{name}, ms' for name in COLUMNS)} | runs |\n|{'---|' * (len(COLUMNS) + 3)}")
    for count in arguments.files:
        scratch = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
        scratch.chmod(0o755)
        try:
            times = asyncio.run(measure(count, arguments.rounds, arguments.seconds, scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        for name, values in times.items():
            medians = [statistics.median(column) for column in zip(*values, strict=True)]
            cells = " | ".join(
                "–" if not median else f"{median:.1f}" if median < 100 else f"{median:,.0f}" for median in medians
            )
            print(f"| {count:,} | {name} | {cells} | {len(values)} |", flush=True)
    print(f"\nMedians of interleaved runs, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
