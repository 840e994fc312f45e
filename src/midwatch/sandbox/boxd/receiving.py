"""Taking requests from the host, with the descriptors that come with them."""

from __future__ import annotations

import _socket
import os
import sys

from . import wire

_DESCRIPTORS = 4
_CLOSE_ON_EXEC = 0x40000000  # MSG_CMSG_CLOEXEC


def receive(channel: _socket.socket) -> tuple[list[bytes], list[int]]:
    """The next request and the descriptors that came with it; no fields when the host has closed the channel."""
    try:
        data, ancillary, _, _ = channel.recvmsg(wire.LONGEST, _socket.CMSG_SPACE(4 * _DESCRIPTORS), _CLOSE_ON_EXEC)
    except OSError:
        return [], []
    handles = [
        _number(given[place : place + 4])
        for level, kind, given in ancillary
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
        for place in range(0, len(given) - 3, 4)
    ]
    fields = wire.unpack(data)
    if fields[:1] == [wire.LONG]:
        long = handles.pop(0)
        fields = wire.unpack(whole(long))
        os.close(long)
    return fields, handles


def whole(handle: int) -> bytes:
    """All that a file or a pipe holds."""
    pieces: list[bytes] = []
    while True:
        piece = os.read(handle, 1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def _number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)
