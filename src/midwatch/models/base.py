"""The contract of a model: it is shown a view and the tools, and replies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from midwatch.domain.conversation import Delta, Reply, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError


class ContextTooLong(ModelError):
    """The endpoint says that the conversation does not fit into its window; compacting may help."""


class Model(Protocol):
    """One model at one endpoint. Holds no conversation: two attempts may use one object at once."""

    name: str
    """As in the settings: `repair`, `openai/gpt-5`, …"""
    wire: str
    """The form of `Replied.items` that it reads back: `responses`, `chat`, `messages`, `repair`, `replay`, …"""
    window: int
    """Tokens that fit into one request and its reply together."""
    max_output: int
    """The most output tokens of one reply."""

    def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """Yield deltas as they come and, last, exactly one Reply. Retries what may pass by itself (429, 5xx, broken
        stream) and raises ModelError for the rest (ContextTooLong where that is the reason). Closing the iterator early
        (`aclose`; merely leaving an `async for` does not close it at once) closes the connection. May be called again
        with the same view: a call has no effect but its cost. `max_output` caps this reply's tokens below the model's
        own `max_output`, so that a money limit holds in the worst case."""

    def cost(self, usage: Usage) -> int | None:
        """The price of that usage in millionths of a US dollar, rounded up; None when the price is not known.
        0 for a model that costs nothing. Where several models may answer it is the dearest one's, and the reply holds
        its own price."""

    async def close(self) -> None:
        """Release connections. May be called twice."""
