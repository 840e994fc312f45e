"""Tokens of a GitHub App: one for each repository, made when it is needed, never written down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.extras import install
from midwatch.forges.http import Http, Refused
from midwatch.workspace.names import shown

EARLY = 600.0
"""Seconds before a token ends that the next one is made: longer than a push takes."""
_LONG = 540
"""Seconds that a signed request is good for; GitHub takes ten minutes at most."""
_SKEW = 60
"""Seconds that the clocks may be apart."""
_RENAMED = re.compile(r"/repositories/([0-9]+)/installation$")


@dataclass(frozen=True, slots=True)
class AppKey:
    """The App itself, not at home in any repository: what asks for its installations. As `Credential`."""

    name: str
    """Of the connection, for messages."""
    app_id: str
    key: str = field(repr=False)
    """PEM."""
    clock: Callable[[], float] = time.time
    app: bool = True

    async def token(self, slug: str) -> str:
        """A signed statement of who we are. Raises InputError for a key that cannot sign."""
        try:
            import jwt
        except ImportError:
            raise InputError(
                "a GitHub App needs the package 'pyjwt', which is not installed", install("server")
            ) from None
        now = int(self.clock())
        try:
            return jwt.encode({"iat": now - _SKEW, "exp": now + _LONG, "iss": self.app_id}, self.key, algorithm="RS256")
        except (ValueError, TypeError, jwt.exceptions.PyJWTError):
            raise InputError(
                f"the private key of the connection {self.name} cannot sign: it is no RSA key in PEM",
                "give it the file that GitHub made for the App, as it is",
            ) from None

    def forget(self, slug: str) -> None:
        """As the contract: each is made anew."""


class AppCredential:
    """As `Credential`: installation tokens, each for one repository alone, kept in memory until they end. May be used
    from several tasks, threads and event loops."""

    app = True

    def __init__(self, key: AppKey, api: str) -> None:
        self.key = key
        self._http = Http(key.name, api, key)
        self._tokens: dict[str, tuple[str, float]] = {}

    async def token(self, slug: str) -> str:
        """See `Credential`."""
        kept = self._tokens.get(slug)
        if kept is None or kept[1] - EARLY < self.key.clock():
            kept = self._tokens[slug] = await self._made(slug)
        return kept[0]

    def forget(self, slug: str) -> None:
        """See `Credential`: one has the rights of the App from when it was made, and ends when the App is taken out."""
        self._tokens.pop(slug, None)

    async def _made(self, slug: str) -> tuple[str, float]:
        try:
            found = await self._http.request("GET", f"/repos/{slug}/installation", slug=slug)
        except Refused as error:
            if error.status != 404:
                raise
            raise InputError(
                f"the GitHub App of the connection {self.key.name} is not installed on {shown(slug)}",
                "install it there (Settings, GitHub Apps), and give it that repository",
            ) from None
        renamed = _RENAMED.search(found.url)  # GitHub leads from an old name to the number, which stays
        which: dict[str, Any] = (
            {"repository_ids": [int(renamed[1])]} if renamed else {"repositories": [slug.rpartition("/")[2]]}
        )
        try:
            path = f"/app/installations/{int(found.data['id'])}/access_tokens"
            made = (await self._http.request("POST", path, slug=slug, json=which)).data
            return str(made["token"]), datetime.fromisoformat(made["expires_at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise OperationError(
                f"the forge {self.key.name} gave no token for {shown(slug)}", "try again later"
            ) from None
