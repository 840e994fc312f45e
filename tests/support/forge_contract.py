"""Holds what was asked of a fake forge, and what it answered, to the forge's own description of its API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError

from tests.support.forge_server import Answer, Asked


class _Request:
    """A request as openapi-core reads it."""

    host_url = "http://localhost"
    content_type = "application/json"

    def __init__(self, asked: Asked, path: str) -> None:
        self.path = path
        self.path_pattern = None
        self.method = asked.method.lower()
        self.body = asked.body or None
        self.parameters = RequestParameters(query=asked.query, header=asked.headers)


class _Response:
    """An answer as openapi-core reads it."""

    content_type = "application/json"

    def __init__(self, answer: Answer) -> None:
        self.data = answer.bytes()
        self.status_code = answer.status
        self.headers = answer.headers


class Contract:
    """One description (OpenAPI 3.0), in a file."""

    def __init__(self, description: Path, prefix: str) -> None:
        """`prefix` is what the fake puts before the paths of the description."""
        self._whole = json.loads(description.read_text())
        self._api = OpenAPI.from_dict(self._whole)
        self._prefix = prefix

    def breaches(self, exchanges: list[tuple[Asked, Answer]]) -> list[str]:
        """What does not fit, in words; paths that have another prefix are left out."""
        return [breach for asked, answer in exchanges for breach in self._breaches(asked, answer)]

    def operations(self, exchanges: list[tuple[Asked, Answer]]) -> set[str]:
        """The operations that were used (METHOD path), as the description names them."""
        found = ((asked.method, self._entry(asked)) for asked, _ in exchanges)
        return {f"{method} {entry}" for method, entry in found if entry}

    def _breaches(self, asked: Asked, answer: Answer) -> Iterator[str]:
        if not asked.path.startswith(f"{self._prefix}/"):
            return
        about = f"{asked.method} {asked.path} -> {answer.status}"
        entry = self._entry(asked)
        if not entry:
            yield f"{about}: no such operation"
            return
        request = _Request(asked, asked.path.removeprefix(self._prefix))
        try:
            self._api.validate_request(request)
        except OpenAPIError as error:
            yield f"{about}: the request: {_words(error)}"
        yield from (f"{about}: the request has {name!r}, which nobody reads" for name in self._unknown(entry, asked))
        try:
            self._api.validate_response(request, _Response(answer))
        except OpenAPIError as error:
            yield f"{about}: the answer: {_words(error)}"

    def _entry(self, asked: Asked) -> str:
        """The path of the description that fits; of two, the one with more words of its own."""
        parts = asked.path.removeprefix(self._prefix).split("/")
        for path, entry in sorted(self._whole["paths"].items(), key=lambda pair: pair[0].count("{")):
            names = path.split("/")
            fits = asked.method.lower() in entry and len(names) == len(parts)
            pairs = zip(names, parts, strict=True) if fits else ()
            if fits and all(name.startswith("{") or name == unquote(part) for name, part in pairs):
                return str(path)
        return ""

    def _unknown(self, entry: str, asked: Asked) -> Iterator[str]:
        """Fields of the body and the query that the description does not have: it lets them pass."""
        operation = self._whole["paths"][entry][asked.method.lower()]
        known = {self._resolved(parameter)["name"] for parameter in operation.get("parameters", ())}
        yield from (name for name in asked.query if name not in known)
        if asked.body:
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            yield from self._foreign(schema, asked.json, "")

    def _foreign(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        schema = self._resolved(schema)
        choices = [self._resolved(one) for key in ("oneOf", "anyOf") for one in schema.get(key, ())]
        if isinstance(value, list):
            for one in value:
                yield from self._foreign(schema.get("items", {}), one, f"{where}[]")
        if not isinstance(value, dict):
            return
        known: dict[str, Any] = {}
        for one in (schema, *choices):
            known |= one.get("properties", {})
        for name, inner in value.items():
            if name in known:
                yield from self._foreign(known[name], inner, f"{where}.{name}")
            elif known:
                yield f"{where}.{name}".lstrip(".")

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = schema
        while "$ref" in found:
            kind, name = found["$ref"].split("/")[2:]
            found = self._whole["components"][kind][name]
        return found


def _words(error: BaseException) -> str:
    inner = error.__cause__ or error
    return "; ".join(str(one)[:300] for one in getattr(inner, "schema_errors", ()) or (inner,))
