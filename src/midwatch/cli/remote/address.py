"""Which server is meant, and whether a token may be sent there."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from midwatch.cli import words
from midwatch.domain.errors import InputError

VARIABLE = "MIDWATCH_SERVER"
PLAIN = "MIDWATCH_PLAIN_HTTP"
HERE = "local"
"""What `--server` takes for this machine, where the variable names a server."""
_GIVE = f"give --server URL, or set {VARIABLE}"


@dataclass(frozen=True, slots=True)
class Address:
    """A server."""

    url: str
    """`https://host[:port][/path]` without a slash at the end; user, password, query and fragment it has none."""

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        from midwatch.models.endpoint import is_local  # commands that stay on this machine need nothing of it

        return is_local(self.url)


def chosen(options: Namespace, environ: Mapping[str, str]) -> Address | None:
    """The server that a command is for: `--server`, else MIDWATCH_SERVER; None for this machine. Raises InputError for
    what is no address."""
    given: str | None = options.server
    if given == HERE:
        return None
    if given is not None:
        return read(given, environ)
    variable = environ.get(VARIABLE, "").strip()
    return read(variable, environ, VARIABLE) if variable and variable != HERE else None


def required(options: Namespace, environ: Mapping[str, str], mend: str = "") -> Address:
    """The same, for what only a server can do. `mend`: what does it on this machine, where there is something."""
    address = chosen(options, environ)
    if address is None:
        raise InputError("no server was named", f"{_GIVE}; {mend}" if mend else _GIVE)
    return address


def read(text: str, environ: Mapping[str, str], name: str = "--server") -> Address:
    """The address that was given as `name`. Raises InputError; what may be a password in it is not repeated."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{name} is no address", "write https://HOST or https://HOST:PORT") from None
    if parts.username is not None or parts.password is not None:
        raise InputError(f"{name} holds a user or a password", "leave it out; `midwatch login --server URL` signs in")
    if parts.scheme not in ("http", "https") or not host or not _plain(text):
        raise InputError(
            f"{name} is no address of a server: {words.line(text)}", "write https://HOST or https://HOST:PORT"
        )
    shown = f"[{host}]" if ":" in host else host
    given = {"https": 443, "http": 80}[parts.scheme]
    url = f"{parts.scheme}://{shown}{f':{port}' if port not in (None, given) else ''}{parts.path.rstrip('/')}"
    url = url.removesuffix("/api/v1")
    if parts.scheme == "http" and not Address(url).local and host not in _unprotected(environ):
        raise InputError(
            f"{words.line(url)} is not encrypted: whoever is on the way could read your token and change what you see",
            f"use https://, or, where the way there is safe, name the host: {PLAIN}={words.line(host)}",
        )
    return Address(url)


def _plain(text: str) -> bool:
    """Nothing in it that an address of ours does not have."""
    return text.isascii() and text.isprintable() and not set(text) & set(" ?#\\\"'<>")


def _unprotected(environ: Mapping[str, str]) -> set[str]:
    """The hosts that a person has said may be reached without encryption."""
    return {host.strip().lower() for host in environ.get(PLAIN, "").split(",") if host.strip()}
