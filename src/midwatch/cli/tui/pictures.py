"""Pictures that a person names by their path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from midwatch.cli import words
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError
from midwatch.engine.blobs import Blobs

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")
MOST_BYTES = 5_000_000
"""What the strictest of the providers takes."""

_PATHS = re.compile(r"""'([^'\n]+)'|"([^"\n]+)"|((?:\\.|[^\s'"])+)""")
_BACKSLASH = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it will be sent, and what it is called."""

    name: str
    image: Image


def named_in(text: str, folder: Path) -> list[Path]:
    """The files with the ending of a picture that a message names and that exist: plain, quoted, with backslashes
    before spaces as terminals paste them, or as a file:// address."""
    found: dict[Path, None] = {}
    for match in _PATHS.finditer(text):
        word = match[1] or match[2] or _BACKSLASH.sub(r"\1", match[3])
        word = word.removeprefix("file://").rstrip(",;:!?)")
        if word.lower().endswith(ENDINGS):
            path = _at(word, folder)
            if path.is_file():
                found[path] = None
    return list(found)


def load(path: Path, blobs: Blobs) -> Picture:
    """Read a picture into the blob store. Raises InputError for what is none, is too large or cannot be read, and
    StoreError where it cannot be kept."""
    shown = words.name(str(path))
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{shown} is larger than {words.size(MOST_BYTES)}", "make it smaller, or name another")
        if not path.is_file():
            raise InputError(f"{shown} is no file", "name a picture: png, jpeg, gif or webp")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}", "name another file") from None
    kind = media_type(data)
    if not kind:
        raise InputError(f"{shown} is no picture that models take", "make it a png, jpeg, gif or webp")
    blob = blobs.put(data)
    return Picture(words.name(path.name), Image(kind, digest=blob.digest, bytes=blob.bytes))


def named(given: str, folder: Path) -> Path:
    """The file that a person names after `/image`."""
    return _at(_BACKSLASH.sub(r"\1", given.strip().strip("'\"")).removeprefix("file://"), folder)


def media_type(data: bytes) -> str:
    """By the first bytes, whatever the name says; empty for anything but the four kinds."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _at(word: str, folder: Path) -> Path:
    return folder / os.path.expanduser(word)  # noqa: PTH111 - pathlib raises where there is no such home
