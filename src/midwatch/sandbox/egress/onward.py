"""The proxy that this machine itself may stand behind, as HTTPS_PROXY and the like name it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies_environment, proxy_bypass

from midwatch.domain.errors import InputError
from midwatch.sandbox.egress.heads import head_bytes


@dataclass(frozen=True, slots=True)
class Onward:
    """A proxy by HTTP. Its password is not shown."""

    host: str
    port: int
    tls: bool
    credential: str = field(default="", repr=False)
    """The value of Proxy-Authorization."""

    @property
    def shown(self) -> str:
        """Its address."""
        return f"{self.host}:{self.port}"

    def fields(self) -> list[tuple[str, str]]:
        """What it wants to be told with every request."""
        return [("Proxy-Authorization", self.credential)] if self.credential else []

    def connect(self, host: str, port: int) -> bytes:
        """The request for a tunnel."""
        return head_bytes(f"CONNECT {host}:{port} HTTP/1.1", [("Host", f"{host}:{port}"), *self.fields()])


class Surroundings:
    """The proxies of this machine's environment, read once."""

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        """`proxies` by scheme, with `no` for the hosts that are reached without; None for the environment's. Raises
        InputError for one that is not understood."""
        self._proxies = dict(getproxies_environment() if proxies is None else proxies)
        for scheme in ("http", "https", "all"):
            self._parsed(scheme)

    def proxy(self, host: str, *, tls: bool) -> Onward | None:
        """The proxy on the way to a host, or None when it is reached directly."""
        if proxy_bypass(host, self._proxies):
            return None
        return self._parsed("https" if tls else "http") or self._parsed("all")

    def _parsed(self, scheme: str) -> Onward | None:
        url = self._proxies.get(scheme, "")
        if not url:
            return None
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or not port:
            shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
            raise InputError(
                f"the proxy of the environment cannot be used: {shown}",
                f"set {scheme.upper()}_PROXY to an http:// proxy, or unset it",
            )
        credential = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credential = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return Onward(parts.hostname, port, parts.scheme == "https", credential)
