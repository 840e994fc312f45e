"""Pictures, small ones and whole."""

from __future__ import annotations

import base64
import struct
import zlib

GIF = base64.b64decode("R0lGODlhAgABAIAAAAAAAP///ywAAAAAAgABAAACAgQKADs=")


def png(width: int, height: int, filling: int = 0) -> bytes:
    """A grey picture, with so many bytes after it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"") + b"\0" * filling
