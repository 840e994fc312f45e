"""Where a repository is at a forge: the slug that its location names, however it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>\[[0-9A-Fa-f:]+\]|[\w.-]+):(?!//)(?P<path>.+)", re.DOTALL)
_PART = re.compile(r"[A-Za-z0-9_.+-]+")
_PORTS = {"http": 80, "https": 443, "ssh": 22}


@dataclass(frozen=True, slots=True)
class Address:
    """A location taken apart. Users and passwords are dropped."""

    scheme: str
    """https, http or ssh."""
    host: str
    """In lower case."""
    port: int
    path: str
    """Without slashes around it, and without `.git` at its end."""


def parse(location: str) -> Address | None:
    """`https://host/owner/name.git`, `ssh://git@host:22/owner/name`, `git@host:owner/name`. None for what is no address
    of those kinds, a path on this machine among them. Never raises."""
    if any(ord(c) <= 32 or ord(c) == 127 for c in location):
        return None
    if "://" not in location:
        found = _SCP.fullmatch(location)
        return None if found is None else Address("ssh", found["host"].strip("[]").lower(), 22, _bare(found["path"]))
    try:
        parts = urlsplit(location)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        return None
    return Address(parts.scheme, parts.hostname.lower(), port, _bare(parts.path))


def slug_below(web: str, location: str) -> str | None:
    """OWNER/NAME (with further groups before NAME where the forge has them) of a repository below the web address of
    a forge; None for one that is elsewhere. By ssh the host alone counts: ports and folders are others there."""
    home, there = parse(web), parse(location)
    if home is None or there is None or home.host != there.host:
        return None
    slug = there.path
    if there.scheme != "ssh":
        if (home.scheme, home.port) != (there.scheme, there.port):
            return None
        folder = f"{home.path}/" if home.path else ""
        if not slug.startswith(folder):
            return None
        slug = slug.removeprefix(folder)
    return slug if is_slug(slug) else None


def is_slug(text: str) -> bool:
    """Whether it can name a repository at a forge, and nothing else in a URL."""
    parts = text.split("/")
    return len(parts) >= 2 and all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)


def canonical(web: str, slug: str) -> str:
    """One address for one repository, however a location spells it: what its pull requests are kept under."""
    return f"{web.rstrip('/')}/{slug.lower()}"


def _bare(path: str) -> str:
    return unquote(path).strip("/").removesuffix(".git").strip("/")
