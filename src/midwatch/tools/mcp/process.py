"""A server that is a program: inside the box of the task, or (trusted) on the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import Box, Session
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

    def __init__(self, process: asyncio.subprocess.Process, inbox: Inbox) -> None:
        self._process = process
        self._words = bytearray()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read(inbox)), loop.create_task(self._listen())]

    @classmethod
    async def start(cls, settings: ServerSettings, environ: Mapping[str, str], inbox: Inbox) -> HostServer:
        """Raises OSError for a program that cannot be started."""
        names = (*INHERITED, *settings.env_from)
        variables = {name: environ[name] for name in names if name in environ} | dict(settings.env)
        home = variables.get("HOME", "/")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            settings.command,
            *settings.args,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=variables,
            cwd=home if await asyncio.to_thread(Path(home).is_dir) else "/",
            start_new_session=True,
        )
        return cls(process, inbox)

    async def write(self, data: bytes) -> None:
        """As `Server.write`."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def stop(self) -> None:
        """As `Server.stop`."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for number, grace in ((0, _GRACE_SECONDS), (signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, 60.0)):
            if number:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._process.wait()
                    break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it left behind
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def last_words(self) -> str:
        """As `Server.last_words`."""
        return harmless(bytes(self._words).decode("utf-8", "replace")).strip()

    async def _read(self, inbox: Inbox) -> None:
        assert self._process.stdout is not None
        total = 0
        try:
            while chunk := await self._process.stdout.read(1 << 16):
                total += len(chunk)
                inbox.feed(chunk)
                if total > OUTPUT_BYTES:
                    inbox.end(f"it wrote more than {OUTPUT_BYTES >> 30} GiB")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_SECONDS):
                    inbox.end(f"it ended with exit {await self._process.wait()}")
        finally:
            inbox.end("it closed its standard output")

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(1 << 12):
            self._words += chunk
            del self._words[:-_LAST_WORDS]
