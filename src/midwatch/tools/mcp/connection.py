"""A server of an attempt: opened when it is needed, called, opened once more when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mcp_types
from mcp import Client, MCPError
from mcp_types import Implementation
from pydantic import ValidationError

from midwatch import __version__
from midwatch.domain.errors import MidwatchError, OperationError, SandboxLost
from midwatch.tools.cut import harmless
from midwatch.tools.mcp.config import ServerSettings
from midwatch.tools.mcp.lines import Line, said
from midwatch.tools.mcp.offers import TOOLS_CAP, Listed

Dial = Callable[[], Line]

_TERMINATED = "Session terminated"
"""What the library makes of a server that has forgotten us."""
_CLOSED = "Connection closed"
"""And of one that has gone."""
_CLOSING_SECONDS = 10.0


class CallFailed(Exception):
    """A call that has no result; the text says why, for the model."""

    def __init__(self, text: str, ended: str, words: str = "") -> None:
        """`ended`: in few words. `words`: what the server itself says of it."""
        super().__init__(text)
        self.ended = ended
        self.words = words


@dataclass(slots=True)
class _Opened:
    """The connection as it is now. It lives in a task of its own, since the library's contexts belong to one task."""

    line: Line
    client: Client
    task: asyncio.Task[None]
    enough: asyncio.Event
    tools: dict[str, Listed]
    stale: bool = False
    """The server has said that it offers other tools now."""

    @property
    def lost(self) -> bool:
        return self.line.over or self.task.done() or self.enough.is_set()


class Connection:
    """To one server. Calls may be made side by side."""

    def __init__(self, name: str, settings: ServerSettings, dial: Dial) -> None:
        self.name = name
        self.settings = settings
        self._dial = dial
        self._lock = asyncio.Lock()
        self._now: _Opened | None = None
        self._begun = False
        self._spare = 1
        """How often it may be opened anew; a call that was answered gives it back."""
        self._reason = ""

    @property
    def identity(self) -> str:
        """Name and version, as it says; empty before it is opened."""
        info = self._now.client.server_info if self._now else None
        return harmless(f"{info.name} {info.version}", newlines=False)[:100].strip() if info else ""

    async def open(self) -> list[Listed]:
        """The tools that it offers now. Raises SandboxLost, InputError, and OperationError for a server that cannot be
        opened."""
        async with self._lock:
            now = await self._opened()
            return list(now.tools.values())

    async def call(self, tool: str, arguments: dict[str, Any], seconds: float) -> mcp_types.CallToolResult:
        """One call. Raises CallFailed and SandboxLost. Cancelling tells the server so."""
        try:
            async with self._lock:
                now = await self._opened()
                if now.stale:
                    async with asyncio.timeout(seconds):
                        now.tools, now.stale = await _list(now.client), False
        except SandboxLost:
            raise
        except TimeoutError:
            raise CallFailed(
                f"The MCP server {self.name} did not list its tools within {seconds:g} s.", "time limit"
            ) from None
        except (MidwatchError, MCPError, ValidationError) as error:
            words = error.message if isinstance(error, MidwatchError) else said(error)
            raise CallFailed(f"The MCP server {self.name} does not answer.", "server gone", words) from error
        if tool not in now.tools:
            raise CallFailed(f"The MCP server {self.name} does not offer {tool} any more.", "not offered")
        try:
            result = await _ask(now.client, tool, arguments, seconds)
        except (MCPError, ValueError, RuntimeError, OSError) as error:
            raise await self._failed(now, error, seconds) from error
        self._spare = 1
        return result

    async def close(self) -> None:
        """Let go, and end a program that was started. May be called twice."""
        async with self._lock:
            await self._close()

    async def _opened(self) -> _Opened:
        if self._now is not None and not self._now.lost:
            return self._now
        if self._begun:
            if self._now is not None:
                self._reason = await self._now.line.why() or self._reason
            if not self._spare:
                why = f" ({self._reason})" if self._reason else ""
                raise OperationError(f"it has ended{why}, and was started anew once already")
            self._spare -= 1
        await self._close()
        self._begun = True
        self._now = await self._open()
        return self._now

    async def _open(self) -> _Opened:
        """Some servers take the first message of newer clients amiss; those are spoken to as before."""
        try:
            async with asyncio.timeout(self.settings.startup_seconds):
                try:
                    return await self._connect("auto")
                except _Refused as refused:
                    if not refused.again:
                        raise
                    return await self._connect("legacy")
        except TimeoutError:
            raise OperationError(
                f"it did not answer within {self.settings.startup_seconds:g} s of its start",
                f"raise startup_seconds of [mcp.servers.{self.name}] where it needs longer",
            ) from None

    async def _connect(self, mode: str) -> _Opened:
        loop = asyncio.get_running_loop()
        line, ready, enough = self._dial(), loop.create_future(), asyncio.Event()
        task = loop.create_task(self._attend(line, mode, ready, enough))
        try:
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        if ready.done():
            client, tools = ready.result()
            return _Opened(line, client, task, enough, tools)
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        if isinstance(error, MidwatchError):
            raise error
        why = await line.why() or (said(error) if error else "it ended at once")
        self._reason = why
        raise _Refused(harmless(f"it cannot be spoken to: {why}")[:1500], again=mode == "auto" and line.over)

    async def _attend(
        self, line: Line, mode: str, ready: asyncio.Future[tuple[Client, dict[str, Listed]]], enough: asyncio.Event
    ) -> None:
        who = Implementation(name="midwatch", version=__version__)
        client = Client(line.streams(), mode=mode, client_info=who, cache=None, message_handler=self._notice)
        try:
            async with client:
                ready.set_result((client, await _list(client)))
                await enough.wait()
        except BaseExceptionGroup as group:
            inner: BaseException = group
            while isinstance(inner, BaseExceptionGroup):
                inner = inner.exceptions[0]
            raise inner from None

    async def _notice(self, message: object) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification) and self._now is not None:
            self._now.stale = True

    async def _failed(self, now: _Opened, error: Exception, seconds: float) -> CallFailed:
        if isinstance(error, TimeoutError):
            now.enough.set()
        if isinstance(error, TimeoutError) or (isinstance(error, MCPError) and error.code == mcp_types.REQUEST_TIMEOUT):
            return CallFailed(
                f"The MCP server {self.name} did not answer within {seconds:g} s; the call was taken back.",
                "time limit",
            )
        if isinstance(error, MCPError) and error.message == _TERMINATED:
            now.enough.set()
        if isinstance(error, MCPError) and error.message == _CLOSED and not now.lost:
            await asyncio.wait([now.task], timeout=_CLOSING_SECONDS)
        if now.lost:
            self._reason = await now.line.why() or (_reason(now.task) or said(error))
            text = f"The MCP server {self.name} ended during the call, which may have been done in part or whole."
            return CallFailed(text, "server gone", self._reason)
        if isinstance(error, MCPError):
            return CallFailed(f"The MCP server {self.name} refused the call.", "refused", error.message)
        return CallFailed(f"The MCP server {self.name} gave an answer that cannot be read.", "unreadable")

    async def _close(self) -> None:
        now, self._now = self._now, None
        if now is None:
            return
        now.enough.set()
        if not (await asyncio.wait([now.task], timeout=_CLOSING_SECONDS))[0]:
            now.task.cancel()
            await asyncio.wait([now.task])
        if not now.task.cancelled():
            now.task.exception()  # looked at: how a connection ends is no matter any more


class _Refused(OperationError):
    """The server could not be spoken to; `again`: perhaps in the older way."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


async def _ask(client: Client, tool: str, arguments: dict[str, Any], seconds: float) -> mcp_types.CallToolResult:
    # Not `Client.call_tool`: it checks results against the server's own schema, whose patterns may take for ever.
    params = mcp_types.CallToolRequestParams(name=tool, arguments=arguments)
    request = mcp_types.CallToolRequest(params=params)
    async with asyncio.timeout(seconds + _CLOSING_SECONDS):  # a server that does not even read the call
        return await client.session.send_request(
            request, mcp_types.CallToolResult, request_read_timeout_seconds=seconds
        )


async def _list(client: Client) -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    cursor: str | None = None
    for _ in range(TOOLS_CAP):
        page = await client.session.list_tools(params=mcp_types.PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            hints = tool.annotations
            reads_only = bool(hints and hints.read_only_hint)
            repeatable = reads_only or bool(hints and hints.idempotent_hint)
            found[tool.name] = Listed(tool.name, tool.description or "", tool.input_schema, reads_only, repeatable)
        cursor = page.next_cursor
        if cursor is None or len(found) >= 4 * TOOLS_CAP:
            break
    return found


def _reason(task: asyncio.Task[None]) -> str:
    error = task.exception() if task.done() and not task.cancelled() else None
    return said(error) if error else ""
