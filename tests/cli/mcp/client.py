"""A client: the protocol's own library, driving the real `midwatch mcp` over standard input and output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.conftest import Program


class Refused(Exception):
    """The tool answered with an error; its text."""


@dataclass
class Talk:
    """A client that is connected."""

    client: Client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; its structured content. Raises Refused."""
        result: Any = await self.client.call_tool(tool, arguments)
        if result.is_error:
            raise Refused(result.content[0].text)
        return dict(result.structured_content)

    async def done(self, task_id: str) -> dict[str, Any]:
        """Wait until nobody works on it; its status."""
        for _ in range(20):
            status = await self("wait_for_task", id=task_id, seconds=30)
            if status["over"]:
                return status
        raise AssertionError(f"it is not over: {status}")


@asynccontextmanager
async def talking(
    program: Program,
    *options: str,
    roots: Sequence[Path] = (),
    model: str = "openai/scripted",
    sandbox: str = "process",
) -> AsyncIterator[Talk]:
    """`midwatch mcp` with a client; tasks have that model, and no isolation unless told otherwise."""
    named = [part for root in (roots or [program.repo]) for part in ("--root", str(root))]
    command, *arguments = program.argv("mcp", *named, "--sandbox", sandbox, *options)
    environ = {**program.env(), "MIDWATCH_MODEL": model}
    parameters = StdioServerParameters(command=command, args=arguments, env=environ, cwd=program.folder)
    async with Client(stdio_client(parameters, errlog=sys.stderr)) as client:
        yield Talk(client)
