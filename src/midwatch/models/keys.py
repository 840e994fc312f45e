"""Keys that do not last: a command of the person's prints one, and is run again when it has grown old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from midwatch.domain.errors import InputError

GOOD_SECONDS = 600.0
"""How long a key is used before the command is asked again. Access tokens of clouds are good for an hour, and their
programs hand out one that has begun already."""

LONGEST_SECONDS = 60.0


def is_sendable(key: str) -> bool:
    """Whether a key can stand in a header."""
    return key.isascii() and key.isprintable() and " " not in key


class KeyCommand:
    """The key that a shell command prints, asked for when it is needed. Never shows it, also not in a repr."""

    def __init__(self, command: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.command = command
        self.last = ""
        """The newest key; empty before the first one and after one that was refused."""
        self._clock = clock
        self._asked, self._uses = 0.0, 0

    async def key(self) -> str:
        """The key, from the command where there is none or it is old. Raises InputError when the command fails."""
        if not self.last or self._clock() - self._asked > GOOD_SECONDS:
            self.last = await self._run()
            self._asked, self._uses = self._clock(), 0
        self._uses += 1
        return self.last

    def forget(self) -> bool:
        """The key was refused. Returns whether a newer one may help: it does not where this one was never good."""
        self.last = ""
        return self._uses > 1

    async def _run(self) -> str:
        process = await asyncio.create_subprocess_shell(
            self.command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                out, err = await process.communicate()
        except TimeoutError:
            raise self._failed(f"did not end within {LONGEST_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            said = " ".join(err.decode("utf-8", "replace").split())[:300]
            raise self._failed(f"ended with exit code {process.returncode}{': ' if said else ''}{said}")
        key = out.decode("utf-8", "replace").strip()
        if not key or not is_sendable(key):
            raise self._failed("printed nothing" if not key else "printed more than a key")
        return key

    def _failed(self, how: str) -> InputError:
        return InputError(f"the command of api_key_command {how}", f"run it yourself to see why: {self.command}")
