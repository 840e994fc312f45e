"""The API's types for the web page, made from the server's own OpenAPI document: `web/src/generated.ts`.

python -m scripts.page_types writes the file; `tests/web/test_pages.py` says when it is stale.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midwatch import wiring
from midwatch.engine.fake import FakeEngine, Hub
from midwatch.server.admission import PREFIX
from midwatch.server.app import make_app

TARGET = Path(__file__).parents[1] / "web" / "src" / "generated.ts"
_HEAD = """// Made by `python -m scripts.page_types` from the server's OpenAPI document. Not to be edited.

export type Nothing = Record<string, never>;
"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_METHODS = ("get", "post", "put", "patch", "delete")

Schema = Mapping[str, Any]


async def document() -> dict[str, Any]:
    """The OpenAPI document of a server without settings."""
    with tempfile.TemporaryDirectory() as folder:
        async with wiring.home({"HOME": folder}) as home:
            found: dict[str, Any] = make_app(home, FakeEngine(Hub())).openapi()
            return found


def typescript(found: Schema) -> str:
    """The file's text."""
    shapes = found["components"]["schemas"]
    parts = [_HEAD, *(_interface(name, shapes[name]) for name in sorted(shapes)), _paths(found["paths"])]
    return "\n".join(parts)


def _interface(name: str, schema: Schema) -> str:
    if schema.get("type") != "object" or "properties" not in schema:
        return f"export type {_name(name)} = {_type(schema)};\n"
    return f"export interface {_name(name)} {_object(schema, '')}\n"


def _name(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _object(schema: Schema, indent: str) -> str:
    required, lines = schema.get("required", ()), ["{"]
    for field, shape in schema["properties"].items():
        if about := shape.get("description"):
            lines.append(f"{indent}  /** {' '.join(about.split()).replace('*/', '* /')} */")
        # what has a default is always there in answers; in what is asked it may be left out
        key = field if re.fullmatch(r"[A-Za-z_$][\w$]*", field) else json.dumps(field)
        found = _type(shape, indent + "  ")
        lines.append(f"{indent}  {key}: {found};" if field in required else f"{indent}  {key}?: {found} | undefined;")
    return "\n".join([*lines, indent + "}"])


def _type(schema: Schema, indent: str = "") -> str:
    """A type expression."""
    if reference := schema.get("$ref"):
        return _name(reference.rsplit("/", 1)[-1])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            joint = " & " if several == "allOf" else " | "
            return joint.join(dict.fromkeys(_type(one, indent) for one in schema[several]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, indent) for one in kind)
    if kind == "array":
        inner = _type(schema.get("items", {}), indent)
        return f"({inner})[]" if " " in inner and not inner.startswith("{") else f"{inner}[]"
    if kind == "object":
        if "properties" in schema:
            return _object(schema, indent)
        more = schema.get("additionalProperties", True)
        return f"Record<string, {_type(more, indent) if isinstance(more, Mapping) else 'unknown'}>"
    return _PLAIN.get(kind or "", "unknown")


def _paths(paths: Schema) -> str:
    """What each address takes and answers, below the prefix of the API."""
    lines = ["export interface Paths {"]
    for path in sorted(path for path in paths if path.startswith(PREFIX)):
        lines.append(f"  {json.dumps(path.removeprefix(PREFIX))}: {{")
        known = [(method, paths[path][method]) for method in _METHODS if method in paths[path]]
        lines += [f"    {method.upper()}: {_operation(operation)};" for method, operation in known]
        lines.append("  };")
    return "\n".join([*lines, "}", ""])


def _operation(operation: Schema) -> str:
    parameters = operation.get("parameters", ())
    path, query = (_parameters(parameters, where) for where in ("path", "query"))
    return f"{{ path: {path}; query: {query}; body: {_body(operation)}; answer: {_answer(operation)} }}"


def _parameters(parameters: Any, where: str) -> str:
    found = [one for one in parameters if one["in"] == where]
    fields = (_parameter(one["name"], _type(one.get("schema", {})), bool(one.get("required"))) for one in found)
    return f"{{ {'; '.join(fields)} }}" if found else "Nothing"


def _parameter(name: str, kind: str, required: bool) -> str:
    return f"{json.dumps(name)}: {kind}" if required else f"{json.dumps(name)}?: {kind} | undefined"


def _body(operation: Schema) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return _type(content["application/json"].get("schema", {}))
    return "BodyInit" if content else "undefined"


def _answer(operation: Schema) -> str:
    for status, answer in sorted(operation["responses"].items()):
        if status.startswith("2"):
            content = answer.get("content", {})
            if "application/json" in content:
                return _type(content["application/json"].get("schema", {}))
            return "string" if content else "undefined"
    return "undefined"


async def _main() -> None:
    TARGET.write_text(typescript(await document()), "utf-8")


if __name__ == "__main__":
    import asyncio

    asyncio.run(_main())
