"""Proxies that do TLS for the server: whose word on a client counts, and that nobody goes round them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from midwatch.domain.errors import InputError
from midwatch.server.accounts.gate import OPEN
from midwatch.server.bodies import App, Receive, Scope, Send
from midwatch.server.connections import is_local
from midwatch.server.problems import Problem, answer

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """Their addresses and networks."""

    networks: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, text: str) -> Proxies:
        """`10.0.0.5,10.1.0.0/16`; empty for none. Raises InputError for what is no address and no network, and for a
        network of all addresses: then anybody could say who they are."""
        return cls(tuple(_network(name.strip()) for name in text.split(",") if name.strip() or text))

    def __contains__(self, address: object) -> bool:
        """Whether a proxy has this address."""
        try:
            found = ipaddress.ip_address(_plain(str(address)))
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    @property
    def names(self) -> list[str]:
        """As they are written."""
        return [str(network) for network in self.networks]


class Behind:
    """Takes the client's address and scheme from the proxies' headers. Whoever comes past the proxies, from another
    machine, is refused where they would talk in the clear: what the proxies protect would cross the network. The two
    addresses that tell of health answer everybody."""

    def __init__(self, app: App, proxies: Proxies, *, strict: bool) -> None:
        self._app, self._proxies, self._strict = app, proxies, strict
        self._told = ProxyHeadersMiddleware(app, proxies.names)  # type: ignore[arg-type]  # the same shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        address = scope["client"][0] if scope.get("client") else ""
        if scope["type"] == "http" and address in self._proxies:
            named = {**scope, "client": (_plain(address), scope["client"][1])}
            await self._told(named, receive, send)  # type: ignore[arg-type]
            return
        if scope["type"] == "http" and self._strict and not is_local(address) and scope["path"] not in OPEN:
            detail = f"this server is reached through its proxy, and {address} is not one that it was told of"
            await answer(Problem(403, detail, f"start it with --behind-proxy {address} if that is a proxy"))(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


def _plain(address: str) -> str:
    """Without a zone, and of IPv4 in IPv6 (a socket of both has it) the IPv4."""
    address = address.partition("%")[0]
    return address[len("::ffff:") :] if address.startswith("::ffff:") and "." in address else address


def _network(name: str) -> _Network:
    try:
        found = ipaddress.ip_network(name, strict=False)
    except ValueError:
        raise InputError(
            f"{name!r} is no address and no network of a proxy", "give --behind-proxy 10.0.0.5 or 10.0.0.0/24"
        ) from None
    if not found.prefixlen:
        raise InputError(
            f"{name} is every address, so that anybody could say to be anybody", "name the addresses of the proxies"
        )
    return found
