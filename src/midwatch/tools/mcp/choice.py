"""Which MCP servers, and which of their tools, a task may use."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from midwatch.domain.errors import InputError
from midwatch.domain.extras import install
from midwatch.domain.task import McpUse
from midwatch.tools.mcp.config import NONE, McpSettings, ServerSettings


def require_client() -> None:
    """Raises InputError where the library that speaks the protocol is not installed. Does not load it."""
    if find_spec("mcp") is None or find_spec("mcp_types") is None:  # before 2.0 there was only the first
        raise InputError("the MCP client is not installed, or too old", f"install it beside Midwatch: {install('mcp')}")


def chosen(asked: Sequence[str], settings: McpSettings) -> tuple[McpUse, ...]:
    """What `--mcp NAME[:tool,tool]` asks for; without any, the servers that are there by default. Raises InputError."""
    uses = _chosen(asked, settings)
    if uses:
        require_client()
    return uses


def _chosen(asked: Sequence[str], settings: McpSettings) -> tuple[McpUse, ...]:
    if not asked:
        return tuple(McpUse(name) for name, server in settings.servers.items() if server.default)
    if NONE in asked:
        if len(asked) > 1:
            raise InputError(f"--mcp {NONE} goes with no other server", "leave one of them out")
        return ()
    uses: dict[str, McpUse] = {}
    for text in asked:
        use = _use(text, settings)
        if use.server in uses:
            raise InputError(f"--mcp names {use.server!r} twice", f"name its tools together: {use.server}:first,second")
        uses[use.server] = use
    return tuple(uses.values())


def _use(text: str, settings: McpSettings) -> McpUse:
    name, colon, listed = text.partition(":")
    server = settings.server(name)
    tools = tuple(dict.fromkeys(word.strip() for word in listed.split(",") if word.strip()))
    if colon and not tools:
        raise InputError(f"--mcp {text}: no tool is named", f"write --mcp {name}, or --mcp {name}:TOOL,TOOL")
    for tool in tools:
        if not lets_through(server, tool):
            raise InputError(
                f"--mcp {text}: the settings do not let the tool {tool!r} through",
                f"see `tools` and `exclude` of [mcp.servers.{name}]",
            )
    return McpUse(name, tools)


def lets_through(server: ServerSettings, tool: str) -> bool:
    """Whether the settings let this tool be offered at all."""
    return (not server.tools or tool in server.tools) and tool not in server.exclude


def note(use: McpUse, settings: McpSettings) -> str:
    """A line for the person who starts the task."""
    server = settings.server(use.server)
    where = {"box": "in the sandbox", "host": "on this machine, outside the sandbox"}.get(server.place, server.place)
    return f"mcp: {use.server} ({where}), {', '.join(use.tools) or 'all its tools'}"
