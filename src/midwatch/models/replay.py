"""Runs the model side of a stored log again: the same replies, whatever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from midwatch.domain.conversation import Delta, Replied, Reply, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError
from midwatch.domain.events import ModelReplied


class ReplayModel:
    """Says again what a log says: reply n where the view holds n replies. Costs nothing; usage is as it was."""

    wire = "replay"
    window = 1 << 40
    """Nothing has to fit: what the log did, it may do again."""
    max_output = 1 << 20

    def __init__(self, replies: Sequence[ModelReplied], source: str = "") -> None:
        """`replies` are the bodies of the log's `model_replied` events, in order; `source` is its attempt's id."""
        self.name = f"replay/{source}" if source else "replay"
        self._replies = tuple(replies)

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """As the contract says. Raises ModelError when the log has no more replies."""
        await asyncio.sleep(0)
        number = sum(isinstance(item, Replied) for item in view.items)
        if number >= len(self._replies):
            raise ModelError(
                f"the log that is replayed has {len(self._replies)} replies, and one more was asked for",
                "the run went another way than the first time, or the log ends before its work did",
            )
        again = self._replies[number]
        if again.text:
            yield Delta("text", again.text)
        for call in again.calls:
            yield Delta("call", f"{call.name} {call.arguments}")
        yield Reply(again.model, again.wire, again.text, again.calls, again.items, again.usage, again.stop)

    def cost(self, usage: Usage) -> int | None:
        """Nothing, whatever it cost the first time."""
        return 0

    async def close(self) -> None:
        """Nothing to release."""
