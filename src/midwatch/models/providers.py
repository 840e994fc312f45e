"""The endpoints that are known by name. The settings file changes their fields and adds further ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

WIRES = ("responses", "chat", "messages")
"""The wire formats that an endpoint may speak."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An endpoint, before a model is chosen. None: not said, so the default of the model or of Midwatch."""

    base_url: str = ""
    """`{NAME}` in it stands for the environment variable NAME."""
    wire: str = "chat"
    api_key_env: str = ""
    base_url_env: str = ""
    """A variable of the provider's own that moves its address."""
    version_path: str = ""
    """What that variable's address lacks by custom: `/v1` for Anthropic's."""
    token_env: str = ""
    """A variable with a token that is used, as `Authorization: Bearer`, where there is no key."""
    api_key_command: str = ""
    key_header: str = "Authorization"
    """The header that carries the key; in `Authorization` it is a bearer token."""
    path: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    key_optional: bool = False
    free: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    window: int | None = None
    max_output: int | None = None
    reasoning_effort: str = ""
    encrypted_reasoning: bool | None = None
    custom_tools: bool | None = None
    images: bool | None = None
    output_schema: bool | None = None
    cache_marks: str = "blocks"
    prompt_cache_key: bool = False
    output_field: str = "max_tokens"
    stream_usage: bool = True
    return_reasoning: bool = True
    attempts: int = 5
    retry_seconds: float = 2.0
    idle_seconds: float = 300.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


def _local(port: int, variable: str = "") -> Provider:
    # Their decoders put a schema over the whole reply, so that no tool could be called any more.
    return Provider(
        f"http://127.0.0.1:{port}/v1", api_key_env=variable, key_optional=True, free=True, output_schema=False
    )


BUILT_IN: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(
            "https://api.openai.com/v1", "responses", "OPENAI_API_KEY", "OPENAI_BASE_URL", "", "CODEX_API_KEY",
            prompt_cache_key=True, output_field="max_completion_tokens",
        ),
        "azure": Provider(
            "", "responses", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "/openai/v1", "AZURE_OPENAI_AD_TOKEN",
            key_header="api-key", prompt_cache_key=True, output_field="max_completion_tokens",
        ),
        "anthropic": Provider(
            "https://api.anthropic.com/v1", "messages", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "/v1",
            "ANTHROPIC_AUTH_TOKEN", key_header="x-api-key", cache_marks="automatic",
        ),
        "bedrock": Provider(
            "https://bedrock-mantle.{AWS_REGION}.api.aws/anthropic/v1", "messages", "AWS_BEARER_TOKEN_BEDROCK"
        ),
        "vertex": Provider(
            "https://aiplatform.googleapis.com/v1/projects/{ANTHROPIC_VERTEX_PROJECT_ID}/locations/global",
            "messages", "GOOGLE_OAUTH_ACCESS_TOKEN",
            path="/publishers/anthropic/models/{model}:streamRawPredict",
            body=MappingProxyType({"anthropic_version": "vertex-2023-10-16"}), output_schema=False,
        ),
        "openrouter": Provider("https://openrouter.ai/api/v1", "chat", "OPENROUTER_API_KEY", cache_marks="automatic"),
        "deepseek": Provider("https://api.deepseek.com/v1", "chat", "DEEPSEEK_API_KEY"),
        "gemini": Provider("https://generativelanguage.googleapis.com/v1beta/openai", "chat", "GEMINI_API_KEY"),
        "mistral": Provider("https://api.mistral.ai/v1", "chat", "MISTRAL_API_KEY", stream_usage=False),
        "ollama": _local(11434),
        "vllm": _local(8000, "VLLM_API_KEY"),
        "llamacpp": _local(8080, "LLAMA_API_KEY"),
    }
)  # fmt: skip
