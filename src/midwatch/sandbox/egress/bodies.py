"""Bodies of HTTP/1.1 messages, passed on as they come: what is announced is counted, and chunks are made anew."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from midwatch.sandbox.egress.streams import PIECE
from midwatch.sandbox.egress.wire import Malformed, Wire

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e]*)?")
_LINE = 4096
_TRAILER_LINES = 100


async def counted(wire: Wire, length: int) -> AsyncIterator[bytes]:
    """A body of so many bytes. Raises Malformed when the stream ends before."""
    left = length
    while left:
        piece = await wire.some(min(left, PIECE))
        if not piece:
            raise Malformed("the body ends before its announced length")
        left -= len(piece)
        yield piece


async def chunks(wire: Wire) -> AsyncIterator[bytes]:
    """A body in chunks, without their frames, extensions and trailers. Raises Malformed."""
    while True:
        found = _SIZE.fullmatch(await wire.line(_LINE))
        if found is None:
            raise Malformed("a chunk does not begin with its size")
        size = int(found[1], 16)
        if size == 0:
            break
        async for piece in counted(wire, size):
            yield piece
        if await wire.line(0):
            raise Malformed("a chunk is longer than it said")
    for _ in range(_TRAILER_LINES):
        if not await wire.line(_LINE):
            return
    raise Malformed("there are too many trailers")


async def until_end(wire: Wire) -> AsyncIterator[bytes]:
    """A body that lasts until the stream ends."""
    while piece := await wire.some(PIECE):
        yield piece


def chunk(piece: bytes) -> bytes:
    """A piece with its frame; of no bytes, the end of the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)
