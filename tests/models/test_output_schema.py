"""An answer that must fit a JSON Schema: how it is asked for on each wire, and who drives us."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from midwatch.domain.conversation import Said
from midwatch.models.config import build, load_models
from midwatch.models.providers import BUILT_IN
from midwatch.tools.toolset import default_tools
from tests.models.test_sdk_types import MODELS, WIRES, at, conversation, type_of_body
from tests.support.asking import SHELL, ask, view_of
from tests.support.model_server import ModelServer, says
from tests.support.shapes import faults

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}},
    "required": ["verdict"],
    "additionalProperties": False,
}
NAMED = {"name": "codex_output_schema", "strict": True, "schema": SCHEMA}
SENT: Mapping[str, Mapping[str, Any]] = {
    "responses": {"text": {"format": {"type": "json_schema", **NAMED}}},
    "chat": {"response_format": {"type": "json_schema", "json_schema": NAMED}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
}
FIELDS = {"responses": "text", "chat": "response_format", "messages": "output_config"}


async def sent(server: ModelServer, wire: str, name: str, **fields: Any) -> tuple[Any, Any]:
    """The bodies of a request without and of one with a schema, in the same conversation."""
    base_url = server.script(says('{"verdict":"fine"}'))
    model = at(base_url, wire, name, **fields)
    view = conversation(wire)
    specs = default_tools().specs
    await ask(model, view, specs)
    await ask(model, dataclasses.replace(view, schema=SCHEMA), specs)
    await model.close()
    free, bound = server.requests_to(base_url)
    return free.body, bound.body


@WIRES
async def test_the_schema_of_the_answer_is_sent_as_the_sdk_describes_it(server: ModelServer, wire: str) -> None:
    free, bound = await sent(server, wire, MODELS[wire])
    assert FIELDS[wire] not in free
    assert {key: bound[key] for key in SENT[wire]} == SENT[wire]
    assert faults(bound, type_of_body(wire)) == []
    del bound[FIELDS[wire]]
    assert bound == free


async def test_a_schema_and_an_effort_go_together_over_messages(server: ModelServer) -> None:
    free, bound = await sent(server, "messages", "anthropic/claude-opus-5", reasoning_effort="high")
    assert free["output_config"] == {"effort": "high"}
    assert bound["output_config"] == {"effort": "high", **SENT["messages"]["output_config"]}
    assert faults(bound, type_of_body("messages")) == []


@WIRES
async def test_a_provider_that_takes_no_schema_is_told_it_in_the_instructions(server: ModelServer, wire: str) -> None:
    free, bound = await sent(server, wire, MODELS[wire], output_schema=False)
    assert FIELDS[wire] not in bound
    places: Mapping[str, Any] = {
        "responses": lambda body: body["instructions"],
        "chat": lambda body: body["messages"][0]["content"],
        "messages": lambda body: body["system"][0]["text"],
    }
    before, after = (places[wire](body) for body in (free, bound))
    assert after.startswith(f"{before}\n\n")
    assert '{"type":"object","properties":{"verdict":{"type":"string"}}' in after
    assert "verdict" not in before


@WIRES
@pytest.mark.parametrize("taken", [True, False], ids=["as a field", "in words"])
async def test_requests_with_a_schema_begin_with_the_one_before(server: ModelServer, wire: str, taken: bool) -> None:
    base_url = server.script(says("{}"))
    model = at(base_url, wire, MODELS[wire], output_schema=taken, cache_marks="none")
    view = dataclasses.replace(view_of(), schema=SCHEMA)
    await ask(model, view, [SHELL])
    await ask(model, dataclasses.replace(view, items=(*view.items, Said("Go on."))), [SHELL])
    await model.close()
    first, second = (request.raw for request in server.requests_to(base_url))
    end = {"responses": b'],"max_output_tokens"', "chat": b'],"max_c', "messages": b'}],"max_tokens"'}
    if wire == "messages":  # one message of the person's side grows
        end["messages"] = b']}],"max_tokens"'
    known = first[: first.rindex(end[wire])]
    assert b"verdict" not in known if taken else b"verdict" in known
    assert second.startswith(known)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/gpt-5", True), ("openai/never-heard-of", True), ("azure/my-deployment", True),
        ("anthropic/claude-opus-5", True), ("anthropic/claude-sonnet-4-5", True), ("bedrock/claude-haiku-4-5", True),
        ("anthropic/claude-opus-4-1", False), ("anthropic/claude-sonnet-4-20250514", False),
        ("anthropic/claude-3-7-sonnet", False), ("vertex/claude-opus-5", False), ("openrouter/openai/gpt-5", True),
        ("openrouter/google/gemini-2.5-pro", False), ("openrouter/qwen/qwen3-coder", False),
        ("openrouter/anthropic/claude-opus-5", True), ("anthropic/never-heard-of", False),
        ("gemini/gemini-2.5-pro", False), ("deepseek/deepseek-v4", False),
        ("mistral/mistral-large", False), ("ollama/qwen3", False), ("vllm/qwen3", False), ("llamacpp/qwen3", False),
    ],
)  # fmt: skip
def test_who_is_sent_the_schema_as_a_field_depends_on_provider_and_model(name: str, expected: bool) -> None:
    environ = {known.api_key_env: "key-0123456789" for known in BUILT_IN.values() if known.api_key_env}
    places = {"AZURE_OPENAI_ENDPOINT": "https://a.example", "AWS_REGION": "r", "ANTHROPIC_VERTEX_PROJECT_ID": "p"}
    model = build(name, load_models({}, {**environ, **places}))
    assert model._card.output_schema is expected  # type: ignore[attr-defined]


@WIRES
@pytest.mark.parametrize("said", ["codex_sdk_ts", "My client 2", "", "ünï"])
async def test_the_program_that_drives_us_is_named_to_an_endpoint_of_openais_kind(
    server: ModelServer, wire: str, said: str
) -> None:
    base_url = server.script(says("Done."))
    values = {"providers": {"mine": {"base_url": base_url, "wire": wire}}}
    model = build("mine/gpt-5", load_models(values, {"CODEX_INTERNAL_ORIGINATOR_OVERRIDE": said}))
    await ask(model)
    await model.close()
    expected = said if wire != "messages" and said not in ("", "ünï") else None
    assert server.requests_to(base_url)[0].headers.get("originator") == expected


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"CODEX_API_KEY": "of-the-client"}, "of-the-client"),
        ({"CODEX_API_KEY": "of-the-client", "OPENAI_API_KEY": "of-the-person"}, "of-the-person"),
        ({"CODEX_API_KEY": "of-the-client", "MIDWATCH_API_KEY": "of-midwatch"}, "of-midwatch"),
    ],
)
async def test_the_key_that_a_client_hands_over_counts_where_there_is_no_other(
    server: ModelServer, environ: Mapping[str, str], key: str
) -> None:
    base_url = server.script(says("Done."))
    model = build("openai/gpt-5", load_models({}, {"OPENAI_BASE_URL": base_url, **environ}))
    await ask(model)
    await model.close()
    assert server.requests_to(base_url)[0].headers["authorization"] == f"Bearer {key}"


def test_the_key_that_a_client_hands_over_goes_to_no_other_provider() -> None:
    model = build("openrouter/m", load_models({}, {"CODEX_API_KEY": "of-the-client", "OPENROUTER_API_KEY": "router"}))
    assert model._asked.endpoint.key == "router"  # type: ignore[attr-defined]
