"""Lending git a token for one host: through a credential helper in its environment, so that it is in no argument, no
address and no file, and nothing of it is left when git has ended."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.workspace.names import without_secret

Lend = Callable[[str], Awaitable[Mapping[str, str]]]
"""What git's environment must have in addition for a location; nothing for one that no connection has. May ask the
forge for a token. Raises InputError, OperationError."""


LendInside = Callable[[str, Sequence[str]], Awaitable[Mapping[str, str]]]
"""The same for an address that a repository names, and no person: a submodule's. The second are addresses that its
recipe names. Raises InputError, too, where a connection has the address and nothing is lent for it."""


async def nobody(location: str) -> Mapping[str, str]:
    """See `Lend`: nothing is lent, and the person's own credentials count."""
    return {}


async def nobody_inside(location: str, named: Sequence[str]) -> Mapping[str, str]:
    """See `LendInside`: nothing is lent."""
    return {}


@dataclass(frozen=True, slots=True)
class Lender:
    """Who lends for a repository, and for what that names. As a `Lend` itself it is `own`."""

    own: Lend = nobody
    inside: LendInside = nobody_inside

    async def __call__(self, location: str) -> Mapping[str, str]:
        """See `Lend`."""
        return await self.own(location)


NOBODY = Lender()

_USER, _TOKEN = (f"MIDWATCH_LENT_{what}" for what in ("USER", "TOKEN"))
_HELPER = (
    f'!lend() {{ test "$1" = get || return 0; printf "username=%s\\npassword=%s\\n" "${_USER}" "${_TOKEN}"; }}; lend'
)
"""git hands this to a shell whose own `printf` writes the answer: no process has the token in its arguments."""

_WEB = re.compile(r"https?://[^\s@?#\\]+")
_COUNT = re.compile(r"[0-9]{1,4}")


def environment(web: str, user: str, token: str, instead_of: Mapping[str, str] | None = None) -> dict[str, str]:
    """What git's environment must have in addition, so that it gives `user` and `token` to whatever lies below the
    address `web` (https://HOST or below a path of it) and to nobody else; the person's own credential helpers are not
    asked there, and are not told. For fetching and pushing with a `trusted` Git. `instead_of`: addresses below `web` by
    the ones in whose place they are used, for those that name the same repository by ssh. What the process's own
    environment says of git's configuration is kept.

    Raises InputError for what is no web address and for a user or token that no helper can say. The values are
    secrets: pass them to `Git` and keep them nowhere."""
    web = web.rstrip("/")
    if not _WEB.fullmatch(web):
        raise InputError(f"{without_secret(web)!r} is no web address", "write it like https://git.example.org")
    for word, what in ((user, "user"), (token, "token")):
        if not word or not word.isprintable():
            raise InputError(
                f"the {what} for {web} is empty or has characters that no {what} has",
                "give the forge's token as one line of text",
            )
    entries = _own(os.environ)
    entries += [(f"credential.{web}.helper", ""), (f"credential.{web}.helper", _HELPER)]
    entries += [(f"url.{there}.insteadOf", here) for here, there in (instead_of or {}).items()]
    numbered = {
        f"GIT_CONFIG_{what}_{i}": e[what == "VALUE"] for i, e in enumerate(entries) for what in ("KEY", "VALUE")
    }
    counted = {"GIT_CONFIG_COUNT": str(len(entries)), "GIT_TERMINAL_PROMPT": "0"}
    return {**counted, **numbered, _USER: user, _TOKEN: token}


def _own(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Settings that the process itself was given in this way."""
    count = environ.get("GIT_CONFIG_COUNT", "")
    numbers = range(int(count)) if _COUNT.fullmatch(count) else range(0)
    return [(environ.get(f"GIT_CONFIG_KEY_{i}", ""), environ.get(f"GIT_CONFIG_VALUE_{i}", "")) for i in numbers]
