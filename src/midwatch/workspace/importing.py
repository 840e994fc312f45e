"""Commits are written to the store from names and bytes, all or nothing: by `git fast-import`, or without a process
where they are small, with the same ids either way."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from midwatch.engine.disk import keep
from midwatch.workspace import durable, writing
from midwatch.workspace.edited import Edited
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.names import quoted
from midwatch.workspace.raw import Raw, reading

_WHO = b"Midwatch <midwatch@localhost> 946684800 +0000"
"""All checkpoints carry one date: the same content after the same checkpoint has the same id."""
_MOST_STEPS, _MOST_BYTES = 64, 1 << 20
"""What is written without a process: git packs what is more."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One line of what fast-import is told, and what follows it: `commit`, `tree`, `delete`, `known`, `file`."""

    kind: str
    path: bytes = b""
    """Of a commit: its ref."""
    mode: bytes = b""
    name: str = ""
    """An id."""
    data: bytes = b""
    """Of a commit: its subject."""
    parents: tuple[str, ...] = ()


@dataclass(slots=True)
class Import:
    """One thread at a time; `close` must be called."""

    git: Git
    store: Path
    sha256: bool
    """Of what form the store's ids are."""
    _steps: list[_Step] = field(default_factory=list)
    """What git has not been told."""
    _bytes: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] | None = None
    _asked: int = 0
    _began: int = 0
    _refs: set[str] = field(default_factory=set)

    @property
    def started(self) -> bool:
        """Whether anything was written."""
        return self._asked > 0

    def commit(self, ref: str, subject: bytes, parents: tuple[str, ...]) -> str:
        """Begin a commit, which has the files of its first parent; its mark, which may be a parent too. The first
        commit for a ref may have none."""
        self._asked += 1
        self._add(_Step("commit", ref.encode(), name=f":{self._asked}", data=subject, parents=parents))
        self._refs.add(ref)
        return f":{self._asked}"

    def tree(self, tree: str) -> None:
        """Begin with the files of this tree instead."""
        self._add(_Step("tree", name=tree))

    def delete(self, path: bytes) -> None:
        """Delete a file or folder; nothing happens when there is none."""
        self._add(_Step("delete", path))

    def known(self, path: bytes, mode: bytes, blob: str) -> None:
        """Put a blob of the store at a path."""
        self._add(_Step("known", path, mode, blob))

    def file(self, path: bytes, mode: bytes, data: bytes) -> None:
        """Put a file at a path."""
        self._add(_Step("file", path, mode, data=data))

    def header(self, path: bytes, mode: bytes, size: int) -> None:
        """Put a file at a path: its bytes and a line end must be written next."""
        self._tell()
        self.write(b"M %s inline %s\ndata %d\n" % (mode, quoted(path), size))

    def write(self, data: bytes) -> None:
        """Hand on bytes as they are, after `header`. Raises GitError when git has died."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            raise self._failure() from None

    def finish(self) -> list[tuple[str, str]]:
        """Commit and tree of each commit, in order, which are in the store from now on, also after a power cut. Raises
        GitError; StoreError or OSError when the disk does not take them."""
        if not self.started:
            return []
        if self._process is None:
            with reading(self.git) as raw:
                return _Written(raw, self.store, self._steps, sha256=self.sha256).run()
        self._tell()
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
        if self._errors is not None:
            self._errors.close()

    def _add(self, step: _Step) -> None:
        self._steps.append(step)
        self._bytes += len(step.data)
        if self._process is not None or len(self._steps) > _MOST_STEPS or self._bytes > _MOST_BYTES:
            self._tell()

    def _tell(self) -> None:
        """Have git do what was kept back until now."""
        steps, self._steps = self._steps, []
        for step in steps:
            self.write(_line(step))

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._began = durable.now()
        argv, env = self.git.command("fast-import", "--quiet", "--done", "--force", "--date-format=raw")
        return subprocess.Popen(
            argv, env=env, cwd=self.git.cwd, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def _failure(self) -> GitError:
        assert self._process is not None
        assert self._errors is not None
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        return GitError("fast-import", code, self._errors.read())


def _line(step: _Step) -> bytes:
    match step.kind:
        case "commit":
            lines = [b"commit " + step.path, b"mark " + step.name.encode(), b"committer " + _WHO]
            lines += [b"data %d" % len(step.data), step.data]
            lines += [(b"merge " if n else b"from ") + parent.encode() for n, parent in enumerate(step.parents)]
            return b"\n".join(lines) + b"\n"
        case "tree":
            return b'M 040000 %s ""\n' % step.name.encode()
        case "delete":
            return b"D " + quoted(step.path) + b"\n"
        case "known":
            return b"M %s %s %s\n" % (step.mode, step.name.encode(), quoted(step.path))
        case _:
            return b"M %s inline %s\ndata %d\n%s\n" % (step.mode, quoted(step.path), len(step.data), step.data)


class _Written:
    """The steps done here, as git would do them."""

    def __init__(self, raw: Raw, store: Path, steps: list[_Step], *, sha256: bool) -> None:
        self._raw, self._store, self._steps, self._sha256 = raw, store, steps, sha256
        self._made: dict[str, tuple[str, str]] = {}
        """Commit and tree by mark."""
        self._unkept: set[Path] = set()
        """What the disk is to hold besides before a ref names them: the folders, and objects that lay there already."""

    def run(self) -> list[tuple[str, str]]:
        """As `Import.finish`. The refs come last: what is cut off before has left nothing but unused objects."""
        refs: dict[str, str] = {}
        for begin, end in self._commits():
            mark, ref = self._steps[begin].name, self._steps[begin].path.decode()
            self._made[mark] = self._commit(self._steps[begin], self._steps[begin + 1 : end])
            refs[ref] = self._made[mark][0]
        keep(*self._unkept)
        for ref, commit in refs.items():
            writing.ref(self._store, ref, commit)
        return list(self._made.values())

    def _commits(self) -> list[tuple[int, int]]:
        """Where each of them begins and ends."""
        begins = [place for place, step in enumerate(self._steps) if step.kind == "commit"]
        return list(zip(begins, [*begins[1:], len(self._steps)], strict=True))

    def _commit(self, begin: _Step, changes: list[_Step]) -> tuple[str, str]:
        parents = [self._made[name][0] if name in self._made else name for name in begin.parents]
        top = Edited(self._raw.get, self._tree_of(begin.parents[0])) if parents else Edited(self._raw.get, "", {})
        for step in changes:
            match step.kind:
                case "tree":
                    top = Edited(self._raw.get, step.name)
                case "delete":
                    top.delete(step.path)
                case "known":
                    top.put(step.path, step.mode, step.name)
                case _:
                    top.put(step.path, step.mode, self._object(b"blob", step.data))
        tree = top.written(lambda data: self._object(b"tree", data))
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + _WHO, b"committer " + _WHO, b"", begin.data]
        return self._object(b"commit", b"\n".join(lines)), tree

    def _tree_of(self, commit: str) -> str:
        if commit in self._made:
            return self._made[commit][1]
        return self._raw.get(commit).partition(b"\n")[0].removeprefix(b"tree ").decode()

    def _object(self, kind: bytes, data: bytes) -> str:
        return writing.loose(self._store, kind, data, sha256=self._sha256, unkept=self._unkept)
