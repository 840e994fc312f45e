"""The name in a TLS ClientHello, read before anything of it is sent on."""

from __future__ import annotations

from midwatch.sandbox.egress.wire import Malformed

HELLO_BYTES = 1 << 14
"""The longest ClientHello; real ones take two thousand bytes, in one record."""
_MOST_RECORDS = 4  # it is read anew with each piece that comes
_RECORD, _HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 5, 22, 1, 0, 0

UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
"""The alert that refuses a name, as a whole record."""


class _Reader:
    """Takes numbers and vectors off the front of bytes. Raises Malformed when they are too short."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        if len(self.data) < count:
            raise Malformed("the ClientHello is cut short")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def server_name(data: bytes) -> str | None:
    """The one name of the ClientHello that `data` begins with; None when more bytes are needed. Where the hello is
    encrypted in parts (ECH), it is the outer name. Raises Malformed for what is not TLS, or names no host."""
    message = _message(data)
    if message is None:
        return None
    reader = _Reader(message)
    reader.take(2 + 32)  # version, random
    reader.vector(1)  # session
    reader.vector(2)  # cipher suites
    reader.vector(1)  # compression
    extensions = _Reader(reader.vector(2) if reader.data else b"")
    if reader.data:
        raise Malformed("the ClientHello goes on after its end")
    found: dict[int, bytes] = {}
    while extensions.data:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind in found:
            raise Malformed("an extension of the ClientHello comes twice")
        found[kind] = content
    if _SERVER_NAME not in found:
        raise Malformed("the TLS connection names no host (no SNI)")
    return _only_name(found[_SERVER_NAME])


def _message(data: bytes) -> bytes | None:
    """The handshake message in the first records, which may be split over several; None when more is needed."""
    message = b""
    for _ in range(_MOST_RECORDS):
        if data and data[0] != _HANDSHAKE:
            raise Malformed("this is not TLS")
        if len(data) >= 2 and data[1] != 3:
            raise Malformed("this is not TLS")
        if len(data) < _RECORD:
            return None
        length = int.from_bytes(data[3:_RECORD], "big")
        if not 0 < length <= 1 << 14:
            raise Malformed("a TLS record has an impossible length")
        message += data[_RECORD : _RECORD + length]
        if message[0] != _CLIENT_HELLO if message else False:
            raise Malformed("the TLS connection does not begin with a ClientHello")
        needed = 4 + int.from_bytes(message[1:4], "big")
        if len(message) >= 4 and needed > HELLO_BYTES:
            raise Malformed("the ClientHello is too long")
        if len(data) < _RECORD + length:
            return None
        data = data[_RECORD + length :]
        if len(message) >= 4 and len(message) >= needed:
            if len(message) > needed:
                raise Malformed("something follows the ClientHello in its record")
            return message[4:]
    raise Malformed("the ClientHello comes in too many pieces")


def _only_name(extension: bytes) -> str:
    outer = _Reader(extension)
    names = _Reader(outer.vector(2))
    kind, name = names.number(1), names.vector(2)
    if outer.data or names.data or kind != _HOST_NAME:
        raise Malformed("the TLS connection does not name exactly one host")
    if not name or not name.isascii() or b"\0" in name:
        raise Malformed("the TLS connection names a host that is none")
    return name.decode("ascii")
