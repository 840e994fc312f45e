"""The body of a request on its way out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable


class Outgoing:
    """Let go of once it is sent, and made again where it is sent again: of thousands of requests that wait for their
    answers, none holds its conversation a second time."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        """`make` gives the same bytes each time."""
        self._make = make
        self._data: bytes | None = make()
        self.size = len(self._data)
        """In bytes."""

    @property
    def data(self) -> bytes:
        """The bytes, kept until they are sent."""
        if self._data is None:
            self._data = self._make()
        return self._data

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        yield self._taken()

    def _taken(self) -> bytes:
        data, self._data = self.data, None
        return data
