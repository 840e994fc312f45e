"""The MCP servers of a task, opened beside its box."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.agent.log import Log
from midwatch.domain.errors import InputError
from midwatch.domain.interventions import McpConnected
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.sandbox.base import Box
from midwatch.tools.base import ToolSet
from midwatch.tools.mcp.config import McpSettings
from midwatch.workflows.environment import OPEN


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What opening servers takes of the person and the machine."""

    state: Path
    observer: Observer
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
    try:
        from midwatch.tools.mcp.servers import Ground, connected  # its library takes a second
    except ImportError as error:
        raise InputError(
            "the task uses MCP servers, and the MCP client is not installed", "pip install 'midwatch[mcp]'"
        ) from error
    network = bool(task.terms.hosts) or task.mode == "full" or task.sandbox == OPEN
    ground = Ground(box, network, parts.environ, parts.state)
    parts.observer.phase("opening MCP servers: " + ", ".join(use.server for use in task.mcp))
    async with connected(task.mcp, parts.settings, _known(log), ground) as servers:
        if servers.new:
            await log.append(*servers.new)
        yield tools.plus(servers.tools)


def _known(log: Log) -> dict[str, McpConnected]:
    """How each server was first opened in this attempt; one that could not be is tried again."""
    known: dict[str, McpConnected] = {}
    for event in log.events:
        if isinstance(event.body, McpConnected) and (event.body.tools or not event.body.error):
            known.setdefault(event.body.server, event.body)
    return known
