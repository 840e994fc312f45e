"""What was sent and what came back, byte for byte, in files: only where a person has asked for it.

Nothing else writes the content of a conversation anywhere but into its log. Headers, and with them the key, are never
written.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from midwatch.domain.errors import InputError

VARIABLE = "MIDWATCH_TRACE"

_numbers = itertools.count(1)


class Trace:
    """Two files for each request, in a folder: `PID-NUMBER-request.json` and `PID-NUMBER-answer.txt`."""

    def __init__(self, folder: str) -> None:
        """An empty name: nothing is written."""
        self._folder = Path(folder).expanduser() if folder else None

    @property
    def on(self) -> bool:
        """Whether anything is written."""
        return self._folder is not None

    @contextmanager
    def answer(self, body: bytes) -> Iterator[BinaryIO | None]:
        """Write a request, and give the file that takes its answer; None where nothing is written. Raises InputError
        when the folder cannot be written."""
        if self._folder is None:
            yield None
            return
        name = f"{os.getpid()}-{next(_numbers):04d}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open(f"{name}-request.json") as file:
                file.write(body)
            taker = self._open(f"{name}-answer.txt")
        except OSError as error:
            raise InputError(
                f"{VARIABLE} names a folder that cannot be written: {self._folder} ({error.strerror})",
                "name another one, or unset it",
            ) from None
        try:
            yield taker
        finally:
            with suppress(OSError):  # a full disk ends the trace, not the work
                taker.close()

    def _open(self, name: str) -> BinaryIO:
        assert self._folder is not None
        number = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        return os.fdopen(number, "wb", buffering=0)
