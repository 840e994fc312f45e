"""Which addresses are of the public internet, and how names are resolved."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

_LOOKUPS = 4
_V4_REFUSED = tuple(
    map(ipaddress.IPv4Network, (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # public by number, but a cloud's own service for its machines
    ))
)  # fmt: skip
_V6_GLOBAL = ipaddress.IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    map(ipaddress.IPv6Network, (
        "2001::/23",  # Teredo, ORCHID and other protocols
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    ))
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Resolve(Protocol):
    """Looks a name up."""

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses of a name, at least one, as text. Raises OSError when there is none."""

    def close(self) -> None:
        """Let go of what it holds. May be called twice."""


class SystemResolve:
    """The system's resolver, in a few threads of its own: a box that asks for slow names delays nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="midwatch-resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        """As `Resolve`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)

    def close(self) -> None:
        """As `Resolve.close`; does not wait for a lookup that goes on."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str) -> list[str]:
    # With a dot at its end, a name is not tried below the search domains of this machine.
    name = f"{host}." if "." in host else host
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet. False for private, local, shared, multicast, reserved and
    documentation ones, in every wrapping; False also for what is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _V4_REFUSED)
    if address in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    # Mapped and compatible IPv4, local, link-local, multicast and so on are all outside of 2000::/3.
    return address in _V6_GLOBAL and address.scope_id is None and not any(address in net for net in _V6_REFUSED)
