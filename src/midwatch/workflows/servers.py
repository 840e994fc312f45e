"""The MCP servers of a task, opened beside its box."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.agent.log import Log
from midwatch.domain.interventions import McpConnected
from midwatch.domain.observer import Observer, Silent
from midwatch.domain.task import Task
from midwatch.sandbox.base import Box
from midwatch.tools.mcp.choice import require_client
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.toolset import ToolSet
from midwatch.workflows.environment import OPEN


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What opening servers takes of the person and the machine."""

    state: Path
    observer: Observer = field(default_factory=Silent)
    settings: McpSettings = field(default_factory=McpSettings)
    environ: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def equipped(task: Task, log: Log, box: Box, tools: ToolSet, parts: ServerParts) -> AsyncIterator[ToolSet]:
    """`tools` and those of the task's MCP servers, which end with the context. What a server offered when it was first
    opened in this attempt is in the log, and is what the model goes on being shown. Raises InputError and
    OperationError as `connected`."""
    if not task.mcp:
        yield tools
        return
    require_client()
    from midwatch.tools.mcp.servers import Ground, connected  # their library takes a second

    network = bool(task.terms.hosts) or task.mode == "full" or task.sandbox == OPEN
    ground = Ground(box, network, parts.environ, parts.state)
    parts.observer.phase("opening MCP servers: " + ", ".join(use.server for use in task.mcp))
    async with connected(task.mcp, parts.settings, _known(log), ground) as servers:
        if servers.new:
            await log.append(*servers.new)
        yield tools.plus(servers.tools)


async def log_in(name: str, parts: ServerParts, show: Callable[[str], None]) -> bool:
    """Log in to a server that is reached over HTTP: `show` is told the address to open in a browser. False when it asks
    for no login. Waits for the person, some minutes at most. Raises InputError and OperationError."""
    settings = parts.settings.server(name)
    require_client()
    from midwatch.tools.mcp import oauth

    return await oauth.log_in(name, settings, parts.state, show)


def _known(log: Log) -> dict[str, McpConnected]:
    """How each server was first opened in this attempt; one that could not be is tried again."""
    known: dict[str, McpConnected] = {}
    for event in log.events:
        if isinstance(event.body, McpConnected) and (event.body.tools or not event.body.error):
            known.setdefault(event.body.server, event.body)
    return known
