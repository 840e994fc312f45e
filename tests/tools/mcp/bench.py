"""Servers on a box of the `process` driver, and their tools called by name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from midwatch.domain.interventions import McpConnected
from midwatch.domain.task import McpUse
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.mcp.config import McpSettings, ServerSettings
from midwatch.tools.mcp.servers import Ground, connected
from midwatch.tools.toolset import ToolSet
from tests.tools.folder_box import WatchedBox

SERVER = str(Path(__file__).parents[2] / "support/mcp_server.py")


def ours(*flags: str, **more: Any) -> ServerSettings:
    """The server of tests/support, as settings."""
    return ServerSettings(command=sys.executable, args=(SERVER, *flags), **more)


@dataclass
class Opened:
    """Servers that are open."""

    tools: ToolSet
    by_name: Mapping[str, Tool]
    new: tuple[McpConnected, ...]
    bench: Bench

    async def call(self, name: str, /, **arguments: Any) -> ToolResult:
        """Call one; the short name of a tool of the server `test` will do."""
        full = name if name.startswith("mcp__") else f"mcp__test__{name}"
        return await self.by_name[full].run(json.dumps(arguments), self.bench)


@asynccontextmanager
async def opened(
    table: Bench,
    servers: Mapping[str, ServerSettings] | ServerSettings,
    *uses: McpUse,
    known: Mapping[str, McpConnected] | None = None,
    network: bool = False,
    **more: Any,
) -> AsyncIterator[Opened]:
    """All of them, or those that `uses` name. `more`: fields of the bench."""
    by_name = {"test": servers} if isinstance(servers, ServerSettings) else servers
    wanted = uses or tuple(McpUse(name) for name in by_name)
    assert isinstance(table.box, WatchedBox)
    ground = Ground(table.box, network, dict(os.environ), Path(table.box.workdir).parent / "state")
    async with connected(wanted, McpSettings(by_name), known or {}, ground) as made:
        tools = ToolSet(()).plus(made.tools)
        names = {tool.spec.name: tool for tool in made.tools}
        yield Opened(tools, names, made.new, replace(table, call_id="call_1", **more))
