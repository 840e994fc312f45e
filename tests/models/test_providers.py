"""The endpoints that are known by name: where each is asked, over which wire, with which key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from midwatch.domain.errors import InputError
from midwatch.models.config import build, load_models
from midwatch.models.endpoint import Endpoint
from midwatch.models.providers import BUILT_IN, WIRES

KEYS = {provider.api_key_env: "key-0123456789" for provider in BUILT_IN.values() if provider.api_key_env}
PLACES = {
    "AZURE_OPENAI_ENDPOINT": "https://night.openai.azure.com/",
    "AWS_REGION": "eu-west-1",
    "ANTHROPIC_VERTEX_PROJECT_ID": "night",
}


def endpoint_of(name: str, environ: Mapping[str, str], values: Mapping[str, Any] | None = None) -> Endpoint:
    """Where a model is asked."""
    model = build(name, load_models(values or {}, environ))
    asked: Endpoint = model._asked.endpoint  # type: ignore[attr-defined]
    return asked


@pytest.mark.parametrize("provider", BUILT_IN)
def test_every_built_in_provider_can_be_used_once_its_variables_are_set(provider: str) -> None:
    model = build(f"{provider}/some-model", load_models({}, {**KEYS, **PLACES}))
    assert model.wire == BUILT_IN[provider].wire
    assert model.wire in WIRES
    assert (model.window, model.max_output) == (128_000, 16_000)


@pytest.mark.parametrize("provider", [name for name, known in BUILT_IN.items() if not known.key_optional])
def test_a_provider_without_its_key_says_which_variable_is_missing(provider: str) -> None:
    with pytest.raises(InputError, match=f"{provider} needs a key and {BUILT_IN[provider].api_key_env} is not set"):
        build(f"{provider}/some-model", load_models({}, PLACES))


@pytest.mark.parametrize(
    ("provider", "url", "header"),
    [
        ("openai", "https://api.openai.com/v1", "Authorization"),
        ("azure", "https://night.openai.azure.com/openai/v1", "api-key"),
        ("anthropic", "https://api.anthropic.com/v1", "x-api-key"),
        ("bedrock", "https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1", "Authorization"),
        ("vertex", "https://aiplatform.googleapis.com/v1/projects/night/locations/global", "Authorization"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "Authorization"),
    ],
)
def test_a_provider_has_its_address_and_the_header_of_its_key(provider: str, url: str, header: str) -> None:
    endpoint = endpoint_of(f"{provider}/m", {**KEYS, **PLACES})
    assert (endpoint.base_url, endpoint.key_header, endpoint.key) == (url, header, "key-0123456789")


@pytest.mark.parametrize("given", ["https://proxy.example.org/a", "https://proxy.example.org/a/v1/"])
def test_an_address_of_a_providers_own_variable_may_leave_the_version_off(given: str) -> None:
    endpoint = endpoint_of("anthropic/m", {**KEYS, "ANTHROPIC_BASE_URL": given})
    assert endpoint.base_url == "https://proxy.example.org/a/v1"


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("azure", "AZURE_OPENAI_ENDPOINT"), ("bedrock", "AWS_REGION"), ("vertex", "ANTHROPIC_VERTEX_PROJECT_ID")],
)
def test_an_address_that_needs_a_variable_says_so(provider: str, variable: str) -> None:
    environ = {name: value for name, value in {**KEYS, **PLACES}.items() if name != variable}
    with pytest.raises(InputError, match=f"{variable}.* not set") as raised:
        build(f"{provider}/m", load_models({}, environ))
    assert f"base_url of [providers.{provider}]" in raised.value.mend
    values = {"providers": {provider: {"base_url": "https://example.org/v1"}}}
    assert endpoint_of(f"{provider}/m", environ, values).base_url == "https://example.org/v1"


def test_a_key_wins_over_a_token_and_each_has_its_header() -> None:
    token = {"ANTHROPIC_AUTH_TOKEN": "token-0123456789"}
    endpoint = endpoint_of("anthropic/m", token)
    assert (endpoint.key, endpoint.key_header) == ("token-0123456789", "Authorization")
    endpoint = endpoint_of("anthropic/m", {**KEYS, **token})
    assert (endpoint.key, endpoint.key_header) == ("key-0123456789", "x-api-key")
    endpoint = endpoint_of("anthropic/m", {"MIDWATCH_API_KEY": "other-0123456789", **token})
    assert (endpoint.key, endpoint.key_header) == ("other-0123456789", "x-api-key")


def test_a_further_field_that_midwatch_sets_itself_is_refused() -> None:
    values = {"providers": {"vllm": {"body": {"top_k": 1, "tools": []}}}}
    with pytest.raises(InputError, match=r"body of \[providers.vllm\] holds 'tools'"):
        load_models(values, {})
