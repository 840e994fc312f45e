"""The only thing that counts: the checks as the person gave them, in a fresh process, on a fresh copy of the tree that
holds the edit, with nothing of ours in between."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from typing import TYPE_CHECKING

from . import tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .pool import Candidate


class _Whole:
    """One candidate's run of all checks, one after the other."""

    def __init__(self, owner: Verifier, candidate: Candidate, files: Mapping[str, bytes], number: int) -> None:
        self.candidate = candidate
        self.held: bool | None = None
        self._owner = owner
        self._root = os.path.join(owner.folder, f"whole-{number}")
        tree.copy(owner.source, self._root)
        for path, content in files.items():
            tree.write(self._root, path, content)
        self._left = list(owner.checks)
        self._limit = time.monotonic() + owner.seconds
        self._run: tree.Run | None = None
        self._next()

    def _next(self) -> None:
        if not self._left:
            self._end(True)
            return
        command = tree.moved(self._left.pop(0), self._owner.source, self._root)
        extra = [path.replace(self._owner.quick, self._root, 1) for path in self._owner.extra_path]
        self._run = tree.Run(command, self._root, tree.plain_environment(self._owner.source, self._root, extra))

    def look(self) -> None:
        """Go on, if the current check has ended."""
        if self._run is None or self.held is not None:
            return
        if self._run.ended():
            passed = self._run.process.returncode == 0
            self._run.kill()
            if passed:
                self._next()
            else:
                self._end(False)
        elif time.monotonic() > self._limit:
            self._end(False)

    def _end(self, held: bool) -> None:
        self.held = held
        if self._run is not None:
            self._run.kill()
        shutil.rmtree(self._root, ignore_errors=True)


class Verifier:
    """Runs candidates whole, beside the search."""

    def __init__(self, source: str, folder: str, checks: Sequence[str], seconds: float) -> None:
        self.source = source
        self.folder = folder
        self.checks = checks
        self.seconds = seconds
        """For all checks together."""
        self.quick = os.path.join(folder, "tree")
        self.extra_path: tuple[str, ...] = ()
        self._numbers = itertools.count(1)
        self._wholes: list[_Whole] = []

    @property
    def running(self) -> int:
        """Whole runs at this moment."""
        return len(self._wholes)

    def start(self, candidate: Candidate, files: Mapping[str, bytes]) -> None:
        """Begin a whole run."""
        self._wholes.append(_Whole(self, candidate, files, next(self._numbers)))

    def results(self) -> list[tuple[Candidate, bool]]:
        """The runs that have ended since the last call."""
        done = []
        for whole in list(self._wholes):
            whole.look()
            if whole.held is not None:
                self._wholes.remove(whole)
                done.append((whole.candidate, whole.held))
        return done

    def finish(self, deadline: float) -> list[tuple[Candidate, bool]]:
        """Wait for what runs, up to the deadline (time.monotonic), and end the rest."""
        done = []
        while self._wholes and time.monotonic() < deadline:
            done.extend(self.results())
            time.sleep(0.01)
        for whole in self._wholes:
            whole._end(False)
        self._wholes.clear()
        return done
