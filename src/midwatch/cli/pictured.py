"""Pictures that a person sends along with a task or a message, by the names of their files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.cli import arguments, words
from midwatch.domain.errors import InputError

if TYPE_CHECKING:
    from argparse import _ArgumentGroup

    from midwatch.domain.conversation import Image
    from midwatch.engine.blobs import Blobs
    from midwatch.tools.pictures import Picture

MOST = 8
"""Of one request."""
MOST_SENT = 3_000_000
"""Bytes, all together: a server takes requests of 4 MiB, and in base64 they are a third larger."""


def image_option(parser: arguments.Parser | _ArgumentGroup) -> None:
    """`-i FILE`, as often as one likes."""
    about = "show the model a picture; may be given more than once"
    parser.add_argument("-i", "--image", metavar="FILE", action="append", default=[], help=about)


def sent(files: Sequence[str]) -> list[dict[str, str]]:
    """As a server takes them. Raises InputError for what is no picture, cannot be read or is too large."""
    if len(files) > MOST:
        raise InputError(f"{len(files)} pictures are too many", f"a server takes {MOST} at once: leave some out")
    found = [_read(name)[0] for name in files]
    if sum(map(len, found)) > MOST_SENT:
        raise InputError(f"together the pictures are larger than {words.size(MOST_SENT)}", "make them smaller")
    return [{"data": base64.b64encode(data).decode()} for data in found]


def kept(files: Sequence[str], blobs: Blobs) -> tuple[Image, ...]:
    """In this machine's blob store. Raises as `sent`, and StoreError."""
    from midwatch.domain.conversation import Image

    found = [(blobs.put(data), picture) for data, picture in [_read(name) for name in files]]
    return tuple(Image(one.media_type, "", blob.digest, blob.bytes, one.width, one.height) for blob, one in found)


def _read(name: str) -> tuple[bytes, Picture]:
    from midwatch.tools.pictures import LARGEST, recognise, unfit

    shown = words.name(name)
    try:
        with Path(name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"the picture {shown} cannot be read: {error.strerror}", "name another file") from None
    picture = recognise(data)
    if (why := unfit(data, picture)) or picture is None:
        raise InputError(f"{shown} cannot be shown to a model: {why}", "name a PNG, JPEG, GIF or WebP")
    return data, picture
