"""Which repositories a client may name: those below the folders that the person has named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.cli import words
from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.workspace.location import is_url, locate


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders, absolute and without links; the first is where relative names start."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, named: Sequence[str]) -> Roots:
        """From what was given on the command line; the current folder when nothing was. Raises InputError."""
        folders = tuple(_real(Path.cwd() / name) for name in named or ("",))
        for folder in folders:
            if not folder.is_dir():
                raise InputError(f"{words.name(str(folder))} is not a folder", "name one that there is: --root DIR")
        return cls(folders)

    async def repository(self, name: str) -> str:
        """The absolute path of a repository that a client may name. Raises InputError for any other, without saying
        whether it is there; also for one whose git folder lies elsewhere."""
        if is_url(name):
            raise InputError("only folders can be worked on here, no addresses", "name a repository below a root")
        path = _real(self.folders[0] / name)
        self._require(path, name)
        place = await locate(str(path))
        self._require(_real(place.top or place.git_dir), name)
        self._require(_real(place.common_dir), name)
        return str(path)

    def _require(self, path: Path, name: str) -> None:
        if not self.holds(path):
            roots = ", ".join(words.name(str(folder)) for folder in self.folders)
            raise InputError(
                f"the repository {words.name(name)} is outside of what may be worked on here",
                f"name one below {roots}, or let the person start `midwatch mcp` with a further --root",
            )

    def holds(self, path: Path) -> bool:
        """Whether the path, which has no links in it, is below a root or one of them."""
        return any(path.is_relative_to(folder) for folder in self.folders)

    def covers(self, task: Task) -> bool:
        """Whether a client may be told of the task."""
        return not is_url(task.repository) and self.holds(_real(Path(task.repository)))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
