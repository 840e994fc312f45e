"""What a server's refusal means to a person: what is wrong, how to mend it, and whose turn it is (the exit code)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from midwatch.cli.remote.address import Address
from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.models.retry import Passing, asked_wait

PROBLEM = "application/problem+json"
PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say nothing about the request itself."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is no success."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    source: str
    """Where the token came from; empty when none was sent."""


def meaning(address: Address, refused: Refused) -> MidwatchError | Passing:
    """As an error, or as a failure that may pass: a status of `PASSING`, and 409 with Retry-After, which says that the
    same request is still being answered."""
    told = _told(refused)
    error = _error(address, refused, told)
    wait = asked_wait(refused.headers, "")
    if refused.status in PASSING or (refused.status == 409 and wait is not None):
        passing = Passing(error.message, mend=error.mend, wait=wait)
        passing.status = refused.status
        return passing
    return error


def _error(address: Address, refused: Refused, told: Mapping[str, Any]) -> MidwatchError:
    status, where = refused.status, address.url
    text, mend, lines = (str(told.get(name) or "") for name in ("detail", "mend", "lines"))
    if status == 401:
        login = f"`midwatch login --server {where}` signs in"
        if refused.source:
            return InputError(f"{where} does not take the token of {refused.source}", login)
        return InputError(f"{where}: {text}" if text else f"{where} asks for a token", login)
    phrase = f"{status} {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else str(status)
    if not told:
        return _not_ours(where, phrase, refused)
    text = text or f"{where} answered {phrase}"
    if status == 429:
        return OperationError(f"{where}: {text}", mend or "wait a while, then try again", detail=lines)
    if status >= 500:
        return OperationError(f"{where}: {text}", mend or "try again later, or tell who runs the server", detail=lines)
    return InputError(text, mend or _mend(status, text), detail=lines or _faults(told))


def _mend(status: int, text: str) -> str:
    if status == 403:
        return "ask an administrator of the server for it"
    if status != 404:
        return ""
    if text.endswith("no such repository"):
        return "ask whoever runs the server to add it, or for a role on it"
    if re.search("no such (task|attempt)", text):
        return "`midwatch list` with the same server has those you may see; `--server local` is this machine"
    return ""


def _not_ours(where: str, phrase: str, refused: Refused) -> MidwatchError:
    if 300 <= refused.status < 400:
        return InputError(f"{where} sends its callers elsewhere ({phrase})", "give the address where the server is")
    if refused.status >= 500:
        return OperationError(f"{where} answered {phrase}", "try again later, or tell who runs the server")
    return InputError(f"{where} does not answer as a Midwatch server does: {phrase}", "is the address right?")


def _told(refused: Refused) -> Mapping[str, Any]:
    if not refused.headers.get("content-type", "").startswith(PROBLEM):
        return {}
    try:
        value = json.loads(refused.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _faults(told: Mapping[str, Any]) -> str:
    faults = told.get("faults")
    if not isinstance(faults, list) or len(faults) < 2:
        return ""  # a single one is the sentence itself
    return "\n".join(f"{fault.get('place')}: {fault.get('text')}" for fault in faults[:20] if isinstance(fault, dict))
