"""Names, ids and secrets of accounts."""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from midwatch.domain.errors import InputError

PREFIX = "mw_"
"""Every token begins with it, so that one that leaked into a file or a log is recognised."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_ORGANISATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,3}")


def new_id() -> str:
    """Of an account, a token, a repository or an entry of the audit log: 20 characters, sorted by time, no secret."""
    # in microseconds, so that deeds of one request keep their order
    return f"{time.time_ns() // 1_000:014x}{secrets.token_hex(3)}"


def new_secret(prefix: str = "") -> str:
    """256 bits of chance as text."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret that is chance all through: it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def user_name(name: str) -> str:
    """The name as it is kept: in lower case. Raises InputError for what is no name."""
    lowered = name.strip().lower()
    if not _NAME.fullmatch(lowered):
        raise InputError(
            "a user's name has up to 64 letters a to z, digits and . _ @ + - and begins with a letter or a digit",
            "choose another name",
        )
    return lowered


def repository_name(name: str) -> str:
    """The name as it is. Raises InputError for what is no name of a repository."""
    if not _REPOSITORY.fullmatch(name):
        raise InputError(
            "a repository's name has letters, digits and . _ -, with at most three slashes between its parts",
            "choose another name, such as team/service",
        )
    return name


def organisation_name(name: str) -> str:
    """The name as it is. Raises InputError for what is no name of an organisation."""
    if not _ORGANISATION.fullmatch(name):
        raise InputError(
            "an organisation's name has up to 64 letters, digits and . _ - and begins with a letter or a digit",
            "choose another name, such as works",
        )
    return name


def near(name: str) -> str:
    """The name of a user that is nearest to what somebody else calls them."""
    kept = re.sub(r"[^a-z0-9._@+-]+", "-", name.lower()).lstrip("._@+-")[:56]
    return kept or "user"
