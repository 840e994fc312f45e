"""What a server runs with, told without any secret: only what is named here is told, and of what may hold a secret
whether it is set."""

from __future__ import annotations

import dataclasses
import json
import platform
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from midwatch import __version__
from midwatch.models.config import settings_path
from midwatch.workspace.names import without_secret

if TYPE_CHECKING:
    from midwatch.models.config import ModelSettings
    from midwatch.settings import Settings
    from midwatch.tools.mcp.config import McpSettings
    from midwatch.wiring import Home

_PARTS = ("server", "limits", "sandbox", "environments", "agent", "retention", "telemetry")
"""Tables of the settings whose values name things and numbers; secrets are named there by their variables."""
_SET, _UNSET = "is set", "is not set"
_SECRET = re.compile(r"(secret|token|password|key)$")
"""How a value would be called that is told to nobody."""


class SettingAnswer(BaseModel):
    """A setting."""

    key: str = Field(description="As in the settings file: `server.session_hours`.")
    value: str = Field(description="As JSON; of what may hold a secret whether it is set.")
    own: bool = Field(description="It differs from the default.")


class Running(BaseModel):
    """What the server runs with."""

    version: str
    python: str
    system: str
    database: str = Field(description="`SQLite` or `PostgreSQL`.")
    place: str = Field(description="Of the database, without a password.")
    state: str = Field(description="The state folder.")
    settings_file: str = Field(description="Where the settings are read from, when the server starts.")
    there: bool = Field(description="Whether there is such a file.")
    settings: list[SettingAnswer]


def running(home: Home) -> Running:
    """Of a process. Raises InputError for settings that cannot be read."""
    database, path = home.store.database, settings_path(home.environ)
    return Running(
        version=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        database="PostgreSQL" if database.place.startswith("postgres") else "SQLite",
        place=without_secret(database.place),
        state=without_secret(str(home.state)),
        settings_file=without_secret(str(path)),
        there=path.is_file(),
        settings=[
            SettingAnswer(key=key, value=_shown(value), own=value != default)
            for key, value, default in _settings(home.settings)
        ],
    )


def _settings(settings: Settings) -> Iterator[tuple[str, Any, Any]]:
    yield from _models(settings.models)
    for name in _PARTS:
        part = getattr(settings, name)
        yield from _leaves(name, part, type(part)())
    yield from _mcp(settings.mcp)


def _leaves(name: str, value: Any, default: Any) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and default of what is in a table and in those within."""
    for field in dataclasses.fields(value):
        key, found, usual = f"{name}.{field.name}", getattr(value, field.name), getattr(default, field.name)
        if dataclasses.is_dataclass(found):
            yield from _leaves(key, found, usual)
        elif isinstance(found, Mapping) and any(dataclasses.is_dataclass(one) for one in found.values()):
            for inner, one in found.items():
                yield from _leaves(f"{key}.{inner}", one, type(one)())
        elif isinstance(found, str) and _SECRET.search(field.name):
            yield key, _SET if found else _UNSET, _UNSET
        else:
            yield key, found, usual


def _models(models: ModelSettings) -> Iterator[tuple[str, Any, Any]]:
    yield "model", models.model, "repair"
    yield "fallback", models.fallback, ""
    for name, provider in sorted(models.providers.items()):
        if provider.api_key_env:
            known = bool(models.environ.get(provider.api_key_env)) or bool(provider.api_key_command)
            yield f"providers.{name}.api_key", _SET if known else _UNSET, _UNSET


def _mcp(mcp: McpSettings) -> Iterator[tuple[str, Any, Any]]:
    for name, server in sorted(mcp.servers.items()):
        how = "a command" if server.command else "an address"
        yield f"mcp.servers.{name}", f"{how}, for all tasks" if server.default else f"{how}, where it is asked for", ""


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        value = dict(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return without_secret(text).encode("utf-8", "replace").decode()
