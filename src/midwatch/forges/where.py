"""Where the forges of each kind usually are, and who git is there."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.engine.forges.connections import Kind
from midwatch.forges.address import parse
from midwatch.workspace.names import without_secret

USERS: dict[Kind, str] = {"github": "x-access-token", "gitlab": "oauth2", "forgejo": "oauth2"}
"""Whom git says it is, by the kind of the forge; the password is the token."""

_PUBLIC = {"github": "https://github.com", "gitlab": "https://gitlab.com"}
_BELOW = {"github": "/api/v3", "gitlab": "/api/v4", "forgejo": "/api/v1"}


def web_of(kind: Kind, given: str, *, insecure: bool = False) -> str:
    """The web address as it is kept. Raises InputError for what is none, and for one by which tokens would cross the
    network in the clear, unless that is wanted (`insecure`)."""
    given = given or _PUBLIC.get(kind, "")
    if not given:
        raise InputError(f"a connection of the kind {kind} needs the forge's address", "like https://git.example.org")
    return _usual(given, "web", insecure=insecure)


def api_of(kind: Kind, web: str, given: str, *, insecure: bool = False) -> str:
    """The address of the API as it is kept: what was given, which must be on the host of `web` or one below it, else
    where it usually is. Raises as `web_of`."""
    if given:
        api = _usual(given, "api", insecure=insecure)
        home, there = urlsplit(web), urlsplit(api)
        if there.hostname != home.hostname and not (there.hostname or "").endswith(f".{home.hostname}"):
            raise InputError(
                f"the API {api} is on another host than {web}, and would get its credential",
                "give the API's address on the forge's own host, or leave it out",
            )
        if (home.scheme, there.scheme) == ("https", "http"):
            raise InputError(f"the API {api} is not encrypted, and {web} is", "begin its address with https://")
        return api
    return "https://api.github.com" if web == _PUBLIC["github"] else f"{web}{_BELOW[kind]}"


def _usual(given: str, what: str, *, insecure: bool) -> str:
    parsed, parts = parse(given), urlsplit(given)
    if parsed is None or parsed.scheme == "ssh" or "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(f"{without_secret(given)!r} is no {what} address of a forge", "like https://git.example.org")
    if parsed.scheme == "http" and not insecure and not _here(parsed.host):
        raise InputError(
            f"{given} is not encrypted: the credential would cross the network in the clear",
            "begin its address with https://; or, on a network of your own, --insecure, and `insecure` in the settings",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _here(host: str) -> bool:
    """Whether what is sent to it stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
