"""The settings of MCP servers: the table `[mcp]` of the settings file. Checked with pydantic when it is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from annotated_types import Gt

from midwatch.domain.errors import InputError

Positive = Annotated[float, Gt(0)]

NONE = "none"
"""In place of a server's name: no server at all."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,30}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_HTTP = ("headers", "bearer_token_env", "oauth_client_id")
_OF_STDIO = ("args", "env", "env_from")


@dataclass(frozen=True)
class ServerSettings:
    """One server. It is a command (spoken to over its standard input and output) or an address (streamable HTTP)."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    command: str = ""
    """The program; found on PATH of where it runs."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables for it. Those of a server inside the sandbox can be read by everything there."""
    env_from: tuple[str, ...] = ()
    """Names of the person's variables that a trusted server is given."""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer_token_env: str = ""
    """The person's variable that holds the token to send."""
    oauth_client_id: str = ""
    """For servers that do not register clients by themselves."""
    trusted: bool = False
    """It may run outside the sandbox, or is outside already."""
    tools: tuple[str, ...] = ()
    """The only ones that are offered; empty for all."""
    exclude: tuple[str, ...] = ()
    """Those that are not."""
    allow: tuple[str, ...] = ()
    """Tools of a trusted server that may change something without asking a person; `*` for all."""
    startup_seconds: Positive = 30
    call_seconds: Positive = 120
    required: bool = False
    """Without it the task does not go on."""
    default: bool = False
    """For every task that does not say otherwise."""
    read_only_calls_in_parallel: bool = True
    """Calls that it says only read may run beside others."""

    @property
    def place(self) -> str:
        """As in `McpConnected`."""
        if self.url:
            parts = urlsplit(self.url)  # a query may hold a key
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return "host" if self.trusted else "box"


@dataclass(frozen=True)
class McpSettings:
    """What a person says about MCP servers."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    servers: Mapping[str, ServerSettings] = field(default_factory=dict)

    def server(self, name: str) -> ServerSettings:
        """Raises InputError for one that there is not."""
        if name not in self.servers:
            known = ", ".join(self.servers) or "none"
            raise InputError(
                f"there is no MCP server {name!r} in the settings (there are: {known})",
                f"add a table [mcp.servers.{name}] to the settings file, or ask for another one",
            )
        return self.servers[name]


def check(settings: McpSettings, source: str) -> McpSettings:
    """The same; raises InputError that names the server, the key and the mend for what cannot be."""
    for name, server in settings.servers.items():
        where = f"{source}: [mcp.servers.{name}]"
        if not _NAME.fullmatch(name) or name == NONE or "__" in name:
            raise InputError(
                f"{where}: {name!r} cannot be the name of a server",
                "use up to 32 letters and digits, with single underscores or hyphens between them; not `none`",
            )
        if wrong := _wrong(server):
            raise InputError(f"{where}: {wrong[0]}", wrong[1])
    return settings


def _wrong(server: ServerSettings) -> tuple[str, str] | None:
    """What cannot be, and the mend."""
    if bool(server.command) == bool(server.url):
        both = "both command and url" if server.url else "neither command nor url"
        return f"it has {both}", "give `command` for a program or `url` for a server that is reached over HTTP"
    for key in _OF_STDIO if server.url else _OF_HTTP:
        if getattr(server, key):
            return f"{key} does not go with {'url' if server.url else 'command'}", f"leave {key} out"
    for variable in (*server.env, *server.env_from):
        if not _VARIABLE.fullmatch(variable):
            return f"env: {variable!r} is no name of a variable", "use letters, digits and underscores"
    if any("\0" in word for word in (server.command, *server.args, *server.env.values())):
        return "a word holds a NUL character", "leave it out"
    if server.env_from and not server.trusted:
        return (
            "env_from would hand your variables to the sandbox",
            "give `trusted = true` to run the server outside, or `env` with values that are no secrets",
        )
    return _wrong_address(server) if server.url else None


def _wrong_address(server: ServerSettings) -> tuple[str, str] | None:
    try:
        parts = urlsplit(server.url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or not server.url.isascii() or not server.url.isprintable() or " " in server.url:
        return f"url is no address: {server.url!r}", "write one like https://mcp.example.com/mcp"
    if not server.trusted:
        return (
            "it is outside the sandbox, and what the agent sends it leaves this machine",
            "add `trusted = true` when that is wanted",
        )
    for name, value in server.headers.items():
        if not name or not (name + value).isascii() or not (name + value).isprintable():
            return f"headers: {name!r} holds characters that are not allowed", "mend it, or leave it out"
    return None
