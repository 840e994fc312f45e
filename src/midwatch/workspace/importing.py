"""One run of `git fast-import`: commits are written to the store from names and bytes, all or nothing."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from midwatch.workspace import durable
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.names import quoted

_WHEN = b"946684800 +0000"
"""All checkpoints carry one date: the same content after the same checkpoint has the same id."""


@dataclass(slots=True)
class Import:
    """Started by the first write. One thread at a time; `close` must be called."""

    git: Git
    store: Path
    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _asked: int = 0
    _began: int = 0
    _refs: set[str] = field(default_factory=set)

    @property
    def started(self) -> bool:
        """Whether anything was written."""
        return self._process is not None

    def commit(self, ref: str, subject: bytes, parents: tuple[str, ...]) -> str:
        """Begin a commit, which has the files of its first parent; its mark, which may be a parent too. The first
        commit for a ref may have none."""
        self._asked += 1
        self._refs.add(ref)
        mark = b":%d" % self._asked
        lines = [b"commit " + ref.encode(), b"mark " + mark, b"committer Midwatch <midwatch@localhost> " + _WHEN]
        lines += [b"data %d" % len(subject), subject]
        lines += [(b"merge " if number else b"from ") + parent.encode() for number, parent in enumerate(parents)]
        self.write(b"\n".join(lines) + b"\n")
        return mark.decode()

    def tree(self, tree: str) -> None:
        """Begin with the files of this tree instead."""
        self.write(b'M 040000 %s ""\n' % tree.encode())

    def delete(self, path: bytes) -> None:
        """Delete a file or folder; nothing happens when there is none."""
        self.write(b"D " + quoted(path) + b"\n")

    def known(self, path: bytes, mode: bytes, blob: str) -> None:
        """Put a blob of the store at a path."""
        self.write(b"M %s %s %s\n" % (mode, blob.encode(), quoted(path)))

    def header(self, path: bytes, mode: bytes, size: int) -> None:
        """Put a file at a path: its bytes and a line end must be written next."""
        self.write(b"M %s inline %s\ndata %d\n" % (mode, quoted(path), size))

    def write(self, data: bytes) -> None:
        """Hand on bytes as they are. Raises GitError when git has died."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            raise self._failure() from None

    def finish(self) -> list[tuple[str, str]]:
        """Commit and tree of each commit, in order, which are in the store from now on, also after a power cut. Raises
        GitError, and OSError when the disk does not take them."""
        if self._process is None:
            return []
        questions = b"".join(b'get-mark :%d\nls :%d ""\n' % (n, n) for n in range(1, self._asked + 1))
        self.write(b"\n" + questions + b"done\n")
        try:
            stdout, _ = self._process.communicate()
        except BrokenPipeError:
            raise self._failure() from None
        if self._process.returncode != 0:
            raise self._failure()
        durable.written(self.store, self._began, *self._refs)
        lines = stdout.decode("ascii", "replace").split("\n")
        return [(lines[n], lines[n + 1].split()[2]) for n in range(0, 2 * self._asked, 2)]

    def close(self) -> None:
        """End the process, finished or not: an unfinished one leaves no ref behind. May be called twice."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout):
                # it died before it read all; `_failure` has said so, or the work was given up
                with contextlib.suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()
            process.wait()
        self._errors.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._began = durable.now()
        git = replace(
            self.git, settings=(*self.git.settings, "core.fsync=pack,pack-metadata")
        )  # `finish` syncs the rest
        argv, env = git.command("fast-import", "--quiet", "--done", "--force", "--date-format=raw")
        return subprocess.Popen(
            argv, env=env, cwd=self.git.cwd, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def _failure(self) -> GitError:
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        return GitError("fast-import", code, self._errors.read())
