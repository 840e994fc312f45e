"""What a picture is, read from its first bytes: its kind and its size, and nothing that would need a decoder."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 5 << 20
"""Bytes: what every provider takes."""
MOST_PIXELS = 8000
"""Along a side."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of a JPEG's segments that hold its size."""
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Its media type, and its size in pixels."""

    media_type: str
    width: int
    height: int


def recognise(data: bytes) -> Picture | None:
    """What the bytes are by themselves; None for what is no PNG, JPEG, GIF or WebP with a size."""
    for media_type, size in (("png", _png), ("jpeg", _jpeg), ("gif", _gif), ("webp", _webp)):
        found = size(data)
        if found is not None:
            return Picture(f"image/{media_type}", *found) if min(found) > 0 else None
    return None


def unfit(data: bytes, picture: Picture | None) -> str:
    """Why a model cannot be shown it, for a sentence; empty when it can."""
    if picture is None:
        return "it is no PNG, JPEG, GIF or WebP"
    if len(data) > LARGEST:
        return f"it has {len(data):,} bytes, and {LARGEST:,} is the most"
    if max(picture.width, picture.height) > MOST_PIXELS:
        return f"it is {picture.width} x {picture.height} pixels, and {MOST_PIXELS} along a side is the most"
    return "" if _ENDS[picture.media_type](data) else "its file is cut off before the picture ends"


def _png(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _gif(data: bytes) -> tuple[int, int] | None:
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 10:
        return None
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _jpeg(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_SIZES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind, body = data[12:16], data[20:]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


# What is cut off, or begins as a picture only, is refused by whoever runs the model, and with it every later request of
# the task: so the end is looked for, too.


def _png_ends(data: bytes) -> bool:
    at, drawn = 8, False
    while at + 12 <= len(data):
        kind, at = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"IEND":
            return drawn
        drawn = drawn or kind == b"IDAT"
    return False


def _jpeg_ends(data: bytes) -> bool:
    scan = data.find(b"\xff\xda")
    return 0 < scan < data.rfind(b"\xff\xd9")


def _gif_ends(data: bytes) -> bool:
    at = 13 + _colours(data[10:11])
    while at < len(data) and data[at] in b"\x21\x2c":
        picture = data[at] == 0x2C  # else something about one
        at += 11 + _colours(data[at + 9 : at + 10]) if picture else 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        if picture:
            return at < len(data)
        at += 1
    return False


def _colours(flags: bytes) -> int:
    """Bytes of the table that follows."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _webp_ends(data: bytes) -> bool:
    return 8 + int.from_bytes(data[4:8], "little") <= len(data)


_ENDS = {"image/png": _png_ends, "image/jpeg": _jpeg_ends, "image/gif": _gif_ends, "image/webp": _webp_ends}
