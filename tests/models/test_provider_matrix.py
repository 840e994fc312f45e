"""What has been recorded of each provider, and that nothing is missing: the table at the top is the whole of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import ModelError
from midwatch.models.providers import BUILT_IN
from tests.models.test_stream_cases import CASES, at, read
from tests.support.asking import ask
from tests.support.model_server import ModelServer, says, spoils

OVERLOADS = sorted((Path(__file__).parents[1] / "cases/overloads").iterdir())
LOCAL = {"ollama", "vllm", "llamacpp"}
FURTHER = {"deepseek", "mistral"}
"""They speak the same wire as others, and have a case each for what is their own."""

PROVIDERS = sorted(set(BUILT_IN) - FURTHER)
SHOWN = ("reasoning", "parallel calls", "refusal", "truncation", "overload", "overload in the stream")
NOT_THERE = {(provider, "refusal") for provider in LOCAL}
"""A server that runs a model and filters nothing has no other form for a refusal than words."""


def shown_by_stream(case: Path) -> set[tuple[str, str]]:
    """What a recorded answer is a case of."""
    answer, expected = read(case)
    provider = expected["model"].partition("/")[0]
    found = {
        "reasoning": bool(expected["reasoning"]) or "encrypted_content" in answer or "thought_signature" in answer,
        "parallel calls": len(expected["calls"]) > 1,
        "refusal": expected["stop"] == "refusal",
        "truncation": expected["stop"] == "length",
    }
    return {(provider, name) for name, there in found.items() if there}


def shown_by_overload(case: Path) -> tuple[str, str]:
    """The same of a recorded failure."""
    _, expected = read(case)
    return expected["model"].partition("/")[0], "overload in the stream" if expected["status"] == 200 else "overload"


def test_of_each_provider_there_is_a_recorded_case_of_everything_that_it_can_do() -> None:
    there = {one for case in CASES for one in shown_by_stream(case)} | set(map(shown_by_overload, OVERLOADS))
    wanted = {(provider, name) for provider in PROVIDERS for name in SHOWN} - NOT_THERE
    assert sorted(wanted - there) == []
    assert there & NOT_THERE == set()


def overload(case: Path) -> tuple[dict[str, Any], Any]:
    """What is expected, and the fault."""
    answer, expected = read(case)
    fault = spoils(
        answer, status=expected["status"], content_type=expected["content_type"], headers=expected["headers"]
    )
    return expected, fault


@pytest.mark.parametrize("case", OVERLOADS, ids=lambda case: case.name)
async def test_an_overloaded_provider_is_asked_again_and_says_why_to_the_person(
    server: ModelServer, case: Path
) -> None:
    expected, fault = overload(case)
    base_url = server.script(fault, says("Done."))
    model = at(base_url, expected)
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."
    (notice,) = [delta.text for delta in deltas if delta.kind == "notice"]
    assert expected["words"] in notice
    assert "{" not in notice
    assert notice.endswith("trying again in 0 s")
    first, second = server.requests_to(base_url)
    assert first.raw == second.raw


@pytest.mark.parametrize("case", OVERLOADS, ids=lambda case: case.name)
async def test_a_provider_that_stays_overloaded_ends_the_attempt_in_a_way_that_can_be_resumed(
    server: ModelServer, case: Path
) -> None:
    expected, fault = overload(case)
    model = at(server.script({**fault, "times": -1}, says("Never.")), expected, attempts=2)
    with pytest.raises(ModelError, match="2 attempts") as raised:
        await ask(model)
    await model.close()
    assert raised.value.retryable
    assert expected["words"] in raised.value.message


@pytest.mark.parametrize(
    ("model", "status", "body"),
    [
        ("azure/gpt-5-night", 400, {"error": {
            "message": "The response was filtered by Azure OpenAI's content management policy.",
            "type": None, "param": "prompt", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        ("openrouter/openai/gpt-5", 403, {"error": {
            "message": "openai/gpt-5 requires moderation on OpenAI. Your input was flagged for \"violence\".",
            "code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "..."}}}),
    ],
)  # fmt: skip
async def test_a_filter_that_refuses_what_was_sent_is_told_as_that(
    server: ModelServer, model: str, status: int, body: Any
) -> None:
    fault = spoils(json.dumps(body), status=status, content_type="application/json", times=-1)
    base_url = server.script(fault, says("Never."))
    asked = at(base_url, {"model": model})
    with pytest.raises(ModelError, match=r"content filter of .* refuses the conversation") as raised:
        await ask(asked)
    await asked.close()
    assert "other words" in raised.value.mend
    assert len(server.requests_to(base_url)) == 1


async def test_a_call_that_gemini_could_not_read_is_asked_for_again(server: ModelServer) -> None:
    choice = {
        "index": 0,
        "delta": {"role": "assistant"},
        "finish_reason": "function_call_filter: MALFORMED_FUNCTION_CALL",
    }
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    bad = spoils(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n", status=200, content_type="text/event-stream")
    model = at(server.script(bad, says("Done.")), {"model": "gemini/gemini-2.5-pro"})
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."
    assert any("cannot be read" in delta.text for delta in deltas)
