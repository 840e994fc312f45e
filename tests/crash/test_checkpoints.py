"""Killed at any instant of saving and restoring: what was recorded comes back whole, and nothing is left over."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from midwatch.workspace.base_checkout import bases_folder
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.leftovers import sweep
from midwatch.workspace.repository import Repository
from tests.crash.workspace_driver import digest, recorded
from tests.support.repositories import UserRepository, git

KILLS = int(os.environ.get("TEST_WORKSPACE_KILLS", "25"))
ROOT = Path(__file__).parents[2]


def kill_once(state: Path, user: Path, journal: Path, seed: int) -> None:
    """Let the driver work for a moment and kill it."""
    arguments = [str(state), str(user), str(journal), str(seed)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.workspace_driver", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n", process.communicate()[1].decode()
    time.sleep(random.Random(seed).uniform(0, 0.4))
    assert process.poll() is None, process.communicate()[1].decode()
    process.kill()
    process.communicate()


async def test_killed_while_saving_and_restoring_every_recorded_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    user = UserRepository.make(tmp_path / "user", a__txt="one\n")
    for name in ("keep/one", "deep/a/file", "run.sh"):
        user.write(name, name, 0o755 if name == "run.sh" else None)
    user.write(".gitignore", "build/\n*.log\n")
    user.commit()
    state, journal = tmp_path / "state", tmp_path / "journal"
    for seed in range(KILLS):
        kill_once(state, user.path, journal, seed)
    repository = await Repository.open(state, str(user.path))
    base = await repository.resolve(None)
    checkpoints = list(dict(recorded(journal)).items())
    assert len(checkpoints) > KILLS // 5
    for number, (checkpoint, then) in enumerate(checkpoints):
        workspace = Workspace(repository, state / "attempts" / str(number % 3), overlay=number % 4 > 0)
        await workspace.restore(base, checkpoint)
        assert digest(workspace.spec()) == then
        assert await workspace.save() == checkpoint
        await workspace.remove()
    sweep(repository.git_dir, "refs/midwatch/none", settled=0)
    assert "error" not in git(repository.git_dir, "fsck", "--strict", "--no-dangling", check=True)
    assert not list((state / "attempts").iterdir())
    left = [path.name for path in repository.git_dir.rglob("*") if "tmp_" in path.name or "crash" in path.name]
    assert left == []
    assert sorted(p.name for p in bases_folder(repository).iterdir()) == [base.commit, f"{base.commit}.lock"]
