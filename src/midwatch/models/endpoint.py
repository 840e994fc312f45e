"""Where a model is asked, and how its address and its key may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from midwatch.models.keys import KeyCommand
from midwatch.models.pace import Pace
from midwatch.models.trace import Trace

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  (compared with, not bound to)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try again. Seconds throughout."""

    attempts: int = 5
    """Requests in all, the first one included."""
    connect_attempts: int = 3
    """The most of them where nobody listens: a person waits for it, so it is short."""
    base_seconds: float = 2.0
    """The first pause; each further one is twice as long. A failed connection is tried again after a quarter of it."""
    longest_seconds: float = 30.0
    """The longest pause of our own choosing."""
    longest_asked_seconds: float = 120.0
    """The longest pause that an endpoint may ask for (Retry-After); one that asks for more is not waited for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. Never shows its key, also not in a repr."""

    base_url: str
    """Without a slash at the end; the wire's path is added to it."""
    key: str = field(default="", repr=False)
    """Empty: no key is sent."""
    key_header: str = "Authorization"
    """The header that carries it; in `Authorization` it is a bearer token."""
    key_variable: str = ""
    """The environment variable that the key is read from, for messages."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    idle_seconds: float = 300.0
    """The longest silence of a stream, and the longest wait for its first byte."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)
    """Shared by all endpoints of one provider."""
    key_command: KeyCommand | None = None
    """Where the key comes from instead, if it is one that does not last."""
    trace: Trace = field(default_factory=lambda: Trace(""), repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The address as a person may see it: no user, password or query."""
        return shown_url(self.base_url)

    @property
    def local(self) -> bool:
        """Whether it is on this machine: then no proxy is used and a call costs nothing."""
        return is_local(self.base_url)

    async def current_key(self) -> str:
        """The key to send now; empty when there is none. Raises InputError when the command that prints it fails."""
        return await self.key_command.key() if self.key_command else self.key

    def scrub(self, text: str) -> str:
        """The text without the key and without the values of the headers that were set for this endpoint."""
        printed = self.key_command.last if self.key_command else ""
        for secret in (self.key, printed, *self.headers.values()):
            if len(secret) >= 8:
                text = text.replace(secret, "[hidden]")
        return text


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def shown_url(url: str) -> str:
    """The URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
