"""Which models there are: the built-in providers, the settings file, the environment (which wins).

The providers are in providers.py, the shape of the file in sections.py. Nothing here opens a connection; `build` only
makes the object.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.models.base import Model
from midwatch.models.endpoint import Endpoint, RetryPolicy, is_local
from midwatch.models.keys import KeyCommand, is_sendable
from midwatch.models.pace import Pace
from midwatch.models.prices import Price, Pricing
from midwatch.models.providers import BUILT_IN, WIRES, Provider
from midwatch.models.trace import Trace

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from midwatch.models.catalog import Family

EMBEDDED = "repair"
"""The model that needs no endpoint; also the default."""

KEYS = ("model", "fallback", "providers", "prices")
"""The top-level names of the settings file that belong to models."""

ORIGINATOR = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE"
"""Names the program that runs Midwatch in place of Codex; goes along as the header `originator`."""

_OF_THE_CHOSEN = ("MIDWATCH_BASE_URL", "MIDWATCH_API_KEY", "MIDWATCH_WIRE")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """File and environment together. Holds keys, so it is not shown or stored."""

    model: str
    """The model when the command names none."""
    fallback: str
    """The model that is asked where the chosen one is down; empty: none."""
    providers: Mapping[str, Provider]
    prices: Mapping[str, Price]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    paces: dict[str, Pace] = field(default_factory=dict, repr=False, compare=False)
    """By provider: what is built from the same settings is asked at one pace."""
    named: bool = True
    """Whether the person has named the model; else it is the default."""


def settings_path(environ: Mapping[str, str]) -> Path:
    """The settings file: `$XDG_CONFIG_HOME/midwatch/config.toml`, by default below `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "midwatch" / "config.toml"


def read_settings_file(path: Path) -> dict[str, Any]:
    """The file as TOML; empty when there is none. Raises InputError when it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"the settings file {path} cannot be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        text = f"the settings file {path} is not UTF-8 (byte {error.start})"
        raise InputError(text, "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the settings file {path} is not TOML: {error}", "mend that line") from None


def load_models(
    file_values: Mapping[str, Any],
    environ: Mapping[str, str],
    source: str = "the settings file",
    beside: Sequence[str] = (),
) -> ModelSettings:
    """What is set about models. `file_values` may hold the names of KEYS alone; `source` names the file in messages,
    and `beside` are the tables that it may have besides, which others read. Raises InputError for what is unknown or
    has the wrong form."""
    model, fallback, providers, prices = file_values.get("model"), None, dict(BUILT_IN), dict[str, Price]()
    if set(file_values) - {"model"} or not isinstance(model, str | None):
        model, fallback, given, prices = _sections(file_values, source, beside)
        for name, fields in given.items():
            _check_provider(name, fields, source)
            providers[name] = dataclasses.replace(providers.get(name, Provider()), **fields)
    named = environ.get("MIDWATCH_MODEL") or model
    second = environ.get("MIDWATCH_FALLBACK_MODEL") or fallback or ""
    chosen = (named or EMBEDDED).strip()
    return ModelSettings(chosen, second.strip(), providers, prices, dict(environ), named=bool(named))


def build(name: str, settings: ModelSettings) -> Model:
    """The model `PROVIDER/MODEL`, with the fall-back of the settings behind it. Opens nothing. Raises InputError for an
    unknown provider, a missing key or an address that is none."""
    if settings.fallback in ("", name):
        return _build(name, settings)
    from midwatch.models.fallback import FallbackModel

    # What the environment says of "the model" is meant for the first: no key of one endpoint may go to the other.
    own = {name: value for name, value in settings.environ.items() if name not in _OF_THE_CHOSEN}
    try:
        second = _build(settings.fallback, dataclasses.replace(settings, environ=own))
    except InputError as error:
        raise InputError(f"the fall-back model: {error.message}", error.mend) from None
    return FallbackModel(_build(name, settings), second)


def _build(name: str, settings: ModelSettings) -> Model:
    provider_name, model = split(name, settings)
    provider = settings.providers[provider_name]
    base_url, said_in = _base_url(provider_name, provider, settings.environ)
    wire = settings.environ.get("MIDWATCH_WIRE") or provider.wire
    if wire not in WIRES:
        raise InputError(f"MIDWATCH_WIRE is {wire!r}", f"set it to one of {', '.join(WIRES)}, or unset it")
    _check_url(base_url, said_in)
    # what serves on this machine is free, but a proxy to a paid provider is not
    local = is_local(base_url) and (provider.free or provider_name not in BUILT_IN)
    free = local or (provider.free and base_url == provider.base_url)
    key, variable, header = _key(provider_name, provider, base_url, settings.environ)
    command = None if key or not provider.api_key_command else KeyCommand(provider.api_key_command)
    retry = RetryPolicy(attempts=provider.attempts, base_seconds=_retry_seconds(provider, settings.environ))
    trace = Trace(settings.environ.get("MIDWATCH_TRACE", ""))
    pace = settings.paces.setdefault(provider_name, Pace(provider.requests_per_minute, provider.tokens_per_minute))
    headers = {**_originator(wire, settings.environ), **provider.headers}
    endpoint = Endpoint(base_url, key, header, variable, headers, provider.idle_seconds, retry, pace, command, trace)
    pricing = Pricing(provider_name, model, settings.prices.get(name), free)
    return _make(wire, name, provider, endpoint, pricing)


def split(name: str, settings: ModelSettings) -> tuple[str, str]:
    """Provider and model of `PROVIDER/MODEL`. Raises InputError when either is missing or the provider unknown."""
    provider, slash, model = name.partition("/")
    known = ", ".join(sorted(settings.providers))
    if not slash or not provider or not model.strip():
        raise InputError(
            f"{name!r} is no name of a model", f"write `repair`, or PROVIDER/MODEL with a provider of: {known}"
        )
    if provider not in settings.providers:
        from difflib import get_close_matches  # takes 10 ms

        close = get_close_matches(provider, settings.providers, 1)
        hint = f"did you mean {close[0]}/{model}? " if close else ""
        raise InputError(
            f"unknown provider {provider!r} in the model name {name!r}",
            f"{hint}The providers are: {known}; a further one is set with [providers.{provider}] base_url = …",
        )
    return provider, model


def takes_pictures(name: str, settings: ModelSettings) -> bool:
    """Whether the model of that name is shown pictures; to one that is not they are told in words. Raises InputError as
    `split`."""
    if name == EMBEDDED:
        return False
    provider, model = split(name, settings)
    return _shown_pictures(settings.providers[provider], model)


def _shown_pictures(provider: Provider, model: str) -> bool:
    from midwatch.models.catalog import family

    return family(model).images if provider.images is None else provider.images


def _make(wire: str, name: str, provider: Provider, endpoint: Endpoint, pricing: Pricing) -> Model:
    from midwatch.models.card import Card
    from midwatch.models.catalog import family

    known = family(pricing.model)
    window = provider.window or known.window
    card = Card(
        name=name,
        model=pricing.model,
        window=window,
        max_output=min(provider.max_output or known.max_output, window // 2),
        pricing=pricing,
        reasoning=known.reasoning if provider.encrypted_reasoning is None else provider.encrypted_reasoning,
        effort=provider.reasoning_effort,
        cache_key=provider.prompt_cache_key,
        output_field=provider.output_field,
        ask_usage=provider.stream_usage,
        return_reasoning=provider.return_reasoning,
        thinking=known.thinking,
        cache_marks=_cache_marks(wire, provider, pricing.model),
        custom_tools=_custom_tools(wire, provider, known),
        images=_shown_pictures(provider, pricing.model),
        output_schema=_output_schema(wire, provider, known),
        path=provider.path,
        body=provider.body,
    )
    if wire == "responses":
        from midwatch.models.responses import ResponsesModel

        return ResponsesModel(card, endpoint)
    if wire == "messages":
        from midwatch.models.messages import MessagesModel

        return MessagesModel(card, endpoint)
    from midwatch.models.chat import ChatModel

    return ChatModel(card, endpoint)


def _cache_marks(wire: str, provider: Provider, model: str) -> str:
    """Over Chat Completions only a router to Anthropic's models knows of marks, and places them itself."""
    if wire == "messages":
        return provider.cache_marks
    return "automatic" if wire == "chat" and provider.cache_marks == "automatic" and "claude" in model else "none"


def _custom_tools(wire: str, provider: Provider, known: Family) -> bool:
    if wire != "responses":
        return False
    return known.custom_tools if provider.custom_tools is None else provider.custom_tools


def _output_schema(wire: str, provider: Provider, known: Family) -> bool:
    """Over the Responses API every model is sent the schema, unless the settings say otherwise."""
    if provider.output_schema is not None:
        return provider.output_schema
    return wire == "responses" or known.output_schema


def _originator(wire: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Who drives us, for an endpoint of OpenAI's kind: clients of `codex exec` say it in a variable and look for it in
    the requests. What cannot stand in a header is left out."""
    value = environ.get(ORIGINATOR, "").strip()
    return {"originator": value} if wire != "messages" and value and value.isascii() and value.isprintable() else {}


def _base_url(name: str, provider: Provider, environ: Mapping[str, str]) -> tuple[str, str]:
    """The address, and where it was said. Raises InputError where a variable that it names is not set."""
    if environ.get("MIDWATCH_BASE_URL"):
        return environ["MIDWATCH_BASE_URL"].strip().rstrip("/"), "MIDWATCH_BASE_URL"
    own = provider.base_url_env
    if own and environ.get(own):
        url = environ[own].strip().rstrip("/")
        return url if url.endswith(provider.version_path) else url + provider.version_path, own
    said_in = f"base_url of [providers.{name}]"
    if own and not provider.base_url:
        raise InputError(f"{name} has no address of its own and {own} is not set", f"export {own}=…, or set {said_in}")

    def filled(match: re.Match[str]) -> str:
        value = environ.get(match[1], "").strip()
        if not value:
            raise InputError(
                f"the address of {name} needs {match[1]}, which is not set", f"export {match[1]}=…, or set {said_in}"
            )
        return value

    return re.sub(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", filled, provider.base_url).strip().rstrip("/"), said_in


def _check_url(url: str, said_in: str) -> None:
    parts = urlsplit(url)
    try:
        labels = (parts.hostname or "").removesuffix(".").split(".")
        fine = parts.scheme in ("http", "https") and (parts.port or 1) > 0 and all(0 < len(one) < 64 for one in labels)
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{said_in} is no address: {url!r}", "write one like http://127.0.0.1:8000/v1")
    for ending in ("/responses", "/chat/completions", "/messages"):
        if url.endswith(ending):
            raise InputError(f"{said_in} ends in {ending}", f"leave that off: {url.removesuffix(ending)}")


def _key(name: str, provider: Provider, base_url: str, environ: Mapping[str, str]) -> tuple[str, str, str]:
    """The key (empty: none), the variable that it is, or would be, read from, and the header that carries it."""
    own, header = provider.api_key_env, provider.key_header
    variable = "MIDWATCH_API_KEY" if environ.get("MIDWATCH_API_KEY") or not own else own
    if provider.token_env and not environ.get(variable) and environ.get(provider.token_env):
        variable, header = provider.token_env, "Authorization"
    key = environ.get(variable, "").strip()
    if not key and own and not (provider.key_optional or provider.api_key_command or is_local(base_url)):
        raise InputError(
            f"{name} needs a key and {own} is not set",
            f"export {own}=…, or choose a model that needs none (`--model {EMBEDDED}`, or one of ollama/…)",
        )
    if not is_sendable(key):
        raise InputError(
            f"the key in {variable} holds a space, a line end or a character that no key has", "copy it anew"
        )
    return key, variable, header


def _retry_seconds(provider: Provider, environ: Mapping[str, str]) -> float:
    value = environ.get("MIDWATCH_RETRY_SECONDS", "")
    try:
        seconds = float(value) if value else provider.retry_seconds
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise InputError(f"MIDWATCH_RETRY_SECONDS is {value!r}", "set it to a number from 0 to 60, or unset it")
    return seconds


def _sections(
    values: Mapping[str, Any], source: str, beside: Sequence[str]
) -> tuple[str | None, str | None, dict[str, dict[str, Any]], dict[str, Price]]:
    """The file's model and fall-back, its providers' fields as far as they are given, and its prices."""
    from pydantic import ValidationError

    from midwatch.models.sections import ModelSections

    try:
        read = ModelSections.model_validate(values)
    except ValidationError as error:
        raise _misread(error, source, beside) from None
    providers = {name: given.model_dump(exclude_none=True) for name, given in read.providers.items()}
    return (
        read.model,
        read.fallback,
        providers,
        {name: Price(**price.model_dump()) for name, price in read.prices.items()},
    )


def _check_provider(name: str, fields: Mapping[str, Any], source: str) -> None:
    if not name or "/" in name or name in (EMBEDDED, "replay"):
        raise InputError(f"{source}: {name!r} cannot be the name of a provider", "choose another, without a slash")
    if name not in BUILT_IN and not fields.get("base_url"):
        raise InputError(
            f"{source}: [providers.{name}] has no base_url",
            'add one, for example base_url = "http://127.0.0.1:8000/v1"',
        )
    for header, value in fields.get("headers", {}).items():
        if not (header + value).isascii() or not (header + value).isprintable() or not header:
            raise InputError(
                f"{source}: the header {header!r} of [providers.{name}] holds characters that are not allowed"
            )
    taken = sorted({"model", "stream", "messages", "input", "tools"} & fields.get("body", {}).keys())
    if taken:
        raise InputError(f"{source}: body of [providers.{name}] holds {taken[0]!r}", "leave it out: Midwatch sets it")


def _misread(error: ValidationError, source: str, beside: Sequence[str]) -> InputError:
    """The first thing that is wrong with the file, as one line."""
    from midwatch.models.sections import ModelSections, PriceSettings, ProviderSettings

    wrong = error.errors(include_url=False, include_context=False)[0]
    where = [str(part) for part in wrong["loc"]]
    shown = ".".join(part if part.isidentifier() else f'"{part}"' for part in where)
    if wrong["type"] != "extra_forbidden":
        text = wrong["msg"].removeprefix("Input ").removeprefix("Value error, ")
        return InputError(f"{source}: {shown} {text[:1].lower()}{text[1:]}", "mend it, or leave it out")
    section: type[BaseModel] = ModelSections
    if len(where) > 1:
        section = ProviderSettings if where[0] == "providers" else PriceSettings
    known = [*section.model_fields, *(beside if len(where) == 1 else ())]
    from difflib import get_close_matches

    close = get_close_matches(where[-1], known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return InputError(f"{source}: there is no setting {shown}", f"{hint}The settings there are: {', '.join(known)}")
