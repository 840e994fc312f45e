"""A probe: one small attack that runs inside a box, and how the harness tells whether it got through."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from midwatch.sandbox.base import ExecResult
from tests.attack.scene import Scene
from tests.sandbox.boxes import Bench

END = "THE PROBE CAME TO ITS END"
"""Printed last: a probe that does not get here has stopped nothing but itself."""
CONTROL = "CONTROL"
"""Begins a line that says that the same means worked on what is allowed."""


class Bare(Enum):
    """What a probe comes to without any box, which is the control of most of them."""

    OPEN = "open"
    AS_ROOT = "open for root"
    """For a normal user the kernel itself refuses."""
    DEPENDS = "depends on the machine"
    """On a kernel option, a module or a route; another control must show that the probe works."""
    STOPPED = "stopped"
    NEVER = "not tried"
    """It would harm the machine, or means nothing without a box."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run of a probe left behind, for the judge."""

    bench: Bench
    scene: Scene
    result: ExecResult
    said: str
    """What the command printed, and after it what `Probe.host` told."""
    later: str = ""
    """What `Probe.after` printed in the other box."""

    @property
    def workspace(self) -> Path:
        """On the host."""
        folder = self.bench.spec.workspace
        assert isinstance(folder, Path)
        return folder


Host = Callable[[Bench, Scene], Awaitable[str]]
Judge = Callable[[Trial], str]
"""The evidence that the attack worked, or nothing."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One attack."""

    name: str
    """`group: what`."""
    tries: str
    """For the table: what it wants to do."""
    code: str
    """Python that runs inside, after `INSIDE`."""
    by: str
    """What stops it in bubblewrap, or why it is open there."""
    judge: Judge = field(default=lambda trial: said_open(trial))
    bare: Bare = Bare.OPEN
    weak: str = ""
    """The weakening of bubblewrap under which it is open; see `weaker.WEAKENINGS`."""
    inside: bool = False
    """Whether the code has a control of its own: the same means on what is allowed."""
    at_large: bool = False
    """Whether it signals whatever it can; not run with a driver that might let it out."""
    open: bool = False
    """Whether it is open in bubblewrap, by design."""
    seconds: float = 30
    after: str = ""
    """Python that then runs in another, new box."""
    host: Host | None = None
    """What the host does with the workspace afterwards, and what came of it."""

    @property
    def group(self) -> str:
        """What it is after."""
        return self.name.partition(":")[0]

    @property
    def id(self) -> str:
        """For the name of a test."""
        return self.name.replace(": ", "/").replace(" ", "-")


def said_open(trial: Trial) -> str:
    """The probe itself saw that it was allowed. For what nobody outside can see."""
    return next((line for line in trial.said.splitlines() if line.startswith("OPEN")), "")


def leaked(trial: Trial) -> str:
    """The secret, which the probe was not told, is in what it said."""
    return "it printed the secret" if trial.scene.secret in trial.said else ""


def reached(name: str) -> Judge:
    """A socket of the host got the probe's message."""
    return lambda trial: trial.scene.received(name)


INSIDE = f"""
import ctypes, errno, fcntl, functools, json, os, signal, socket, stat, struct, subprocess, sys, time
print = functools.partial(print, flush=True)
G = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
class Word(ctypes.c_ulong): pass
def call(x86, arm, *arguments):
    number = x86 if X86 else arm
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return value if value >= 0 else -ctypes.get_errno()
def judged(value, *reached):
    word = errno.errorcode.get(-value, str(value)) if value < 0 else "worked"
    print("OPEN" if value >= 0 or -value in reached else "refused:", word)
    return value
def attempt(work, *arguments):
    try:
        value = work(*arguments)
    except (OSError, ValueError) as error:
        print("refused:", error.strerror if isinstance(error, OSError) else error)
        return None
    print("OPEN", str(value)[:200])
    return value
def control(work, *arguments):
    try:
        print("CONTROL", work(*arguments))
    except OSError as error:
        print("no control:", error.strerror)
def show(path, size=1 << 16):
    try:
        with open(path, "rb", buffering=0) as file:
            print("content", path, file.read(size))
    except OSError as error:
        print("refused:", path, error.strerror)
def writable(path):
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    return path
def child(work, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            work(*arguments)
        except BaseException as error:
            print("refused:", type(error).__name__, error)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        print("killed by", signal.Signals(os.WTERMSIG(status)).name)
    return status
def finish():
    print({END!r})
"""


def argv(code: str, given: dict[str, object]) -> Sequence[str]:
    """The command that runs a probe's code inside."""
    return ("python3", "-I", "-c", f"{INSIDE}\n{code}\nfinish()\n", json.dumps(given))
