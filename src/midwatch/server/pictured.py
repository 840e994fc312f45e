"""Pictures that come with a task or a message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from midwatch.domain.conversation import Image
from midwatch.server.bodies import LARGEST, Form
from midwatch.tools.pictures import recognise, unfit

if TYPE_CHECKING:
    from midwatch.engine.blobs import Blobs

MOST = 8
"""Pictures of one request; how many bytes they have is what its body may have."""


def _picture(given: Any) -> bytes:
    if not isinstance(given, str):
        raise ValueError("a text is wanted here: the picture in base64")
    try:
        data = base64.b64decode(given, validate=True)
    except ValueError:
        raise ValueError("it is no base64") from None
    found = recognise(data)
    if why := unfit(data, found):
        raise ValueError(why if found else f"{why}; what a picture is called or said to be does not count")
    return data


_SHAPE = {"type": "string", "contentEncoding": "base64", "minLength": 1, "maxLength": LARGEST}


class ImageAsked(Form):
    """A picture."""

    data: Annotated[bytes, BeforeValidator(_picture), WithJsonSchema(_SHAPE)] = Field(
        description="A PNG, JPEG, GIF or WebP in base64; it is told by its content."
    )

    @property
    def image(self) -> Image:
        """As tasks and events name it."""
        found = recognise(self.data)
        assert found is not None  # else it would not have come so far
        digest = hashlib.sha256(self.data).hexdigest()
        return Image(found.media_type, "", digest, len(self.data), found.width, found.height)


Images = Annotated[
    list[ImageAsked], Field(max_length=MOST, description="Shown to the model with the words, where it takes pictures.")
]


def images_of(asked: Sequence[ImageAsked]) -> tuple[Image, ...]:
    """The pictures, each once; `keep` puts them where their names lead to."""
    return tuple({one.digest: one for one in (given.image for given in asked)}.values())


async def keep(blobs: Blobs, asked: Sequence[ImageAsked]) -> None:
    """Have them on the disk for good, before anything names them. The same again changes nothing. Raises StoreError."""
    for given in asked:
        await asyncio.to_thread(blobs.put, given.data)
