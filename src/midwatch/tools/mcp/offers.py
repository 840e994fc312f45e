"""What a server offers, made fit to be shown to a model. It is text of a third party: capped, and marked as such."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.domain.interventions import OfferedTool
from midwatch.tools.cut import harmless

NAME_CAP = 64
"""Characters: what every provider takes."""
DESCRIPTION_CAP = 1000
SCHEMA_CAP = 16 << 10
"""Bytes of JSON."""
TOOLS_CAP = 128
"""Of one server."""
_TOOL_NAME_CAP = 256
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    reads_only: bool
    repeatable: bool


def offers(server: str, listed: Iterable[Listed]) -> tuple[OfferedTool, ...]:
    """In the order of their names, whatever the order of the server's list; so that a prompt begins alike each time."""
    taken: set[str] = set()
    found = {tool.name: tool for tool in listed if 0 < len(tool.name) <= _TOOL_NAME_CAP}
    made = []
    for tool in sorted(found.values(), key=lambda tool: tool.name)[:TOOLS_CAP]:
        name = _name(server, tool.name, taken)
        taken.add(name)
        schema, note = _schema(tool.schema)
        words = f"[A tool of the MCP server {server!r}, which says of it:] {harmless(tool.description.strip())}"
        words = words if len(words) <= DESCRIPTION_CAP else words[: DESCRIPTION_CAP - 1] + "…"
        made.append(OfferedTool(name, tool.name, words + note, schema, tool.reads_only, tool.repeatable))
    return tuple(made)


def _name(server: str, tool: str, taken: set[str]) -> str:
    name = f"mcp__{server}__{_UNFIT.sub('_', tool)}"
    if len(name) <= NAME_CAP and name not in taken:
        return name
    mark = "_" + hashlib.sha256(f"{server}\0{tool}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return name[: NAME_CAP - len(mark)] + mark


def _schema(schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The schema of an object, and what to say where the server's own cannot be shown."""
    fit = {key: value for key, value in schema.items() if key != "$schema"}
    if fit.get("type", "object") != "object":
        return _anything(), "\n[Its arguments are described in a form that cannot be shown.]"
    fit = {"type": "object", **fit}
    if not isinstance(fit.setdefault("properties", {}), dict):
        return _anything(), "\n[Its arguments are described in a form that cannot be shown.]"
    try:
        size = len(json.dumps(fit, allow_nan=False).encode())
        json.dumps(fit, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return _anything(), "\n[Its arguments are described in a form that cannot be shown.]"
    if size > SCHEMA_CAP:
        return _anything(), f"\n[The description of its arguments is longer than {SCHEMA_CAP >> 10} KiB; left out.]"
    return fit, ""


def _anything() -> dict[str, Any]:
    return {"type": "object", "properties": {}}
