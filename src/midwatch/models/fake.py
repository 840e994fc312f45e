"""A model that plays a script, for tests of everything above it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from midwatch.domain.conversation import Delta, Replied, Reply, ToolCall, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError

Step = Reply | BaseException | Callable[[View, Sequence[ToolSpec]], Reply]
"""A reply, what makes one from the view, or an error that is raised once before the reply that follows it."""


def says(text: str, stop: str = "end", usage: Usage | None = None) -> Reply:
    """A reply of words."""
    return Reply("fake", "fake", text, (), usage=usage or Usage(input_tokens=100, output_tokens=10), stop=stop)


def calls(tool: str, /, *, said: str = "", **arguments: Any) -> Reply:
    """A reply with one tool call. Its id is settled when it is played: `call_<turn>_<number>`."""
    return calls_all((tool, arguments), said=said)


def calls_all(*pairs: tuple[str, dict[str, Any]], said: str = "") -> Reply:
    """A reply with several calls at once."""
    made = tuple(ToolCall("", name, json.dumps(arguments)) for name, arguments in pairs)
    return Reply("fake", "fake", said, made, usage=Usage(input_tokens=100, output_tokens=10), stop="calls")


class FakeModel:
    """Plays reply n of its script where the view holds n replies, so it goes on rightly after a crash and answers the
    same view alike. Keeps what it was asked in `asked`."""

    wire = "fake"

    def __init__(self, script: Sequence[Step], *, name: str = "fake", price_microusd: int | None = 0) -> None:
        """`price_microusd` is the price of one token of any kind; None: not known."""
        self.name = name
        self.window = 128_000
        self.max_output = 16_000
        self.asked: list[tuple[View, tuple[ToolSpec, ...]]] = []
        self._turns: list[tuple[list[BaseException], Step | None]] = [([], None)]
        for step in script:
            if isinstance(step, BaseException):
                self._turns[-1][0].append(step)
            else:
                self._turns[-1] = (self._turns[-1][0], step)
                self._turns.append(([], None))
        self._price = price_microusd

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """As the contract says. Raises ModelError when the script has run out."""
        await asyncio.sleep(0)
        self.asked.append((view, tuple(tools)))
        turn = sum(isinstance(item, Replied) for item in view.items)
        errors, step = self._turns[turn] if turn < len(self._turns) else ([], None)
        if errors:
            raise errors.pop(0)
        if step is None:
            count = sum(reply is not None for _, reply in self._turns)
            raise ModelError(f"the script of the fake model has {count} replies, and reply {turn + 1} was asked for")
        if callable(step):
            step = step(view, tools)
        assert isinstance(step, Reply)
        made = tuple(
            call if call.id else dataclasses.replace(call, id=f"call_{turn}_{number}")
            for number, call in enumerate(step.calls)
        )
        if step.text:
            yield Delta("text", step.text)
        for call in made:
            yield Delta("call", f"{call.name} {call.arguments}")
        yield dataclasses.replace(step, calls=made, model=self.name)

    def cost(self, usage: Usage) -> int | None:
        """The price of its tokens."""
        return None if self._price is None else self._price * usage.total

    async def close(self) -> None:
        """Nothing to release."""
