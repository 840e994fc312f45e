"""How fast a provider is asked."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from midwatch.models.card import Card
from midwatch.models.config import build, load_models
from midwatch.models.endpoint import Endpoint, RetryPolicy
from midwatch.models.pace import SPREAD_SECONDS, Bucket, Pace
from midwatch.models.prices import Pricing
from midwatch.models.responses import ResponsesModel
from tests.support.asking import ask, view_of
from tests.support.model_server import ModelServer, fails, says


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_what_it_holds_and_then_makes_wait_for_what_comes_in() -> None:
    clock = Clock()
    bucket = Bucket(60, clock)
    assert [bucket.take(20) for _ in range(5)] == [0, 0, 0, 20, 40]
    clock.now += 40
    assert bucket.take(1) == pytest.approx(1)
    clock.now += 10_000
    assert bucket.take(60) == 0, "it never holds more than a minute's worth"
    assert bucket.take(6) == pytest.approx(6)


def test_requests_and_tokens_are_both_kept() -> None:
    clock = Clock()
    pace = Pace(requests=2, tokens=6000, clock=clock)
    assert pace.reserve(3000) == 0
    assert pace.reserve(6000) == pytest.approx(30), "for tokens"
    assert pace.reserve(0) == pytest.approx(30), "for tokens and requests alike"
    assert pace.reserve(0) == pytest.approx(60), "for requests"


def test_a_reservation_is_settled_by_what_was_really_used_and_released_when_nothing_was_sent() -> None:
    clock = Clock()
    pace = Pace(requests=1, tokens=6000, clock=clock)
    pace.reserve(6000)
    pace.settle(6000, 3000)
    clock.now += 60
    pace.reserve(3000)
    pace.release(3000)
    assert pace.reserve(6000) == 0


def test_a_pause_of_the_provider_holds_everybody_back_and_does_not_let_them_go_at_once() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    assert pace.reserve(10**9) == 0, "without limits"
    pace.pause(30)
    pace.pause(5)
    waits = {pace.reserve(1) for _ in range(20)}
    assert len(waits) > 1
    assert 30 <= min(waits) <= max(waits) <= 30 + SPREAD_SECONDS
    clock.now += 30
    assert pace.reserve(1) == 0


def at(base_url: str, pace: Pace) -> ResponsesModel:
    """A model whose requests keep that pace."""
    card = Card("openai/gpt-5", "gpt-5", 100_000, 1000, Pricing("openai", "gpt-5"))
    retry = dataclasses.replace(RetryPolicy(), base_seconds=0)
    return ResponsesModel(card, Endpoint(base_url, retry=retry, pace=pace))


async def test_a_request_waits_for_its_turn_and_says_so(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    pace = Pace(requests=40)
    for _ in range(40):
        pace.reserve(0)
    model = at(base_url, pace)
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."
    assert [delta.kind for delta in deltas[:2]] == ["notice", "text"]
    assert f"waiting 1 s for the rate limit of {base_url}" in deltas[0].text or "waiting 2 s" in deltas[0].text


async def test_who_is_cancelled_while_waiting_gives_the_turn_back(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    clock = Clock()
    pace = Pace(requests=1, clock=clock)
    pace.reserve(0)
    model = at(base_url, pace)
    stream = model.reply(view_of(), ())
    assert "waiting 60 s" in str(await anext(stream))
    await stream.aclose()
    asking = asyncio.create_task(ask(model))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await model.close()
    assert pace.reserve(0) == pytest.approx(60), "as if the two had not been there"
    assert server.requests_to(base_url) == []


async def test_a_wait_that_one_attempt_is_asked_for_holds_for_all(server: ModelServer) -> None:
    base_url = server.script(fails(429, headers={"Retry-After": "1"}), says("Done."))
    pace = Pace()
    first, second = at(base_url, pace), at(base_url, pace)
    stream = first.reply(view_of(), ())
    assert "trying again in 1 s" in str(await anext(stream))
    assert pace.reserve(0) > 0.5
    await stream.aclose()
    _, reply = await ask(second)
    await first.close()
    await second.close()
    assert reply.text == "Done."


def test_models_that_are_built_from_the_same_settings_share_the_pace_of_their_provider() -> None:
    values = {"providers": {"vllm": {"requests_per_minute": 3}}}
    settings = load_models(values, {})
    one, other, third = (build(name, settings) for name in ("vllm/a", "vllm/b", "ollama/c"))
    paces = [model._asked.endpoint.pace for model in (one, other, third)]  # type: ignore[attr-defined]
    assert paces[0] is paces[1]
    assert paces[0] is not paces[2]
    assert [paces[0].reserve(1) > 0 for _ in range(4)] == [False, False, False, True]
