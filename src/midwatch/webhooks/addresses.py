"""Where webhooks may lead: to the public internet, and to those networks that the server's settings name. A maintainer
of one repository must not reach what only the server's own machine can."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore2

from midwatch.domain.errors import InputError, OperationError
from midwatch.sandbox.egress.addresses import Resolve, is_public

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_ALLOW = "an administrator allows a network with server.webhook_networks"


def networks(texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """As the settings name them. Raises InputError for what is none."""
    try:
        return tuple(map(ipaddress.ip_network, texts))
    except ValueError as error:
        raise InputError(f"server.webhook_networks: {error}", "name networks: 10.20.0.0/16, 127.0.0.0/8") from None


def require_address(url: str) -> str:
    """The address as it is kept. Raises InputError for what is no http(s) address of a host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    plain = url.isascii() and url.isprintable() and not set(url) & set(" \\\"'<>`{}|^")
    if not host or not plain or parts.scheme not in ("http", "https") or port == 0:
        raise InputError("this is no address that can be told", "give https://HOST/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InputError(
            "the address holds a user, a password or a fragment", "what is told is signed: give it without"
        )
    return url


def require_allowed(url: str, texts: Sequence[str]) -> str:
    """The address, where it names no host that is refused for its number or for being this machine. A name is looked up
    when something is sent. Raises InputError."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if not _is_number(host):
        host = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else ""
    if host and not _allows(host, networks(texts)):
        raise InputError(f"{urlsplit(url).hostname} is no address of the public internet", _ALLOW)
    return url


class Allowed:
    """Which addresses may be connected to."""

    def __init__(self, texts: Sequence[str], resolve: Resolve) -> None:
        """`texts`: the networks beside the public internet. Raises InputError as `networks`."""
        self._networks, self._resolve = networks(texts), resolve

    def allows(self, address: str) -> bool:
        """Whether it may be connected to."""
        return _allows(address, self._networks)

    async def address_of(self, host: str) -> str:
        """Where a host is. Raises InputError when any of its addresses is none that may be connected to, OperationError
        when it has none."""
        try:
            found = [host] if _is_number(host) else await self._resolve(host)
        except (OSError, UnicodeError):  # also of what can be no name, as one with a part of 64 letters
            raise OperationError(f"there is no host {host}") from None
        for address in found:
            if not self.allows(address):
                raise InputError(f"{host} leads to {address}, and webhooks may not", _ALLOW)
        return found[0]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _allows(address: str, beside: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return is_public(address) or any(found in network for network in beside)


class Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to no address but those that are allowed, looked at when it connects: what a name meant before does not
    count."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed, self._inner = allowed, httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """As the class says. TLS still asks for a certificate of the host's name."""
        address = await self._allowed.address_of(host)
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """No webhook leads to one."""
        raise InputError("a webhook leads to no socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """As the inner one."""
        await self._inner.sleep(seconds)
