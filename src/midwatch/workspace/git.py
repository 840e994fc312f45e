"""One way to run git: no shell, no hooks, no surprise from the environment, bytes in and bytes out.

`Git` runs in two modes. In the store that the host owns nothing but our own settings counts: no system, global or
home configuration, and git reaches no other repository: an object that is missing there is an error, never a fetch. In
the user's repository their configuration is kept (it is theirs, and it holds `safe.directory` and credential helpers),
but hooks and background maintenance are off. Only `remote.py` fetches.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO

from midwatch.domain.errors import InputError, OperationError

Arg = str | bytes | Path

OLDEST = (2, 38)
"""`git merge-tree --write-tree` came with this release."""

_ALWAYS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.quotePath=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "advice.detachedHead=false",
    "color.ui=false",
)
_OWN = (
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.bigFileThreshold=16m",
    "core.fsync=committed",
    "safe.bareRepository=explicit",
    "diff.renameLimit=2000",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "diff.algorithm=histogram",
    "submodule.recurse=false",
)
_KEPT_OF_THE_USER = ("GIT_CONFIG", "GIT_SSH", "GIT_ASKPASS", "GIT_SSL_", "GIT_PROXY_", "GIT_HTTP_")
_FULL = ("No space left on device", "Disk quota exceeded", "Out of diskspace")
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


class GitError(OperationError):
    """git ended with an error. `message` has its last words; `code` and `stderr` are as git gave them."""

    def __init__(self, command: str, code: int, stderr: bytes) -> None:
        self.code = code
        self.stderr = stderr.decode("utf-8", "replace")
        super().__init__(f"`git {command}` failed: {last_words(stderr) or f'exit code {code}'}", _mend(self.stderr))


@dataclass(frozen=True, slots=True)
class Answer:
    """How a git command ended, for callers to whom an exit code other than 0 is an answer too."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in one place. `trusted` is for the user's own repository: their configuration counts there."""

    git_dir: Path | None = None
    work_tree: Path | None = None
    cwd: Path | None = None
    trusted: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    """Further `key=value`, each in force for this run alone."""
    largest_file: int = 0
    """Bytes after which a file that git writes ends it by SIGXFSZ; 0 for no limit."""

    def command(self, *args: Arg) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The argument list and the whole environment, for a caller that starts the process itself."""
        argv = [b"git"]
        for setting in (*(_ALWAYS if self.trusted else _ALWAYS + _OWN), *self.settings):
            argv += [b"-c", setting.encode()]
        if self.git_dir is not None:
            argv.append(b"--git-dir=" + os.fsencode(self.git_dir))
        if self.work_tree is not None:
            argv.append(b"--work-tree=" + os.fsencode(self.work_tree))
        argv += [os.fsencode(arg) for arg in args]
        return argv, self._environment()

    def _environment(self) -> dict[bytes, bytes]:
        if self.trusted:
            env = {
                k: v for k, v in os.environb.items()
                if not k.startswith((b"GIT_", b"MIDWATCH_")) or os.fsdecode(k).startswith(_KEPT_OF_THE_USER)
            }  # fmt: skip
        else:
            env = {k.encode(): os.environb[k.encode()] for k in _PASSED_ON if k in os.environ}
            env |= {
                b"HOME": b"/dev/null",  # the attributes and ignore files of a home are read even without its config
                b"GIT_CONFIG_NOSYSTEM": b"1",
                b"GIT_CONFIG_GLOBAL": b"/dev/null",
                b"GIT_ATTR_NOSYSTEM": b"1",
                b"GIT_NO_LAZY_FETCH": b"1",  # newer gits know it; in an older one the next line alone does it
                b"GIT_ALLOW_PROTOCOL": b"none",
            }
        env |= {
            b"LC_ALL": b"C",
            b"GIT_TERMINAL_PROMPT": b"0",
            b"GIT_OPTIONAL_LOCKS": b"0",
            b"GIT_NO_REPLACE_OBJECTS": b"1",
            b"GIT_PAGER": b"cat",
        }
        return env | {os.fsencode(k): os.fsencode(v) for k, v in self.environment.items()}

    async def run(self, *args: Arg, stdin: bytes | IO[bytes] = b"", stdout: IO[bytes] | None = None) -> bytes:
        """Run to the end and return stdout (nothing when it went to a file). Raises GitError for any exit code but 0,
        InputError when git is missing."""
        answer = await self.ask(*args, stdin=stdin, stdout=stdout)
        if answer.code != 0:
            raise GitError(_name(args), answer.code, answer.stderr)
        return answer.stdout

    async def ask(self, *args: Arg, stdin: bytes | IO[bytes] = b"", stdout: IO[bytes] | None = None) -> Answer:
        """Run to the end, whatever the exit code. Cancelling kills git and what it started."""
        argv, env = self.command(*args)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220  starting one takes a millisecond
                argv, env=env, cwd=self.cwd, start_new_session=True,  # no terminal: ssh cannot stop to ask
                stdin=(PIPE if stdin else DEVNULL) if isinstance(stdin, bytes) else stdin,
                stdout=PIPE if stdout is None else stdout, stderr=PIPE,
            )  # fmt: skip
        except OSError as error:
            raise _not_started(self.cwd, error) from error
        if self.largest_file:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))
        # in a thread: asyncio's own child processes hang for ever when they are cancelled while they start (3.11)
        given = stdin or None if isinstance(stdin, bytes) else None
        talk = asyncio.get_running_loop().run_in_executor(None, process.communicate, given)
        try:
            output, errors = await asyncio.shield(talk)
        except asyncio.CancelledError:
            _kill(process.pid)
            await asyncio.wait([talk])
            raise
        return Answer(process.returncode, output or b"", errors)


_version: tuple[object, str] = ((), "")
"""Of the git that was asked last: which file it was, and what it said."""


async def require_git() -> str:
    """The version of git on PATH; the same file is asked once. Raises InputError when there is none or it is too
    old."""
    global _version
    which = _which()
    if which is None or _version[0] != which:
        _version = (which, (await Git().run("version")).decode("ascii", "replace").strip())
    text = _version[1]
    found = re.search(r"(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise InputError(f"Midwatch needs git {oldest} or newer, and this is {text!r}", "install a newer git")
    return text.removeprefix("git version ")


def _which() -> object:
    """The file that is git, as it is now; None when that cannot be said."""
    try:
        path = Path(shutil.which("git") or "/nowhere")
        status = path.stat()
    except OSError:
        return None
    return path, status.st_ino, status.st_mtime_ns


def last_words(stderr: bytes) -> str:
    """The last line that says something, without git's `fatal:`; the line that is an error goes before a hint."""
    lines = [line for line in stderr.decode("utf-8", "replace").split("\n") if line.strip()]
    errors = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    line = (errors or lines or [""])[-1]
    return line.removeprefix("fatal: ").removeprefix("error: ").strip()


def _name(args: Sequence[Arg]) -> str:
    return next((os.fsdecode(a) for a in args if not os.fsdecode(a).startswith("-")), "")


def _mend(stderr: str) -> str:
    if any(words in stderr for words in _FULL):
        return "free some space on that disk, then `midwatch resume`"
    if "Permission denied" in stderr or "Read-only file system" in stderr:
        return "check the owner and the mode of the folder named there"
    return ""


def _not_started(cwd: Path | None, error: OSError) -> InputError:
    if cwd is not None and not cwd.is_dir():
        return InputError(f"the folder {cwd} does not exist", "check the path")
    return InputError(f"git could not be started: {error.strerror}", "install git, for example `apt install git`")


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended by itself
        os.killpg(pid, signal.SIGKILL)
