"""A server that is a program: inside the box of the task, or (trusted) on the host."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import Box, Session
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.channel import once
from midwatch.sandbox.output import Output
from midwatch.tools.cut import harmless
from midwatch.tools.mcp.config import ServerSettings
from midwatch.tools.mcp.inbox import Inbox

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""The person's variables that a trusted server has besides those of its settings."""
OUTPUT_BYTES = 1 << 30
"""Of one run of a server."""
_LAST_WORDS = 1000
_GRACE_SECONDS = 2.0

# Standard error would come in between the messages, so it goes to a file of the box.
_START = 'log="${TMPDIR:-/tmp}/mcp-$0.log"; exec 2>"$log" || exec 2>/dev/null; exec "$@"'
_TAIL = f'tail -c {_LAST_WORDS} "${{TMPDIR:-/tmp}}/mcp-$0.log"'

# A server must not outlive a process of ours that is killed. Its number is checked in case that has happened already.
_LAUNCH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


class Server(Protocol):
    """A running program."""

    async def write(self, data: bytes) -> None:
        """Give it input; dropped after its end."""

    async def stop(self) -> None:
        """End it and all that it started. May be called twice."""

    async def last_words(self) -> str:
        """The end of what it wrote to its standard error; to be asked before the box is closed."""


class BoxServer:
    """Inside the box, with what everything there has and no more."""

    def __init__(self, name: str, box: Box, session: Session, inbox: Inbox) -> None:
        self._name, self._box, self._session = name, box, session
        self._watching = asyncio.get_running_loop().create_task(self._watch(inbox))

    @classmethod
    async def start(cls, name: str, settings: ServerSettings, box: Box, inbox: Inbox) -> BoxServer:
        """Raises SandboxLost. A program that is missing is one that ended."""
        variables = [f"{key}={value}" for key, value in settings.env.items()]
        argv = ["sh", "-c", _START, name, *(["env", *variables] if variables else [])]
        session = await box.start([*argv, settings.command, *settings.args], output_bytes=OUTPUT_BYTES, sink=inbox.feed)
        return cls(name, box, session, inbox)

    async def write(self, data: bytes) -> None:
        """As `Server.write`."""
        await self._session.write(data)

    async def stop(self) -> None:
        """As `Server.stop`."""
        with contextlib.suppress(SandboxLost):  # then it has ended with the box
            await self._session.kill(signal.SIGTERM)
            if await self._session.poll(_GRACE_SECONDS) is None:
                await self._session.kill()
        await asyncio.wait([self._watching])

    async def last_words(self) -> str:
        """As `Server.last_words`."""
        said = bytearray()
        with contextlib.suppress(SandboxLost):
            command = ["sh", "-c", _TAIL, self._name]
            looking = await self._box.start(command, output_bytes=4 * _LAST_WORDS, sink=said.extend)
            if await looking.poll(_GRACE_SECONDS) is None:
                await looking.kill()
        return harmless(bytes(said).decode("utf-8", "replace")).strip()

    async def _watch(self, inbox: Inbox) -> None:
        ended = None
        with contextlib.suppress(SandboxLost):
            while ended is None:
                ended = await self._session.poll(3600)
        inbox.end(f"it ended with {ended.ended}" if ended else "the sandbox ended")


class HostServer:
    """On the host, because the person's settings say that it is trusted."""

    def __init__(self, process: subprocess.Popen[bytes], inbox: Inbox) -> None:
        """`process`: with three pipes, which are ours from now on."""
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._input = process.stdin
        self._pipes = (process.stdin, process.stdout, process.stderr)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        self._words = bytearray()
        self._outputs = (
            Output(process.stdout.fileno(), OUTPUT_BYTES, inbox.feed, inbox.end),
            Output(process.stderr.fileno(), OUTPUT_BYTES, self._hear, inbox.end),
        )
        self._feeding = asyncio.Lock()
        self._gone = asyncio.get_running_loop().create_task(self._watch(inbox))

    @classmethod
    async def start(cls, settings: ServerSettings, environ: Mapping[str, str], inbox: Inbox) -> HostServer:
        """Raises OSError for a program that cannot be started."""
        names = (*INHERITED, *settings.env_from)
        variables = {name: environ[name] for name in names if name in environ} | dict(settings.env)
        # In a thread it would be lost, and go on, when this is cancelled; it takes milliseconds.
        return cls(_spawn(settings, variables), inbox)

    async def write(self, data: bytes) -> None:
        """As `Server.write`."""
        view = memoryview(data)
        async with self._feeding:
            while view and not self._gone.done() and not self._input.closed:
                try:
                    view = view[os.write(self._input.fileno(), view) :]
                except BlockingIOError:
                    await self._room()
                except OSError:
                    return

    async def stop(self) -> None:
        """As `Server.stop`."""
        self._input.close()
        if not (await asyncio.wait([self._gone], timeout=_GRACE_SECONDS))[0]:
            _signal(self._process.pid, signal.SIGTERM)
            if not (await asyncio.wait([self._gone], timeout=_GRACE_SECONDS))[0]:
                tree.kill(tree.descendants(self._process.pid))
                await asyncio.wait([self._gone])
        _signal(self._process.pid, signal.SIGKILL)  # what it has left behind
        for pipe in self._pipes:
            pipe.close()

    async def last_words(self) -> str:
        """As `Server.last_words`."""
        return harmless(bytes(self._words).decode("utf-8", "replace")).strip()

    def _hear(self, chunk: bytes) -> None:
        self._words += chunk
        del self._words[:-_LAST_WORDS]

    async def _room(self) -> None:
        """Until its standard input takes more, or it has ended."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        handle = self._input.fileno()
        loop.add_writer(handle, once, ready)
        try:
            await asyncio.wait([ready, self._gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_writer(handle)

    async def _watch(self, inbox: Inbox) -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        handle = os.pidfd_open(self._process.pid)
        loop.add_reader(handle, once, ended)
        try:
            await ended
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        code = self._process.wait()
        for output in self._outputs:
            output.drain()
        inbox.end(f"it ended with exit {code}" if code >= 0 else f"it was killed by signal {-code}")


def _spawn(settings: ServerSettings, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    if shutil.which(settings.command, path=variables.get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, f"no program {settings.command!r}")
    home = variables.get("HOME", "/")
    return subprocess.Popen(
        [sys.executable, "-ISc", _LAUNCH, str(os.getpid()), settings.command, *settings.args],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        cwd=home if Path(home).is_dir() else "/",
        start_new_session=True,
    )


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
