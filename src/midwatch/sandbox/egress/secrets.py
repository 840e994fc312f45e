"""Headers that are added outside the box: which may be, and how their values are kept from coming back."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from midwatch.domain.errors import InputError
from midwatch.sandbox.egress.heads import TOKEN, Fields
from midwatch.sandbox.egress.names import host_name
from midwatch.sandbox.egress.refusal import Refused
from midwatch.sandbox.egress.rules import names_host
from midwatch.sandbox.network import HostRule, InjectedHeader

_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
_SHORTEST = 6
"""Shorter pieces would be found in everything."""
_NOT_ADDED = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive",
     "accept-encoding", "range", "if-range")
)  # fmt: skip


def check_headers(headers: Sequence[InjectedHeader], rules: Sequence[HostRule]) -> None:
    """Raises InputError, without the value, for a header that cannot be added, or only where it could be read."""
    for header in headers:
        where = f"the header {header.header!r} for {header.host!r}"
        if not TOKEN.fullmatch(header.header) or header.header.lower() in _NOT_ADDED:
            raise InputError(f"{where} cannot be added", "name a header such as Authorization")
        if not _VALUE.fullmatch(header.value):
            raise InputError(f"{where} has a value with line ends or odd characters, or none", "check the secret")
        try:
            plain = host_name(header.host) == header.host
        except Refused:
            plain = False
        if not plain:
            raise InputError(f"{where} needs the exact name of a host, in lower case", "such as registry.example.com")
        ports = {port for rule in rules if names_host(rule, header.host) for port in rule.ports}
        if not ports:
            raise InputError(f"{where} is for a host that is not allowed", f"allow {header.host} as well")
        if ports == {80}:
            raise InputError(
                f"{where} would be sent in plain text", f"allow {header.host}:443; nothing is added to plain HTTP"
            )


def with_headers(fields: Iterable[tuple[str, str]], headers: Sequence[InjectedHeader]) -> list[tuple[str, str]]:
    """The fields with these headers; what the box sent under their names is dropped."""
    taken = {header.header.lower() for header in headers}
    kept = [(name, value) for name, value in fields if name.lower() not in taken]
    return [*kept, *((header.header, header.value) for header in headers)]


class Scrubber:
    """Puts stars in the place of secrets in what a server answers; lengths stay as they are. A server that packs or
    rewrites a secret before it sends it back gets through: this is for accidents, such as a page of diagnostics."""

    def __init__(self, headers: Sequence[InjectedHeader]) -> None:
        found = {piece for header in headers for piece in _pieces(header.value) if len(piece) >= _SHORTEST}
        self._secrets = sorted(found, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if found else None
        self._longest = max(map(len, found), default=0)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be passed on. What may be the beginning of a secret is held back until more is known."""
        if self._pattern is None:
            return piece
        # After the stars only what could still become a secret waits, so that nothing else is delayed.
        text = self._pattern.sub(_stars, self._held + piece)
        keep = self._beginning(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return held

    def fields(self, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Fields of an answer without the secrets."""
        return [(name, self.text(value)) for name, value in fields]

    def text(self, value: str) -> str:
        """A text, in Latin-1, without the secrets."""
        return self._pattern.sub(_stars, value.encode("latin1")).decode("latin1") if self._pattern else value

    def _beginning(self, text: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret."""
        tail = text[-(self._longest - 1) :] if self._longest > 1 else b""
        for start in range(len(tail)):
            if any(secret.startswith(tail[start:]) for secret in self._secrets):
                return len(tail) - start
        return 0


def _stars(found: re.Match[bytes]) -> bytes:
    return b"*" * len(found[0])


def _pieces(value: str) -> Iterable[bytes]:
    """A header's value, the credential in it, and what a basic credential is made of."""
    whole = value.encode("latin1")
    scheme, blank, credential = whole.partition(b" ")
    yield whole
    if blank:
        yield credential.strip()
    if blank and scheme.lower() == b"basic":
        try:
            pair = base64.b64decode(credential.strip(), validate=True)
        except binascii.Error:
            return
        yield pair
        yield pair.partition(b":")[2]


def asks_plainly(fields: Fields) -> list[tuple[str, str]]:
    """The fields of a request to a host that is told a secret: the answer shall come whole and not compressed, so that
    the secret would be seen in it."""
    dropped = ("accept-encoding", "range", "if-range")
    return [*((name, value) for name, value in fields if name.lower() not in dropped), ("Accept-Encoding", "identity")]
