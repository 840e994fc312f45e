"""Real repositories for tests: a user's, and what Midwatch makes of it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository

IDENTITY = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"))}  # fmt: skip


def git(folder: Path | str, *args: str | bytes, check: bool = True) -> str:
    """Run git as the user would; its stdout without the last newline."""
    command = ["git", "-c", "gc.auto=0", *args]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **IDENTITY}, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


@dataclass(frozen=True)
class UserRepository:
    """A repository as a person has it."""

    path: Path

    @classmethod
    def make(cls, path: Path, **files: str) -> UserRepository:
        """With one commit on `main` of the given files (`name__py` is name.py), a.txt when none is given."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "-q", "-b", "main")
        for name, text in (files or {"a__txt": "one\ntwo\nthree\n"}).items():
            repository.write(name.replace("__", "."), text)
        repository.commit("first")
        return repository

    def git(self, *args: str | bytes, check: bool = True) -> str:
        """Run git here."""
        return git(self.path, *args, check=check)

    def write(self, name: str | bytes, content: str | bytes, mode: int | None = None) -> None:
        """Write a file of the working tree, with the folders above it."""
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            os.chmod(path, mode)

    def commit(self, message: str = "more") -> str:
        """Commit all that is there; the id."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def state(self) -> tuple[str, str, str, str]:
        """What Midwatch must never touch: HEAD, all refs, the index, and what differs in the tree."""
        index = self.path / ".git" / "index"
        return (
            self.git("rev-parse", "HEAD"),
            self.git("for-each-ref"),
            index.read_bytes().hex() if index.exists() else "",
            self.git("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all"),
        )


@dataclass(frozen=True)
class Opened:
    """A store, the base and a workspace that was restored from it."""

    repository: Repository
    base: Base
    workspace: Workspace

    @property
    def tree(self) -> Path:
        """The folder that a box would get."""
        return self.workspace.tree

    def write(self, name: str | bytes, content: str | bytes, mode: int | None = None) -> None:
        """As the agent would."""
        UserRepository(self.tree).write(name, content, mode)

    async def changed(self) -> dict[str, str]:
        """Save, and what differs from the base: status by path."""
        saved = await self.workspace.save()
        return {c.path: c.status for c in await self.repository.stat(self.base.commit, saved.commit)}

    async def content(self, checkpoint: Checkpoint, path: str | bytes) -> bytes:
        """A file of a checkpoint."""
        return await self.repository.git.run("cat-file", "blob", os.fsencode(f"{checkpoint.tree}:") + os.fsencode(path))


async def opened(user: Path | str, place: Path) -> Opened:
    """Open the repository with its state in `place`, and restore a workspace of its HEAD."""
    repository = await Repository.open(place / "state", str(user))
    base = await repository.resolve(None)
    workspace = Workspace(repository, place / "attempt")
    await workspace.restore(base)
    return Opened(repository, base, workspace)
