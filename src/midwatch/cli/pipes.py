"""Standard input and output for a protocol: nothing else may be read from the one or written to the other."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from midwatch.domain.errors import InputError

LONGEST_LINE = 50 << 20
"""Bytes that are read ahead of what is looked at; pictures come in one line."""


async def claim(command: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The two as streams, once in a process. Whoever else prints writes to standard error from now on, and whoever else
    reads finds the end. Raises InputError when they are files, which nobody answers from."""
    loop = asyncio.get_running_loop()
    mend = f"`midwatch {command}` is started by another program, which talks to it over pipes"
    if _is_nothing(0):
        raise InputError("standard input and output must be pipes", mend)
    try:
        given, taken = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(given, "rb", 0))
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())  # for its flow control
        transport, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(taken, "wb", 0))
    except OSError as error:
        raise InputError(f"standard input or output cannot be used: {error.strerror}", mend) from None
    except ValueError:
        raise InputError("standard input and output must be pipes", mend) from None
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


def _is_nothing(descriptor: int) -> bool:
    """Whether it is /dev/null, which takes part in no event loop."""
    return os.path.samestat(os.fstat(descriptor), Path(os.devnull).stat())
