"""Reads declarations of types, as published API clients carry them, into JSON Schema.

Only the language that such generated files use: objects, unions, intersections, arrays, literals, `Pick` and `Omit`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|'[^']*'|\"[^\"]*\"|[A-Za-z_$][\w$.]*|\d+|[{}\[\]()<>|&:;,?=]", re.DOTALL)
_DECLARED = re.compile(r"^(?:export )?(?:declare )?(?:type|interface) (\w+)", re.MULTILINE)
_PRIMITIVES: Mapping[str, Schema] = {
    "string": {"type": "string"}, "number": {"type": "number"}, "boolean": {"type": "boolean"},
    "null": {"enum": [None]}, "unknown": {}, "any": {}, "object": {"type": "object"}, "void": {}, "never": {"not": {}},
    "undefined": {"enum": [None]}, "Blob": {}, "File": {}, "true": {"enum": [True]}, "false": {"enum": [False]},
}  # fmt: skip


@dataclass
class Declarations:
    """What a file declares, and the schemas of it that were asked for."""

    text: str
    places: dict[str, int] = field(default_factory=dict)
    schemas: dict[str, Schema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places = {match[1]: match.start(1) for match in _DECLARED.finditer(self.text)}

    def schema(self, name: str) -> Schema:
        """One type, and in `schemas` all that it names. Raises KeyError for a name that is not declared."""
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = _Reader(self, self.places[name]).declaration()
        return self.schemas[name]

    def call(self, start: int) -> tuple[dict[str, Schema], Schema]:
        """What a function declared at that place takes, by name, and what the answer that it promises holds."""
        return _Reader(self, start).call()


class _Reader:
    """Reads one declaration."""

    def __init__(self, declarations: Declarations, start: int) -> None:
        self._all = declarations
        self._tokens = self._read(start)
        self._next = ""
        self._advance()

    def _read(self, start: int) -> Iterator[str]:
        for match in _TOKEN.finditer(self._all.text, start):
            if not match[0].startswith(("/*", "//")):
                yield match[0]

    def _advance(self) -> str:
        token, self._next = self._next, next(self._tokens, "")
        return token

    def _take(self, token: str) -> bool:
        if self._next == token:
            self._advance()
            return True
        return False

    def declaration(self) -> Schema:
        self._advance()
        if self._take("="):
            return self._union()
        parts = []
        if self._take("extends"):
            parts.append(self._single())
            while self._take(","):
                parts.append(self._single())
        parts.append(self._single())
        return self._joined(parts)

    def _union(self) -> Schema:
        self._take("|")
        choices = [self._intersection()]
        while self._take("|"):
            choices.append(self._intersection())
        if len(choices) == 1:
            return choices[0]
        if all(set(choice) == {"enum"} for choice in choices):
            return {"enum": [value for choice in choices for value in choice["enum"]]}
        return {"anyOf": choices}

    def _intersection(self) -> Schema:
        parts = [self._single()]
        while self._take("&"):
            parts.append(self._single())
        return self._joined(parts)

    def call(self) -> tuple[dict[str, Schema], Schema]:
        """`(name: TYPE, …) => Promise<HttpResponse<TYPE, …>>`"""
        self._advance()
        asked: dict[str, Schema] = {}
        while not self._take(")"):
            name = self._advance()
            self._take("?")
            self._take(":")
            asked[name] = self._union()
            self._take(",")
        while self._advance() != "HttpResponse":
            pass
        self._advance()
        return asked, self._union()

    def _joined(self, parts: list[Schema]) -> Schema:
        """All at once: the fields of objects side by side. `Record`, which only says that more may come, is none."""
        known = [self._whole(part) for part in parts if part]
        if len(known) < 2:
            return next((part for part in parts if part), {})
        properties = {name: shape for part in known for name, shape in part.get("properties", {}).items()}
        required = {name: None for part in known for name in part.get("required", [])}
        return _fields(properties, list(required))

    def _whole(self, shape: Schema) -> Schema:
        while "$ref" in shape:
            shape = self._all.schemas[shape["$ref"].rpartition("/")[2]]
        return shape

    def _single(self) -> Schema:
        found = self._atom()
        while self._next == "[":
            self._advance()
            self._advance()
            found = {"type": "array", "items": found}
        return found

    def _atom(self) -> Schema:
        token = self._advance()
        if token == "{":
            return self._object()
        if token == "(":
            inner = self._union()
            self._advance()
            return inner
        if token[0] in "'\"":
            return {"enum": [token[1:-1]]}
        if token.isdigit():
            return {"enum": [int(token)]}
        return self._named(token, self._arguments())

    def _arguments(self) -> list[Schema]:
        found: list[Schema] = []
        if self._take("<"):
            while not self._take(">"):
                found.append(self._union())
                self._take(",")
        return found

    def _named(self, name: str, arguments: list[Schema]) -> Schema:
        if name in _PRIMITIVES:
            return dict(_PRIMITIVES[name])
        if name in ("Array", "ReadonlyArray"):
            return {"type": "array", "items": arguments[0]}
        if name == "Record":
            return {}
        if name in ("Pick", "Omit", "MappedOmit"):
            return self._chosen(arguments[0], set(arguments[1]["enum"]), kept=name == "Pick")
        if name not in self._all.places:
            return {}
        self._all.schema(name)
        return {"$ref": f"#/components/schemas/{name}"}

    def _chosen(self, whole: Schema, names: set[str], *, kept: bool) -> Schema:
        whole = self._whole(whole)
        wanted = {name for name in whole.get("properties", {}) if (name in names) == kept}
        properties = {name: value for name, value in whole.get("properties", {}).items() if name in wanted}
        return _fields(properties, [name for name in whole.get("required", []) if name in wanted])

    def _object(self) -> Schema:
        properties: Schema = {}
        required = []
        while not self._take("}"):
            if self._next == "[":  # any other name
                while self._advance() != "]":
                    pass
                self._take(":")
                self._union()
            else:
                name = self._advance().strip("'\"")
                optional = self._take("?")
                self._take(":")
                properties[name] = self._union()
                if not optional:
                    required.append(name)
            if not self._take(";"):
                self._take(",")
        return _fields(properties, required)


def _fields(properties: Schema, required: list[str]) -> Schema:
    """An object with these fields and no others: one that is not in the document is a fault of ours."""
    shape = (
        {"type": "object", "properties": properties, "additionalProperties": False}
        if properties
        else {"type": "object"}
    )
    return shape | ({"required": required} if required else {})
