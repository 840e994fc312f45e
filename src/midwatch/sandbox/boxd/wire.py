"""What host and box say to each other: lists of byte strings, one list in one message."""

from __future__ import annotations

LONGEST = 64 << 10
"""Bytes of a message. A longer request is given as a file in memory, which `LONG` announces; no answer is longer."""

LONG = b"long"


def pack(*fields: bytes) -> bytes:
    """A message."""
    return b"".join([part for field in fields for part in (len(field).to_bytes(4, "big"), field)])


def unpack(data: bytes) -> list[bytes]:
    """The fields of a message. Raises ValueError for one that `pack` cannot have made."""
    fields = []
    place = 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        place += 4 + size
        if place > len(data):
            raise ValueError("a message is cut off")
        fields.append(data[place - size : place])
    return fields
