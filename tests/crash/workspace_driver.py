"""Changes, saves and restores a workspace until it is killed, and writes down what every checkpoint held.

    python -m tests.crash.workspace_driver STATE REPO JOURNAL SEED

Each line of the journal is a checkpoint, and a digest of all files with their modes at that time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import stat
import sys
from pathlib import Path

from midwatch.domain.evidence import Checkpoint
from midwatch.sandbox.spec import Overlay
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.merged import shown

PLACES = (
    "a.txt",
    "keep/one",
    "keep/new",
    "deep/a/file",
    "deep/b",
    "build/out",
    "build/sub/x",
    "x.log",
    "run.sh",
    "n/e/w",
)


def digest(spec: Path | Overlay) -> str:
    """Of all files, their modes and contents."""
    return hashlib.sha256(json.dumps(sorted(shown(spec).items())).encode()).hexdigest()


def recorded(journal: Path) -> list[tuple[Checkpoint, str]]:
    """The checkpoints that were written down whole."""
    lines = journal.read_text().split("\n")[:-1] if journal.exists() else []
    return [(Checkpoint(tree, commit), digest) for tree, commit, digest in map(json.loads, lines)]


def change(spec: Path | Overlay, dice: random.Random) -> None:
    """Some changes, made in an upper folder as overlayfs makes them."""
    top = spec.upper if isinstance(spec, Overlay) else spec
    for _ in range(dice.randint(1, 6)):
        path = top / dice.choice(PLACES)
        kind = dice.choice(("write", "write", "delete", "mode"))
        there = os.path.lexists(path) and not stat.S_ISCHR(path.lstat().st_mode)
        if kind == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(dice.randbytes(dice.choice((0, 10, 3000, 2_000_000))))
        elif kind == "mode" and there:
            path.chmod(dice.choice((0o600, 0o644, 0o755, 0o444)))
        elif kind == "delete":
            path.unlink(missing_ok=True)
            if isinstance(spec, Overlay) and os.path.lexists(spec.lower[0] / path.relative_to(top)):
                path.parent.mkdir(parents=True, exist_ok=True)
                os.mknod(path, stat.S_IFCHR, 0)


async def main(state: Path, location: str, journal: Path, seed: int) -> None:
    """Never returns."""
    dice = random.Random(seed)
    repository = await Repository.open(state, location)
    base = await repository.resolve(None)
    workspace = Workspace(repository, state / "attempts" / str(seed % 3), overlay=bool(seed % 2))
    print("begun", flush=True)
    with journal.open("a") as file:
        while True:
            known = recorded(journal)
            start = dice.choice(known[-5:] + known[:1])[0] if known else None
            await workspace.restore(base, start)
            for _ in range(dice.randint(1, 4)):
                change(workspace.spec(), dice)
                now = digest(workspace.spec())
                saved = await workspace.save()
                file.write(json.dumps([saved.tree, saved.commit, now]) + "\n")
                file.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
