"""Reading a checkpoint from the store: how it differs from its base, and the contents of that difference."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.workspace.aside import FILES, LIST, SUBJECT, Aside, Listing, decoded, original
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.stamps import FILE

Blobs = Mapping[bytes, tuple[bytes, str]]
"""Mode and blob by path."""

_GITLINK = b"160000"
_PIECE = 1 << 18
_DIFF = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff")


@dataclass(frozen=True, slots=True)
class Difference:
    """A checkpoint as seen from its base."""

    files: Blobs = field(default_factory=dict)
    deleted: frozenset[bytes] = frozenset()
    """Files of the base that are gone."""
    ignored: Blobs = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    aside: Aside | None = None

    def __bool__(self) -> bool:
        return bool(self.files or self.deleted or self.aside)


async def difference(git: Git, base: Base, checkpoint: Checkpoint, *, work_only: bool = False) -> Difference:
    """Costs what differs; nothing for the base itself. `work_only` leaves out what is kept beside the work. Raises
    OperationError when the store lacks an object."""
    if checkpoint.commit == base.commit:
        return Difference()
    files, deleted = {}, set()
    if checkpoint.tree != base.tree:
        fields = iter((await git.run(*_DIFF, base.tree, checkpoint.tree, "--")).split(b"\0"))
        for about in fields:
            if not about:
                continue
            path = next(fields)
            before, mode, _, blob, _ = about[1:].split(b" ")
            if mode in (b"000000", _GITLINK):
                if before not in (b"000000", _GITLINK):
                    deleted.add(path)
            else:
                files[path] = (mode, blob.decode())
    aside = None if work_only else await _second_parent(git, checkpoint.commit)
    if aside is None:
        return Difference(files, frozenset(deleted))
    ignored, listing = await _beside(git, aside)
    return Difference(files, frozenset(deleted), ignored, listing, aside)


async def _second_parent(git: Git, commit: str) -> Aside | None:
    content = await git.run("cat-file", "commit", commit)
    parents = _parents(content)
    if len(parents) != 2:
        return None  # nothing was ignored, or a checkpoint of an earlier release
    content = await git.run("cat-file", "commit", parents[1])
    if _parents(content) or content.partition(b"\n\n")[2].strip() != SUBJECT:
        return None
    tree = next(line.split()[1] for line in content.split(b"\n") if line.startswith(b"tree "))
    return Aside(parents[1], tree.decode())


def _parents(commit: bytes) -> list[str]:
    lines = commit.partition(b"\n\n")[0].split(b"\n")
    return [line.split()[1].decode() for line in lines if line.startswith(b"parent ")]


async def _beside(git: Git, aside: Aside) -> tuple[Blobs, Listing]:
    ignored, listing = {}, Listing()
    for entry in (await git.run("ls-tree", "-r", "-z", "--full-tree", aside.tree)).split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        mode, _, blob = about.split(b" ")
        if path.startswith(FILES):
            ignored[original(path.removeprefix(FILES))] = (mode, blob.decode())
        elif (path, mode) == (LIST, FILE):
            try:
                listing = decoded(await git.run("cat-file", "blob", blob))
            except ValueError as error:
                raise OperationError(
                    f"what was kept beside checkpoint {aside.commit[:12]} cannot be read: {error}",
                    "it was written by another release; use that one",
                ) from error
    return ignored, listing


class Contents:
    """The contents of blobs, one after the other, from one process. Blocks."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes], instead: Mapping[str, Path]) -> None:
        self._process, self._errors, self._instead = process, errors, instead

    def pieces(self, blob: str) -> Iterator[bytes]:
        """The content in pieces, all of which must be taken. Raises GitError when the store lacks it, OSError."""
        if blob in self._instead:
            with self._instead[blob].open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
            return
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(blob.encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise self._failure(b"") from None
        head = stdout.readline().split()
        if len(head) != 3:
            raise self._failure(b" ".join(head))
        left = int(head[2])
        while left:
            piece = stdout.read(min(left, _PIECE))
            if not piece:
                raise self._failure(b"")
            left -= len(piece)
            yield piece
        stdout.read(1)

    def _failure(self, said: bytes) -> GitError:
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        return GitError("cat-file", code, self._errors.read() or said)


@contextmanager
def contents(git: Git, instead: Mapping[str, Path] | None = None) -> Iterator[Contents]:
    """Open the store for reading blobs; files that are to be read `instead` of some of them, by blob. Blocks."""
    argv, env = git.command("cat-file", "--batch")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            argv, env=env, cwd=git.cwd, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            yield Contents(process, errors, instead or {})
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                with suppress(BrokenPipeError):  # it died before it was asked; `_failure` has said so
                    stream.close()
            process.wait()
