"""The servers of an attempt, opened beside its box and closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError, SandboxLost
from midwatch.domain.interventions import McpConnected, OfferedTool
from midwatch.domain.task import McpUse
from midwatch.sandbox.base import Box
from midwatch.tools.base import Tool
from midwatch.tools.cut import harmless
from midwatch.tools.mcp.choice import lets_through
from midwatch.tools.mcp.config import McpSettings, ServerSettings
from midwatch.tools.mcp.connection import Connection, Dial
from midwatch.tools.mcp.inbox import Inbox
from midwatch.tools.mcp.lines import HttpLine, ProcessLine, bearer
from midwatch.tools.mcp.oauth import authorization
from midwatch.tools.mcp.offers import offers
from midwatch.tools.mcp.process import BoxServer, HostServer, Server
from midwatch.tools.mcp.tool import McpTool


@dataclass(frozen=True, slots=True)
class Ground:
    """What servers stand on."""

    box: Box
    network: bool
    """Whether the box reaches any host."""
    environ: Mapping[str, str]
    """The person's; trusted servers are given a part of it."""
    state: Path
    """Where tokens are kept."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Open servers."""

    tools: tuple[Tool, ...]
    new: tuple[McpConnected, ...] = ()
    """For the log: what had not been opened before."""


@asynccontextmanager
async def connected(
    uses: Sequence[McpUse], settings: McpSettings, known: Mapping[str, McpConnected], ground: Ground
) -> AsyncIterator[Connected]:
    """Open those servers that are not `known` (by name, as they were first opened) and those that are required; the
    others when they are called. All end with the context. Raises InputError for one that the settings lack,
    OperationError for a required one that cannot be opened, SandboxLost."""
    connections = [_connection(use, settings.server(use.server), ground) for use in uses]
    try:
        pairs = zip(uses, connections, strict=True)
        opening = [_introduced(use, one) for use, one in pairs if use.server not in known or one.settings.required]
        new = [body for body in await _together(opening) if body.server not in known]
        offered = {**{body.server: body for body in new}, **known}
        tools = tuple(
            tool
            for use, connection in zip(uses, connections, strict=True)
            for tool in _tools(use, connection, offered[use.server].tools, network=ground.network)
        )
        yield Connected(tools, tuple(new))
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


async def _together(opening: Sequence[Coroutine[None, None, McpConnected]]) -> list[McpConnected]:
    """All at once; when one raises, the others are let end first."""
    results = await asyncio.gather(*opening, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, McpConnected)]


async def _introduced(use: McpUse, connection: Connection) -> McpConnected:
    """Open a server for the first time."""
    settings = connection.settings
    try:
        listed = await connection.open()
    except (SandboxLost, InputError):
        raise
    except OperationError as error:
        if settings.required:
            raise OperationError(
                f"the MCP server {use.server}, which is required, cannot be used: {error.message}",
                error.mend or f"mend [mcp.servers.{use.server}] in the settings, or take `required` out",
            ) from error
        return McpConnected(use.server, settings.place, "", (), error.message)
    wanted = [
        tool for tool in listed if lets_through(settings, tool.name) and (not use.tools or tool.name in use.tools)
    ]
    missing = sorted({*use.tools, *settings.tools} - {tool.name for tool in listed})
    lacking = f"it does not offer {', '.join(missing)}" if missing else ""
    return McpConnected(
        use.server, settings.place, connection.identity, offers(use.server, wanted), harmless(lacking, newlines=False)
    )


def _tools(use: McpUse, connection: Connection, offered: Sequence[OfferedTool], *, network: bool) -> list[Tool]:
    contained = connection.settings.place == "box" and not network
    return [McpTool(one, connection, contained=contained, named=one.tool in use.tools) for one in offered]


def _connection(use: McpUse, settings: ServerSettings, ground: Ground) -> Connection:
    return Connection(use.server, settings, _dial(use.server, settings, ground))


def _dial(name: str, settings: ServerSettings, ground: Ground) -> Dial:
    if settings.url:
        return lambda: dial_http(name, settings, ground.environ, ground.state)

    async def launch(inbox: Inbox) -> Server:
        if settings.trusted:
            return await HostServer.start(settings, ground.environ, inbox)
        return await BoxServer.start(name, settings, ground.box, inbox)

    return lambda: ProcessLine(launch)


def dial_http(name: str, settings: ServerSettings, environ: Mapping[str, str], state: Path) -> HttpLine:
    """A line to a server that is reached over HTTP, with what it needs to know of the person."""
    headers = dict(settings.headers)
    if settings.bearer_token_env:
        headers["Authorization"] = bearer(name, settings.bearer_token_env, environ)
    auth = None if "authorization" in {key.lower() for key in headers} else authorization(name, settings, state)
    return HttpLine(name, settings, headers, auth)
