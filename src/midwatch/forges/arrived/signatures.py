"""Whether a delivery is from the forge that it says, and which one it is. Only bytes are looked at: nothing of a body
is parsed before this says yes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midwatch.engine.forges.connections import Kind

_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_PREFIX = "sha256="


def genuine(kind: Kind, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Compared in constant time; never with an empty secret. `headers`: names in lower case."""
    if not secret:
        return False
    if kind == "gitlab":  # sends the secret itself
        return _same(headers.get("x-gitlab-token", ""), secret)
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if kind == "github":
        return _same(headers.get("x-hub-signature-256", ""), _PREFIX + wanted)
    given = headers.get("x-forgejo-signature") or headers.get("x-gitea-signature", "")
    return _same(given, wanted)


def delivery(kind: Kind, headers: Mapping[str, str], body: bytes) -> str:
    """Its id: the same when it is sent again. Signed is only the body, so this is no more than a quick way to know
    one again; what it tells of has a key of its own."""
    match kind:
        case "github":
            given = headers.get("x-github-delivery", "")
        case "gitlab":  # several events that follow from one another may have the same UUID
            given = headers.get("idempotency-key", "")
        case "forgejo":
            given = headers.get("x-forgejo-delivery") or headers.get("x-gitea-delivery", "")
    return given if _ID.fullmatch(given) else f"sha256:{hashlib.sha256(body).hexdigest()}"


def event(kind: Kind, headers: Mapping[str, str]) -> str:
    """What it is, in the forge's words."""
    match kind:
        case "github":
            return headers.get("x-github-event", "")
        case "gitlab":
            return headers.get("x-gitlab-event", "")
        case "forgejo":
            return headers.get("x-forgejo-event") or headers.get("x-gitea-event", "")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))
