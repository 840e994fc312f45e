"""What an editor sends with a prompt: the person's words, and data that they point at."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from acp.schema import (
    AudioContentBlock,
    BlobResourceContents,
    EmbeddedResourceContentBlock,
    ImageContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
)

from midwatch.agent.data import as_data
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError
from midwatch.engine.blobs import Blobs
from midwatch.tools.pictures import recognise, unfit

Block = TextContentBlock | ImageContentBlock | AudioContentBlock | ResourceContentBlock | EmbeddedResourceContentBlock

DATA_CAP = 24 << 10
"""Characters of one embedded resource; past it its middle is left out."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass
class Prompt:
    """A prompt as the conversation takes it."""

    words: str = ""
    """The person's own, with the names of what they point at."""
    data: list[str] = field(default_factory=list)
    """Texts that came with them; marked so that a model can tell them from what it is asked."""
    images: list[Image] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that is said to the model."""
        return "\n\n".join([self.words.strip() or "See what is attached.", *self.data])


def read(blocks: Sequence[Block], top: Path, blobs: Blobs) -> Prompt:
    """Take a prompt apart; images go to the blob store. `top` is the folder that the agent has a copy of. Raises
    InputError for what cannot be shown to a model."""
    prompt = Prompt()
    for block in blocks:
        match block:
            case TextContentBlock():
                prompt.words += sound(block.text)
            case ResourceContentBlock():
                prompt.words += _mention(block.uri, top, block.name)
            case EmbeddedResourceContentBlock():
                _resource(block.resource, prompt, top, blobs)
            case ImageContentBlock():
                prompt.images.append(_image(block.data, blobs))
            case AudioContentBlock():
                raise InputError("Midwatch takes no audio", "send text, files or images")
    return prompt


def _resource(resource: TextResourceContents | BlobResourceContents, prompt: Prompt, top: Path, blobs: Blobs) -> None:
    mention = _mention(resource.uri, top)
    prompt.words += mention
    if isinstance(resource, TextResourceContents):
        prompt.data.append(_data(mention.lstrip("@"), resource.text))
    elif (resource.mime_type or "").startswith("image/"):
        prompt.images.append(_image(resource.blob, blobs))
    else:
        prompt.data.append(_data(mention.lstrip("@"), f"[{len(resource.blob) * 3 // 4} bytes that are no text]"))


def _mention(uri: str, top: Path, name: str = "") -> str:
    """`@src/a.py` for a file below `top`, as the agent finds it; else the address as it is."""
    address = urlsplit(uri)
    if address.scheme not in ("", "file"):
        return f"[{sound(name)}]({sound(uri)})" if name else sound(uri)
    path = os.path.normpath(unquote(address.path))
    place = f"#{address.fragment}" if address.fragment else ""
    inside = os.path.relpath(path, top) if path.startswith("/") else path
    if inside.startswith(".."):
        return f"{sound(path)}{place} (outside of the folder that you have a copy of)"
    return f"@{sound(inside)}{place}"


def _image(data: str, blobs: Blobs) -> Image:
    """What it is, is read from its bytes."""
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("an image is not base64", "send the file as it is, in base64") from None
    picture = recognise(content)
    if picture is None or (reason := unfit(content, picture)):
        why = "it is no PNG, JPEG, GIF or WebP" if picture is None else reason
        raise InputError(f"an image cannot be shown to a model: {why}", "convert it, or make it smaller")
    blob = blobs.put(content)
    return Image(picture.media_type, digest=blob.digest, bytes=blob.bytes)


def _data(source: str, text: str) -> str:
    """A text in marks that it cannot end, and within DATA_CAP."""
    kept = sound(text)
    if len(kept) > DATA_CAP:
        half = DATA_CAP // 2
        kept = f"{kept[:half]}\n[… {len(kept) - 2 * half} characters left out]\n{kept[-half:]}"
    return as_data(source, kept)


def sound(text: str) -> str:
    """Text that can be stored and sent: UTF-8, and no control characters but tabs and ends of lines."""
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode()
