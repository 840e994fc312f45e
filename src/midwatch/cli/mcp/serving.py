"""Serving until the client goes or a person says so."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer

from midwatch.domain.errors import InputError
from midwatch.engine.disk import full_or_broken

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def until_told(serving: Coroutine[Any, Any, None]) -> bool:
    """Serve to the end. True when a signal came first: the serving goes on then, since a thread of it may be waiting
    for input that never comes, and the caller must leave the process."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.set)
    work, waiting = loop.create_task(serving), loop.create_task(told.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return not work.done()
    finally:
        waiting.cancel()


class _Quiet(uvicorn.Server):
    """Leaves signals to us, and says where it listens."""

    listening: Callable[[int], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening(self.servers[0].sockets[0].getsockname()[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def over_http(server: MCPServer[Any], port: int, token: str, listening: Callable[[int], None]) -> None:
    """Serve on loopback. `listening` is told the port, which is a free one for 0."""
    app = _guarded(server.streamable_http_app(), token)
    serving = _Quiet(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    serving.listening = listening
    try:
        await serving.serve()
    except SystemExit:
        raise InputError(f"the port {port} cannot be had", "give another one, or 0 for any that is free") from None


def _guarded(app: App, token: str) -> App:
    """Let nobody in who does not bring the token."""
    wanted = f"Bearer {token}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, wanted):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b"the bearer token is missing or wrong\n"})
                return
        await app(scope, receive, send)

    return guarded


def token_of(folder: Path) -> tuple[str, Path]:
    """The token that clients must bring, and the file that holds it, which only its owner can read; made when it is not
    there. Raises OperationError when it cannot be written."""
    path = folder / "token"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        token = path.read_text("ascii").strip()
        if not token:
            token = secrets.token_urlsafe(32)
            path.write_text(f"{token}\n", "ascii")
    except OSError as error:
        raise full_or_broken(path, error) from error
    return token, path
