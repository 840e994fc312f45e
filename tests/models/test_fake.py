"""The scripted model."""

from __future__ import annotations

import pytest

from midwatch.domain.conversation import Usage
from midwatch.domain.errors import ModelError
from midwatch.models.fake import FakeModel, calls, calls_all, says
from tests.support.asking import ask, followed_by, view_of


async def test_replies_come_in_order_with_ids_of_their_own() -> None:
    model = FakeModel([calls_all(("shell", {"command": "ls"}), ("shell", {"command": "pwd"})), says("Done.")])
    _, first = await ask(model)
    _, second = await ask(model, followed_by(view_of(), first))
    assert [call.id for call in first.calls] == ["call_0_0", "call_0_1"]
    assert (second.text, second.stop) == ("Done.", "end")
    assert len(model.asked) == 2


async def test_an_error_is_raised_once_before_the_reply_after_it() -> None:
    model = FakeModel([ModelError("down"), calls("shell", command="ls")])
    with pytest.raises(ModelError, match="down"):
        await ask(model)
    _, reply = await ask(model)
    assert reply.calls[0].arguments == '{"command": "ls"}'


async def test_a_step_may_look_at_the_view() -> None:
    model = FakeModel([lambda view, tools: says(f"{view.brief.prompt} {tools[0].name}")])
    _, reply = await ask(model)
    assert reply.text == "Fix the sign. shell"


async def test_a_script_that_has_run_out_says_so() -> None:
    with pytest.raises(ModelError, match="has 0 replies, and reply 1 was asked for"):
        await ask(FakeModel([]))


def test_its_price_is_settable() -> None:
    assert FakeModel([], price_microusd=3).cost(Usage(10, output_tokens=5)) == 45
    assert FakeModel([], price_microusd=None).cost(Usage(10)) is None
