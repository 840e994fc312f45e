"""The settings of models as they stand in the settings file: `model`, `[providers.NAME]`, `[prices."NAME"]`.

Loaded only when the file says more than `model`, because pydantic takes 0.1 s.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ProviderSettings(BaseModel):
    """The table `[providers.NAME]`: an endpoint. For a built-in provider, each field that is given replaces its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str | None = None
    """Address of the endpoint, up to and with its version: `https://api.openai.com/v1`."""
    wire: Literal["responses", "chat", "messages"] | None = None
    """`responses` (OpenAI Responses API), `messages` (Anthropic Messages) or `chat` (Chat Completions; the default of a
    provider of your own)."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable that holds the key. Keys do not belong into this file."""
    api_key_command: str | None = Field(default=None, min_length=1)
    """A shell command that prints a key, for keys that do not last; run where the variable is not set."""
    key_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$")
    """The header that carries the key (`Authorization`, as a bearer token)."""
    path: str | None = Field(default=None, pattern=r"^/[!-~]*$")
    """Added to base_url instead of the wire's own path; `{model}` in it stands for the model's name."""
    body: dict[str, Any] | None = None
    """Further fields of each request."""
    headers: dict[str, str] | None = None
    """Further headers of each request."""
    window: int | None = Field(default=None, ge=1024)
    """Tokens that fit into a request and its reply together; otherwise what is known of the model, or 128000."""
    max_output: int | None = Field(default=None, ge=16)
    """The most tokens of one reply; otherwise what is known of the model, or 16000."""
    reasoning_effort: str | None = None
    """`low`, `medium`, `high`, …: sent as it is; not sent when not set."""
    encrypted_reasoning: bool | None = None
    """Ask for encrypted reasoning and give it back (wire `responses`); otherwise by the model's name."""
    custom_tools: bool | None = None
    """Offer tools whose argument is text after a grammar (wire `responses`); otherwise by the model's name."""
    images: bool | None = None
    """Show pictures to the model; otherwise by the model's name."""
    output_schema: bool | None = None
    """Send the JSON Schema of the answer as a field of the request, not as words; otherwise by provider and model."""
    cache_marks: Literal["automatic", "blocks", "none"] | None = None
    """Who places the marks of the cache (wire `messages`): the provider, we, nobody."""
    prompt_cache_key: bool | None = None
    """Send a key that is the same for all requests of an attempt (true for `openai`)."""
    output_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """How the cap on a reply is called on the wire `chat` (`max_tokens`)."""
    stream_usage: bool | None = None
    """Ask for token counts in the stream (wire `chat`; true, but for `mistral`)."""
    return_reasoning: bool | None = None
    """Give plain reasoning back to the model with its reply (wire `chat`; true)."""
    attempts: int | None = Field(default=None, ge=1, le=20)
    """Requests in all when an answer fails in a way that may pass (5)."""
    retry_seconds: float | None = Field(default=None, ge=0, le=60)
    """The pause before the second request; each further pause is twice as long (2)."""
    idle_seconds: float | None = Field(default=None, gt=0)
    """The longest silence of the endpoint (300)."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests that a process sends within a minute, all attempts together (no limit)."""
    tokens_per_minute: int | None = Field(default=None, ge=1000)
    """Tokens of requests and replies within a minute, all attempts together (no limit)."""


class PriceSettings(BaseModel):
    """The table `[prices."PROVIDER/MODEL"]`, in US dollars per million tokens. Wins over the price list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    """Input tokens."""
    output: float = Field(ge=0)
    """Output tokens."""
    cached: float | None = Field(default=None, ge=0)
    """Input that was read from the provider's cache (otherwise as `input`)."""
    cache_write: float | None = Field(default=None, ge=0)
    """Input that was written to the provider's cache (otherwise as `input`)."""


class ModelSections(BaseModel):
    """What the settings file says of models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = None
    """The model when the command does not name one: `repair` (the default), or `PROVIDER/MODEL`."""
    fallback: str | None = None
    """A second model, asked where the chosen one is down: `PROVIDER/MODEL` (none)."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    """Endpoints by name; a name of your own makes a new provider."""
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    """Prices by model, as the model is named in `--model`."""
