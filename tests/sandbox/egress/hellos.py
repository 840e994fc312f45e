"""ClientHellos, real and made up."""

from __future__ import annotations

import ssl
from collections.abc import Sequence


def hello(name: str) -> bytes:
    """The first bytes of a real client that asks for a host."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError


def vector(size: int, content: bytes) -> bytes:
    """Content with its length in front."""
    return len(content).to_bytes(size, "big") + content


def made_up(extensions: Sequence[tuple[int, bytes]], *, after: bytes = b"") -> bytes:
    """A ClientHello with these extensions, in one record."""
    listed = b"".join(kind.to_bytes(2, "big") + vector(2, content) for kind, content in extensions)
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0") + vector(2, listed)
    return record(b"\x01" + vector(3, body + after))


def record(message: bytes) -> bytes:
    """One TLS record."""
    return b"\x16\x03\x01" + vector(2, message)


def names(*each: bytes, kind: int = 0) -> tuple[int, bytes]:
    """The extension that names hosts."""
    return 0, vector(2, b"".join(bytes([kind]) + vector(2, name) for name in each))
