"""Heads of HTTP/1.1 messages. Strict: what two readers could understand in two ways is refused, never repaired."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from midwatch.sandbox.egress.wire import Malformed

Fields = tuple[tuple[str, str], ...]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"[\x21-\x7e]+")
_REQUEST = re.compile(r"([A-Za-z-]{1,32}) ([^ ]+) HTTP/1\.([01])")
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_MOST_FIELDS = 200

# Of one connection, not of the message; RFC 9110, 7.6.1, with old and odd ones.
_CONNECTION_FIELDS = frozenset(
    ("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
     "transfer-encoding", "upgrade", "http2-settings", "content-length", "expect", "host")
)  # fmt: skip
_NEVER_NAMED = frozenset(("authorization", "content-type", "content-encoding", "cookie", "host"))
"""Fields that `Connection` cannot take out of a message."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    minor: int
    fields: Fields
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    host: str | None
    """The Host field as it was sent."""

    @property
    def keeps(self) -> bool:
        """Whether the client wants to go on with the connection."""
        return _keeps(self.minor, (*_tokens(self.fields, "connection"), *_tokens(self.fields, "proxy-connection")))


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an answer."""

    status: int
    reason: str
    minor: int
    fields: Fields
    length: int | None
    """Bytes of the body as announced; None when it comes in chunks or until the end of the connection."""
    chunked: bool

    @property
    def keeps(self) -> bool:
        """Whether the server goes on with the connection."""
        framed = self.chunked or self.length is not None
        return framed and _keeps(self.minor, _tokens(self.fields, "connection"))


def parse_request(head: bytes) -> Request:
    """The head of a request, without the empty line. Raises Malformed."""
    first, fields = _split(head)
    found = _REQUEST.fullmatch(first)
    if found is None or not _TARGET.fullmatch(found[2]):
        raise Malformed("the first line is not `METHOD TARGET HTTP/1.1`")
    minor = int(found[3])
    hosts = _values(fields, "host")
    if len(hosts) > 1:
        raise Malformed("there are two Host fields")
    if minor == 1 and not hosts:
        raise Malformed("there is no Host field")
    codings = [value.lower() for value in _values(fields, "transfer-encoding")]
    lengths = _values(fields, "content-length")
    if codings and (lengths or codings != ["chunked"] or minor == 0):
        raise Malformed("the length of the body is given in two ways, or in an unknown one")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(value) for value in lengths):
        raise Malformed("Content-Length is not one number")
    length = None if codings else int(lengths[0]) if lengths else 0
    return Request(found[1].upper(), found[2], minor, fields, length, hosts[0] if hosts else None)


def parse_response(head: bytes) -> Response:
    """The head of an answer, without the empty line. Raises Malformed."""
    first, fields = _split(head)
    found = _STATUS.fullmatch(first)
    if found is None:
        raise Malformed("the first line is not `HTTP/1.1 STATUS`")
    codings = [value.lower() for value in _values(fields, "transfer-encoding")]
    lengths = set(_values(fields, "content-length"))
    if codings not in ([], ["chunked"]):
        raise Malformed("the body comes in an unknown form")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(value) for value in lengths):
        raise Malformed("Content-Length is not one number")
    length = int(lengths.pop()) if lengths and not codings else None
    return Response(int(found[2]), found[3] or "", int(found[1]), fields, length, bool(codings))


def passed_on(fields: Fields, without: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The fields that belong to the message and not to one connection; `without` more, in lower case."""
    dropped = {*_CONNECTION_FIELDS, *without, *(_tokens(fields, "connection") - _NEVER_NAMED)}
    return [(name, value) for name, value in fields if name.lower() not in dropped]


def expects(request: Request) -> str:
    """What the client waits for before it sends the body: `100-continue`, something unknown, or nothing."""
    return ", ".join(_values(request.fields, "expect")).lower()


def head_bytes(first: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """A head with its empty line."""
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin1")


def answer(status: int, words: str, *, body: bool = True) -> bytes:
    """A whole answer of the proxy's own, after which it closes the connection. The words are the body and also, cut,
    the reason in the first line, for clients that show no more than that of a refused tunnel."""
    text = f"midwatch: {words}\n".encode()
    reason = text.decode("ascii", "replace").strip()[:300]
    fields = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(text)),
        "Connection": "close",
    }
    return head_bytes(f"HTTP/1.1 {status} {reason}", fields.items()) + (text if body else b"")


def _split(head: bytes) -> tuple[str, Fields]:
    first, *lines = head.decode("latin1").split("\r\n")
    if len(lines) > _MOST_FIELDS:
        raise Malformed(f"there are more than {_MOST_FIELDS} fields")
    return first, tuple(_field(line) for line in lines)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not TOKEN.fullmatch(name):  # also a line that continues the one before
        raise Malformed("a field is not `Name: value`")
    if not _VALUE.fullmatch(value):
        raise Malformed(f"the field {name} holds a character that is not allowed")
    return name, value.strip(" \t")


def _values(fields: Fields, wanted: str) -> list[str]:
    return [value for name, value in fields if name.lower() == wanted]


def _tokens(fields: Fields, wanted: str) -> frozenset[str]:
    return frozenset(token.strip().lower() for value in _values(fields, wanted) for token in value.split(","))


def _keeps(minor: int, options: Iterable[str]) -> bool:
    said = set(options)
    return "close" not in said and (minor == 1 or "keep-alive" in said)
