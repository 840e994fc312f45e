"""The prompt and the pictures of a turn."""

from __future__ import annotations

import asyncio
import math
import os
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError
from midwatch.engine.blobs import Blobs
from midwatch.tools import pictures

FIRST_SECONDS = 0.25
"""Beside a prompt, standard input is waited for this long: whoever pipes something in has begun by then."""

PAUSE_SECONDS = 10.0
"""The longest pause of what has begun."""

_LOOK_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said in a turn."""

    text: str
    notes: tuple[str, ...] = ()
    """What a person should know of how it was read."""


async def read(given: str | None) -> Prompt:
    """The prompt: standard input where none was given; else what was given and, as a block, what comes on standard
    input at once. Never waits on a pipe that nobody writes to when there is a prompt. Raises InputError for an empty
    one. Can be cancelled."""
    notes: tuple[str, ...] = ()
    if given is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("there is no prompt", 'give one: midwatch exec "…", or pipe it in')
        text, _ = await _piped(math.inf, math.inf)
    else:
        text = _text(given.encode("utf-8", "surrogateescape"))
        piped, notes = await _piped(FIRST_SECONDS, PAUSE_SECONDS)
        text = f"{text}\n\n<stdin>\n{piped.rstrip(chr(10))}\n</stdin>" if piped.strip() else text
    if not text.strip():
        raise InputError("the prompt is empty", 'say what is to be done: midwatch exec "…"')
    return Prompt(text, notes)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "")


async def _piped(first: float, later: float) -> tuple[str, tuple[str, ...]]:
    """What is on standard input, up to its end or to a silence that lasts too long: `first` seconds at the beginning,
    `later` ones after that."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return "", ()
    number, pieces, silent = sys.stdin.fileno(), list[bytes](), 0.0
    while True:
        ready, _, _ = select.select([number], [], [], 0)
        if ready:
            try:
                piece = os.read(number, 1 << 16)
            except OSError:  # a folder, or a terminal that has gone
                piece = b""
            if not piece:
                return _text(b"".join(pieces)), ()
            pieces.append(piece)
            silent = 0.0
        elif silent < (later if pieces else first):
            await asyncio.sleep(_LOOK_EVERY)
            silent += _LOOK_EVERY
        else:
            note = f"standard input was silent for {later:.0f} s and was not read further"
            return _text(b"".join(pieces)), (note,) if pieces else ()


def images(paths: Sequence[str], blobs: Blobs) -> tuple[tuple[Image, ...], tuple[str, ...]]:
    """The pictures, kept as blobs, and a sentence for each file that is none: the turn goes on without it."""
    kept: list[Image] = []
    faults: list[str] = []
    for path in paths:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            faults.append(f"the model is not shown {path}: it cannot be read: {error.strerror}")
            continue
        picture = pictures.recognise(data)
        if why := pictures.unfit(data, picture):
            faults.append(f"the model is not shown {path}: {why}")
        elif picture is not None:
            blob = blobs.put(data)
            width, height = picture.width, picture.height
            kept.append(Image(picture.media_type, "", blob.digest, blob.bytes, width, height))
    return tuple(kept), tuple(faults)
