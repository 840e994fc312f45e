"""The options `-c KEY=VALUE` of `midwatch exec`: the names that Codex has for settings, in our terms."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.models.catalog import Family, family
from midwatch.models.config import EMBEDDED, ModelSettings
from midwatch.models.providers import WIRES, Provider
from midwatch.settings import Settings

DEFAULT_MODEL = "gpt-5.5"
"""Asked where the endpoint is named and the model is not."""

LOCAL_MODEL = "gpt-oss:20b"
"""The same for `--oss`."""

STREAM_RETRIES, FIRST_PAUSE = 5, 0.15
"""How often a broken answer is asked for again, and seconds before the first time; each further
one is twice as long."""

_MOVED = ("MIDWATCH_BASE_URL", "MIDWATCH_WIRE", "MIDWATCH_API_KEY")
"""Variables that would win over what the command line says of an endpoint."""

HONOURED = (
    "model", "model_provider", "model_providers", "model_reasoning_effort", "openai_base_url", "sandbox_mode",
    "midwatch.extra_fields", "sandbox_workspace_write.network_access",
)  # fmt: skip
"""Names (or the first words of names) that have a meaning here."""

WITHOUT_MEANING = frozenset(
    """
    agents analytics allow_login_shell approval_policy approvals_reviewer apps check_for_update_on_startup
    chatgpt_base_url developer_instructions disable_paste_burst features feedback file_opener forced_login_method
    hide_agent_reasoning history hooks include_apply_patch_tool instructions log_dir mcp_servers memories
    model_auto_compact_token_limit model_context_window model_instructions_file model_reasoning_summary
    model_supports_reasoning_summaries model_verbosity notice notify oss_provider otel permissions
    personality plugins profile profiles project_doc_fallback_filenames
    project_doc_max_bytes project_root_markers projects review_model
    sandbox_workspace_write service_tier shell_environment_policy show_raw_agent_reasoning skills
    suppress_unstable_features_warning tool_output_token_limit tools tui web_search windows
    """.split()  # noqa: SIM905 - a list of strings would be forty lines
)
"""First words of names that Codex's clients send and that change nothing here: passed over in silence."""


@dataclass(frozen=True, slots=True)
class Values:
    """What `-c` and the options that mean the same have come to."""

    given: Mapping[str, Any]
    """Nested, as in TOML."""
    unknown: tuple[str, ...] = ()
    """Names that nobody knows; a person is told."""

    def get(self, *path: str) -> Any:
        """The value at a path; None where there is none."""
        value: Any = self.given
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def table(self, *path: str) -> Mapping[str, Any]:
        """The same as a table; empty where there is none. Raises InputError for another kind of value."""
        value = self.get(*path)
        if value is not None and not isinstance(value, Mapping):
            raise InputError(f"-c {'.'.join(path)} is no table: {value!r}", f"write -c {'.'.join(path)}.NAME=…")
        return value or {}

    def text(self, *path: str) -> str:
        """The same as a string; empty where there is none. Raises InputError for another kind of value."""
        value = self.get(*path)
        if value is not None and not isinstance(value, str):
            raise InputError(f"-c {'.'.join(path)} is not a string: {value!r}", f'write -c {".".join(path)}="…"')
        return value or ""

    def count(self, *path: str) -> int | None:
        """The same as a whole number of at least 0."""
        value = self.get(*path)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise InputError(f"-c {'.'.join(path)} is not a number from 0 on: {value!r}", "write a whole number")
        return value


def read(pairs: Sequence[str]) -> Values:
    """Read `KEY=VALUE` pairs; the last one of a name counts. What is no TOML is taken as a string. Raises
    InputError."""
    given: dict[str, Any] = {}
    unknown: dict[str, None] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        path = _path(key.strip())
        if not equals or not path:
            raise InputError(f"-c {pair!r} is no setting", "write -c KEY=VALUE, such as -c model=gpt-5.5")
        _put(given, path, _value(text.strip()))
        if path[0] not in WITHOUT_MEANING and not _honoured(".".join(path)):
            unknown[".".join(path)] = None
    return Values(given, tuple(unknown))


def _honoured(name: str) -> bool:
    return any(name == known or name.startswith(known + ".") for known in HONOURED)


def _path(key: str) -> list[str]:
    """The parts of a dotted key, of which some may be quoted."""
    try:
        value: Any = tomllib.loads(f"{key} = 0") if key and "\n" not in key else {}
    except tomllib.TOMLDecodeError:
        return [] if not all(key.split(".")) else key.split(".")
    path = []
    while isinstance(value, dict) and value:
        ((name, value),) = value.items()
        path.append(name)
    return path


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip("\"'")


def _put(into: MutableMapping[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        below = into.get(name)
        into[name] = into = dict(below) if isinstance(below, Mapping) else {}
    into[path[-1]] = value


def environment(values: Values, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables as this run sees them: a key that a client hands over comes before the person's own, and what the
    command line says of an endpoint before what the environment says."""
    around = dict(environ)
    if key := around.get("CODEX_API_KEY"):
        around["OPENAI_API_KEY"] = key
    url = values.text("openai_base_url")
    if url or values.get("model_provider") is not None:
        for name in _MOVED:
            around.pop(name, None)
    if url:
        around["OPENAI_BASE_URL"] = url
    return around


def model_name(values: Values, settings: ModelSettings) -> str:
    """The model that the command line asks for, as `PROVIDER/MODEL`; empty when it leaves that open."""
    model, provider = values.text("model"), values.text("model_provider")
    if not model:
        return f"{provider}/{_default(provider)}" if provider and provider != "openai" else ""
    if provider:
        return f"{provider}/{model}"
    if model == EMBEDDED or model.partition("/")[0] in (*settings.providers, "replay"):
        return model
    return f"openai/{model}"


def default_model(values: Values, settings: ModelSettings) -> str:
    """The model where neither the command line nor an earlier turn names one."""
    if values.text("openai_base_url") or values.text("model_provider"):
        own = settings.model if settings.named and settings.model.startswith("openai/") else ""
        return own or f"openai/{DEFAULT_MODEL}"
    keyed = any(settings.environ.get(name) for name in ("CODEX_API_KEY", "OPENAI_API_KEY"))
    return f"openai/{DEFAULT_MODEL}" if keyed and not settings.named else settings.model


def _default(provider: str) -> str:
    return LOCAL_MODEL if provider in ("ollama", "lmstudio") else DEFAULT_MODEL


def adjusted(settings: Settings, values: Values, folders: Sequence[str]) -> Settings:
    """The settings with what the command line says: endpoints, retries, effort, and further folders to read."""
    models = settings.models
    providers = dict(models.providers)
    for name in values.table("model_providers"):
        if not name or "/" in name:
            raise InputError(f"-c model_providers.{name}: that cannot be the name of a provider", "choose another")
        providers[name] = _provider(values, name, providers.get(name, Provider(images=None)))
    models = replace(models, providers=providers)
    name = model_name(values, models) or default_model(values, models)
    chosen, _, model = name.partition("/")
    if chosen in providers and model:
        providers[chosen] = _chosen(values, chosen, providers[chosen], model)
    sandbox = replace(settings.sandbox, read_only=(*settings.sandbox.read_only, *folders))
    return replace(settings, models=models, sandbox=sandbox)


def _provider(values: Values, name: str, before: Provider) -> Provider:
    """A provider as `model_providers.NAME` describes it."""
    at = ("model_providers", name)
    wire = values.text(*at, "wire_api") or ("responses" if not before.base_url else before.wire)
    if wire not in WIRES:
        raise InputError(f"-c model_providers.{name}.wire_api is {wire!r}", f"write one of {', '.join(WIRES)}")
    base_url = values.text(*at, "base_url") or before.base_url
    if not base_url and not before.base_url_env:
        raise InputError(f"-c model_providers.{name} has no base_url", f'add -c model_providers.{name}.base_url="…"')
    headers = {name: str(value) for name, value in values.table(*at, "http_headers").items()}
    own = bool(values.get(*at, "requires_openai_auth"))
    key = values.text(*at, "env_key") or ("OPENAI_API_KEY" if own else before.api_key_env)
    idle = values.count(*at, "stream_idle_timeout_ms")
    return replace(
        before,
        base_url=base_url.rstrip("/"),
        wire=wire,
        api_key_env=key,
        key_optional=before.key_optional or not key,
        headers={**before.headers, **headers},
        attempts=_attempts(values, at) or before.attempts,
        idle_seconds=before.idle_seconds if not idle else idle / 1000,
    )


def _attempts(values: Values, at: Sequence[str]) -> int:
    """Requests in all: we do not tell a request that failed from an answer that broke off, so the larger one counts."""
    given = [values.count(*at, name) for name in ("request_max_retries", "stream_max_retries")]
    known = [number for number in given if number is not None]
    return 1 + max(known) if known else 0


def _chosen(values: Values, name: str, provider: Provider, model: str) -> Provider:
    """The provider of the model that is asked, with what is said of the model."""
    standard = Provider()
    if provider.attempts == standard.attempts and not _attempts(values, ("model_providers", name)):
        provider = replace(provider, attempts=1 + STREAM_RETRIES)
    if provider.retry_seconds == standard.retry_seconds:
        provider = replace(provider, retry_seconds=FIRST_PAUSE)
    if effort := values.text("model_reasoning_effort"):
        provider = replace(provider, reasoning_effort=effort)
    if provider.images is None and family(model) == Family():
        # A person hands over pictures only where they are of use, and nothing is known against it.
        provider = replace(provider, images=True)
    return provider


def retries(settings: ModelSettings, name: str) -> int:
    """How often a request to the model is sent again."""
    provider = settings.providers.get(name.partition("/")[0])
    return provider.attempts - 1 if provider is not None else 0
