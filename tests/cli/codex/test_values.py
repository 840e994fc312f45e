"""Settings under Codex's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.cli.codex import values
from midwatch.cli.codex.turn import words
from midwatch.domain.errors import InputError, ModelError
from midwatch.models.config import load_models
from midwatch.sandbox.config import SandboxSettings
from midwatch.settings import Settings
from midwatch.workflows.config import LimitSettings
from midwatch.workspace.config import EnvironmentSettings


def settings(environ: dict[str, str] | None = None, **file: Any) -> Settings:
    models = load_models(file, environ or {})
    return Settings(Path("/nowhere"), models, SandboxSettings(), LimitSettings(), EnvironmentSettings())


def chosen(*pairs: str, environ: dict[str, str] | None = None, **file: Any) -> str:
    """The model of a new conversation."""
    given = values.read(pairs)
    models = settings(values.environment(given, environ or {}), **file).models
    return values.model_name(given, models) or values.default_model(given, models)


@pytest.mark.parametrize(
    ("pairs", "environ", "file", "model"),
    [
        ((), {}, {}, "repair"),
        ((), {"OPENAI_API_KEY": "k"}, {}, "openai/gpt-5.5"),
        ((), {"OPENAI_API_KEY": "k"}, {"model": "repair"}, "repair"),
        ((), {"CODEX_API_KEY": "k", "MIDWATCH_MODEL": "vllm/x"}, {}, "vllm/x"),
        (("model=gpt-x",), {}, {"model": "vllm/x"}, "openai/gpt-x"),
        (("model=vllm/x",), {}, {}, "vllm/x"),
        (("model=repair",), {}, {}, "repair"),
        (('openai_base_url="http://127.0.0.1:9"',), {}, {"model": "anthropic/c"}, "openai/gpt-5.5"),
        (('openai_base_url="http://127.0.0.1:9"',), {}, {"model": "openai/mine"}, "openai/mine"),
        (("model_provider=mock", "model=a/b"), {}, {}, "mock/a/b"),
        (("model_provider=mock",), {}, {}, "mock/gpt-5.5"),
        (("model_provider=ollama",), {}, {}, "ollama/gpt-oss:20b"),
    ],
)
def test_which_model_is_asked(pairs: tuple[str, ...], environ: dict[str, str], file: Any, model: str) -> None:
    assert chosen(*pairs, environ=environ, **file) == model


def test_values_are_toml_or_plain_strings_and_the_last_one_counts() -> None:
    pairs = ("a.b=[1, 2]", "a.c=plain words", 'a."d.e"="x"', "a.b=true", "model=one", 'model="two"', "web_search=live")
    read = values.read(pairs)
    assert read.given["a"] == {"b": True, "c": "plain words", "d.e": "x"}
    assert read.text("model") == "two"
    assert read.unknown == ("a.b", "a.c", "a.d.e")


@pytest.mark.parametrize("pair", ["no equals", "=1", "a..b=1"])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="is no setting"):
        values.read([pair])


def test_a_provider_of_the_command_line_is_one_of_ours() -> None:
    mock = 'model_providers.mock={base_url="http://127.0.0.1:9/", wire_api="responses", env_key="K", name="n"}'
    given = values.read(["model_provider=mock", mock, "model_providers.mock.request_max_retries=0"])
    provider = values.adjusted(settings(), given, ["/extra"]).models.providers["mock"]
    assert (provider.base_url, provider.wire, provider.api_key_env) == ("http://127.0.0.1:9", "responses", "K")
    assert (provider.attempts, provider.retry_seconds) == (1, values.FIRST_PAUSE)
    with pytest.raises(InputError, match="has no base_url"):
        values.adjusted(settings(), values.read(["model_providers.x.wire_api=chat"]), [])


def test_what_the_command_line_says_of_an_endpoint_goes_before_the_environment() -> None:
    given = values.read(['openai_base_url="http://127.0.0.1:9"', "model_reasoning_effort=high"])
    around = {"MIDWATCH_BASE_URL": "http://other", "OPENAI_API_KEY": "mine", "CODEX_API_KEY": "handed over"}
    found = values.environment(given, around)
    assert (found["OPENAI_BASE_URL"], found["OPENAI_API_KEY"]) == ("http://127.0.0.1:9", "handed over")
    assert "MIDWATCH_BASE_URL" not in found
    provider = values.adjusted(settings(), given, []).models.providers["openai"]
    assert (provider.reasoning_effort, provider.attempts) == ("high", 1 + values.STREAM_RETRIES)
    own = settings(providers={"openai": {"attempts": 2, "retry_seconds": 9}})
    provider = values.adjusted(own, given, []).models.providers["openai"]
    assert (provider.attempts, provider.retry_seconds) == (2, 9)


@pytest.mark.parametrize(
    ("status", "retryable", "beginning"),
    [
        (0, True, "stream disconnected before completion: it broke"),
        (401, False, "unexpected status 401 Unauthorized: it broke"),
        (429, True, "exceeded retry limit, last status: 429 Too Many Requests: it broke"),
        (599, True, "exceeded retry limit, last status: 599: it broke"),
        (0, False, "it broke"),
    ],
)
def test_a_models_error_begins_as_codexs_does(status: int, retryable: bool, beginning: str) -> None:
    error = ModelError("it broke", retryable=retryable)
    error.status = status
    assert words(error) == beginning
