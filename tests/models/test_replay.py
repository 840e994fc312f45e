"""A stored log's model side, again."""

from __future__ import annotations

import pytest

from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.errors import ModelError
from midwatch.domain.events import ModelReplied
from midwatch.models.replay import ReplayModel
from tests.support.asking import ask, followed_by, view_of


def replied(text: str, *calls: ToolCall) -> ModelReplied:
    """One model call of a log."""
    stop = "calls" if calls else "end"
    return ModelReplied("openai/gpt-5", "responses", text, calls, ({"type": "x"},), Usage(10, 0, 0, 5), 100, 7, stop)


async def test_reply_n_comes_where_the_view_holds_n_replies() -> None:
    call = ToolCall("call_1", "shell", "{}")
    model = ReplayModel([replied("Looking.", call), replied("Done.")], "abc.1")
    _, first = await ask(model)
    _, second = await ask(model, followed_by(view_of(), first))
    assert (first.text, first.calls, first.items, first.wire) == ("Looking.", (call,), ({"type": "x"},), "responses")
    assert (second.text, second.stop, second.usage) == ("Done.", "end", Usage(10, 0, 0, 5))
    assert model.name == "replay/abc.1"


async def test_a_replay_costs_nothing() -> None:
    assert ReplayModel([]).cost(Usage(1_000_000)) == 0


async def test_a_log_that_has_run_out_says_so() -> None:
    model = ReplayModel([replied("Done.")])
    _, first = await ask(model)
    with pytest.raises(ModelError, match="has 1 replies, and one more was asked for"):
        await ask(model, followed_by(view_of(), first))
