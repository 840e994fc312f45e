"""Server-sent events from bytes, as they come off the wire."""

from __future__ import annotations

MOST_BYTES = 64 << 20
"""The largest single event or document; a reply of a model is far below it."""


class Decoder:
    """Turns the bytes of a body into the `data` of its events. A body that is one JSON document instead (some servers
    answer so whatever was asked) comes out whole, at the end. Raises ValueError for what is not UTF-8 or too large.

    Lines end with LF or CRLF; a lone CR, which the standard also allows, is sent by no server that we know of."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._document: bytearray | None = None
        self._begun = False
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that this chunk completes."""
        self._size += len(chunk)
        if self._size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MiB in one event")
        if self._document is not None:
            self._document += chunk
            return []
        block = self._rest + chunk
        if not self._begun:
            block = block.removeprefix(b"\xef\xbb\xbf").lstrip()
            self._begun = bool(block)
            if block.startswith(b"{"):
                self._document = bytearray(block)
                return []
        *lines, self._rest = block.split(b"\n")
        return [data for line in lines if (data := self._line(line)) is not None]

    def finish(self) -> list[str]:
        """What is left when the body ends: the document, or an event without the blank line that should end it."""
        if self._document is not None:
            return [self._document.decode()]
        lines = (self._rest, b"")
        return [data for line in lines if (data := self._line(line)) is not None]

    def _line(self, line: bytes) -> str | None:
        line = line.removesuffix(b"\r")
        if not line:
            data, self._data = "\n".join(self._data), []
            self._size = 0
            return data or None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" ").decode())
        return None
