"""What an endpoint's error means, and what a person can do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import ModelError
from midwatch.models.base import ContextTooLong
from midwatch.models.endpoint import Endpoint
from midwatch.models.retry import PASSING_STATUS, Passing, asked_wait

_CONTEXT = re.compile(
    r"context_length_exceeded|maximum context length|context (?:window|length|size)|prompt is too long|"
    r"exceed\w* .{0,40}context|input (?:is )?too long|too many (?:input )?tokens",
    re.IGNORECASE,
)
_UNKNOWN_MODEL = re.compile(
    r"model_not_found|not_found_error model:|unknown model|no such model|invalid model|not a valid model|"
    r"model .{0,120}(?:not found|does not exist)",
    re.IGNORECASE,
)
_PASSING_CODES = frozenset(
    {"rate_limit_exceeded", "server_error", "server_is_overloaded", "overloaded", "overloaded_error", "slow_down",
     "internal_server_error", "service_unavailable", "api_error", "timeout", "timeout_error", "rate_limit_error",
     "vector_store_timeout", "too_many_requests", "rate_limited", "unavailable_error", "service_unavailable_error"}
)  # fmt: skip
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
_FILTER_WORDS = re.compile(r"content management policy|requires moderation|input was flagged", re.IGNORECASE)
_SPENT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits", "billing_error"})
_SPENT_WORDS = re.compile(r"credit balance is too low", re.IGNORECASE)


_HABITS = {
    "cache_control": 'cache_marks = "none" (or "blocks")',
    "encrypted_content": "encrypted_reasoning = false",
    "prompt_cache_key": "prompt_cache_key = false",
    "stream_options": "stream_usage = false",
    "max_completion_tokens": 'output_field = "max_completion_tokens"',
    "custom": "custom_tools = false",
    "reasoning_content": "return_reasoning = false",
    "output_config.format": "output_schema = false",
    "response_format": "output_schema = false",
    "text.format": "output_schema = false",
    "json_schema": "output_schema = false",
    "effort": "another reasoning_effort, or none,",
}
"""What a server names when it refuses a part of a request, and the setting that changes that part."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what, for the messages."""

    endpoint: Endpoint
    model: str
    wire: str


def from_status(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> Passing | ModelError:
    """The error that an HTTP answer other than 200 is."""
    code, text = _read(body)
    text = asked.endpoint.scrub(text)
    where = asked.endpoint.shown
    if 300 <= status < 400:
        target = asked.endpoint.scrub(headers.get("location", "another address"))
        return ModelError(
            f"{where} redirects to {target}, and the key is not sent on",
            "if that address is right, set it as base_url (without its last part, such as /responses)",
        )
    if moderated := _moderated(asked, code, text):
        return moderated
    if status in (401, 403):
        return _key_refused(asked, status, text)
    if _spent(code, text) or status == 402:
        return _empty(asked, text or code)
    # What is throttled is told in words like those of a window that is too small: "too many tokens, please wait".
    if status != 429 and (known := _about_request(asked, code, text)):
        return known
    if status in (404, 405):
        return _not_there(asked, status, text)
    if status in PASSING_STATUS and headers.get("x-should-retry") != "false":
        said = f": {text}" if text else ""
        wait = asked_wait(headers, text)
        return Passing(f"{where} answered {status} ({_word(status)}){said}", wait=wait)
    return ModelError(f"{where} answered {status}: {text or 'no reason given'}", _mend_request(asked, text))


def from_event(asked: Asked, error: Any) -> Passing | ModelError:
    """The error that came inside a stream, or as a document with status 200."""
    code, text = _from_object(error)
    text = asked.endpoint.scrub(text)
    where = asked.endpoint.shown
    if _spent(code, text):
        return _empty(asked, text or code)
    if known := _moderated(asked, code, text) or _about_request(asked, code, text):
        return known
    if code.isdigit() and int(code) in (401, 403):
        return _key_refused(asked, int(code), text)
    if code in _PASSING_CODES or (code.isdigit() and int(code) in PASSING_STATUS) or not code:
        return Passing(
            f"{where} failed while answering: {text or code or 'no reason given'}", wait=asked_wait({}, text)
        )
    return ModelError(f"{where} refused the request: {text or code}", _mend_request(asked, text))


def _spent(code: str, text: str) -> bool:
    return code in _SPENT_CODES or bool(_SPENT_WORDS.search(text))


def _empty(asked: Asked, text: str) -> ModelError:
    where = asked.endpoint.shown
    return ModelError(f"{where} refuses: the account has no credit left ({text})", "top up the account", retryable=True)


def _moderated(asked: Asked, code: str, text: str) -> ModelError | None:
    """What was sent, and not what came back, did not please a filter of the provider's."""
    if code not in _FILTER_CODES and not _FILTER_WORDS.search(text):
        return None
    return ModelError(
        f"the content filter of {asked.endpoint.shown} refuses the conversation: {text or code}",
        "say the task in other words, or choose another model",
    )


def _about_request(asked: Asked, code: str, text: str) -> ModelError | None:
    """The two refusals that are recognised whatever their status is."""
    both = f"{code} {text}"
    if _CONTEXT.search(both) or code == "request_too_large":
        return ContextTooLong(
            f"the conversation is too long for {asked.model}: {text or code}",
            "set `window` of the provider to what the server really takes",
        )
    if _UNKNOWN_MODEL.search(both):
        return ModelError(
            f"{asked.endpoint.shown} has no model {asked.model!r}: {text or code}",
            "check the name (after the provider's slash); a local server must have the model loaded or pulled",
        )
    return None


def _key_refused(asked: Asked, status: int, text: str) -> ModelError:
    where, variable, command = asked.endpoint.shown, asked.endpoint.key_variable, asked.endpoint.key_command
    if command is not None:
        said = f": {text}" if text and status != 401 else ""
        return ModelError(f"the key that api_key_command prints was refused by {where}{said}", "log in anew with it")
    if not asked.endpoint.key:
        mend = (
            f"put the key into {variable}"
            if variable
            else ("put the key into MIDWATCH_API_KEY, or name its variable as `api_key_env` of the provider")
        )
        return ModelError(f"{where} wants a key and none is set", mend)
    if status == 401:  # what a 401 says besides tends to repeat the key
        return ModelError(f"the key in {variable} was refused by {where}", f"put a valid key for it into {variable}")
    said = f": {text}" if text else ""
    return ModelError(
        f"the key in {variable} may not use {asked.model} at {where}{said}",
        "use a key or a model that the account is allowed to use",
    )


def _not_there(asked: Asked, status: int, text: str) -> ModelError:
    said = f" ({text})" if text else ""
    other = "responses" if asked.wire == "chat" else "chat"
    return ModelError(
        f"{asked.endpoint.shown} answered {status}: no model {asked.model!r} there, or nothing at that base_url{said}",
        f'check the model\'s name and base_url (it usually ends in /v1), or set wire = "{other}" for that provider',
    )


def _mend_request(asked: Asked, text: str) -> str:
    for words, setting in _HABITS.items():
        if words in text:
            return f"set {setting} for the provider of {asked.model}"
    return f"it does not take the request as it is: check the settings of the provider of {asked.model}"


def _word(status: int) -> str:
    words = {408: "timeout", 409: "conflict", 429: "too many requests", 503: "overloaded", 529: "overloaded"}
    return words.get(status, "server error")


def _read(body: bytes) -> tuple[str, str]:
    """Code and message of an error body; a page of HTML has neither."""
    try:
        value = json.loads(body)
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        return "", "" if text.startswith("<") else _short(text)
    return _from_object(value)


def _from_object(value: Any) -> tuple[str, str]:
    """Servers differ: {"error": {"message", "code", "type"}}, {"error": "text"}, {"message"}, {"detail": …}."""
    if isinstance(value, list) and value:  # Google puts an error into a list where a stream was asked for
        value = value[0]
    if isinstance(value, Mapping) and isinstance(value.get("error"), Mapping | str):
        value = value["error"]
    if not isinstance(value, Mapping):
        return "", _short(value if isinstance(value, str) else json.dumps(value))
    code = next((str(value[key]) for key in ("code", "type") if value.get(key) not in (None, "", "error")), "")
    text = next((value[key] for key in ("message", "detail", "error_description") if value.get(key)), "")
    return code, _short(text if isinstance(text, str) else json.dumps(text))


def _short(text: str) -> str:
    """One line of at most 400 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:399]}…"
