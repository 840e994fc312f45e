"""Connections from the host to allowed names: looked up once, and made to the very address that was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.sandbox.egress.addresses import Resolve, is_public
from midwatch.sandbox.egress.heads import parse_response
from midwatch.sandbox.egress.names import is_public_name
from midwatch.sandbox.egress.onward import Onward, Surroundings
from midwatch.sandbox.egress.refusal import Refused, Unreachable
from midwatch.sandbox.egress.streams import PIECE, Clock, SocketStream, Stream, TlsStream
from midwatch.sandbox.egress.wire import Malformed, Wire

_MOST_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds."""

    lookup: float = 15.0
    lookup_behind_proxy: float = 2.0
    """Where names are the proxy's to resolve, ours is only one more check."""
    connect: float = 10.0
    """For each address, and for the answer of a proxy on the way."""
    head: float = 60.0
    """For a request's head and for TLS with the box."""
    answer: float = 300.0
    """Without a byte either way, within a request or a tunnel."""
    kept: float = 90.0
    """Between two requests."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a host is reached."""

    host: str
    port: int
    addresses: tuple[tuple[str, int], ...] = ()
    """Checked addresses and ports to try in turn; empty where a proxy on the way resolves the name."""
    onward: Onward | None = None


class Outside:
    """What is beyond the proxy. Used by all connections of a box."""

    def __init__(
        self, pinned: Mapping[str, str], resolve: Resolve, surroundings: Surroundings, patience: Patience
    ) -> None:
        """Raises InputError for a pinned address that is none."""
        self.patience = patience
        self._pinned = {name: _address(name, text) for name, text in pinned.items()}
        self._resolve = resolve
        self._surroundings = surroundings
        self._unknown_here: set[str] = set()

    async def way(self, host: str, port: int, *, tls: bool) -> Way:
        """How to reach a host. Raises Refused when any of its addresses is not public, Unreachable when it has none."""
        if host in self._pinned:
            address, pinned_port = self._pinned[host]
            return Way(host, port, ((address, pinned_port or port),))
        onward = self._surroundings.proxy(host, tls=tls)
        if onward is not None:
            await self._check_for(host)
            return Way(host, port, onward=onward)
        addresses = await self._addresses(host, self.patience.lookup)
        return Way(host, port, tuple((address, port) for address in addresses[:_MOST_ADDRESSES]))

    async def connect(self, way: Way, clock: Clock, *, tunnel: bool) -> Stream:
        """A connection; `tunnel` asks a proxy on the way for one to the host itself. Raises Unreachable."""
        onward = way.onward
        if onward is None:
            return await self._dial(way.host, way.addresses, clock)
        stream: Stream = await self._dial(f"the proxy {onward.shown}", ((onward.host, onward.port),), clock)
        try:
            async with asyncio.timeout(self.patience.connect):
                if onward.tls:
                    over = TlsStream(stream, ssl.create_default_context(), server_name=onward.host)
                    stream = over
                    await over.handshake()
                if tunnel:
                    await _ask_for_tunnel(stream, onward, way)
        except (OSError, Malformed, TimeoutError) as error:
            stream.abort()
            raise Unreachable(f"the proxy {onward.shown} on the way to {way.host} failed: {words(error)}") from None
        except BaseException:
            stream.abort()
            raise
        return stream

    def close(self) -> None:
        """Let go of the resolver. May be called twice."""
        self._resolve.close()

    async def _check_for(self, host: str) -> None:
        """What can be checked about a name that somebody else resolves."""
        if not is_public_name(host):
            raise Refused(f"{host} is a name of a private network")
        if host not in self._unknown_here:
            try:
                await self._addresses(host, self.patience.lookup_behind_proxy)
            except Unreachable:
                self._unknown_here.add(host)  # behind a proxy, names outside often cannot be resolved

    async def _addresses(self, host: str, seconds: float) -> list[str]:
        try:
            async with asyncio.timeout(seconds):
                found = list(await self._resolve(host))
        except TimeoutError:
            raise Unreachable(f"the name {host} was not resolved within {seconds:.0f} s", 504) from None
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"the name {host} cannot be resolved: {words(error)}") from None
        if not found:
            raise Unreachable(f"the name {host} has no address")
        for address in found:
            if not is_public(address):
                raise Refused(
                    f"{host} has the address {address}, which is not of the public internet; "
                    "only the settings of the person can allow it (environments.addresses)"
                )
        return found

    async def _dial(self, name: str, addresses: tuple[tuple[str, int], ...], clock: Clock) -> SocketStream:
        problem: Exception = OSError("no address")
        for address, port in addresses:
            try:
                async with asyncio.timeout(self.patience.connect):
                    reader, writer = await asyncio.open_connection(address, port, limit=PIECE)
            except (OSError, TimeoutError) as error:
                problem = error
            else:
                return SocketStream(reader, writer, clock)
        late = isinstance(problem, TimeoutError)
        raise Unreachable(f"{name} cannot be reached: {words(problem)}", 504 if late else 502)


async def _ask_for_tunnel(stream: Stream, onward: Onward, way: Way) -> None:
    wire = Wire(stream)
    await wire.write(onward.connect(way.host, way.port))
    head = await wire.head()
    if head is None:
        raise Malformed("it closed the connection")
    answered = parse_response(head)
    if answered.status // 100 != 2:
        raise Malformed(f"it answered {answered.status}")
    if wire.rest():
        raise Malformed("it sent more than it was asked for")


def words(error: BaseException) -> str:
    """A failure of the network in a few words that name no file and no address of this machine."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as expected ({error.reason})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def _address(name: str, text: str) -> tuple[str, int | None]:
    """The address and port of a pinned name: `10.0.0.5`, `10.0.0.5:8443`, `fd00::5` or `[fd00::5]:8443`."""
    bare, port = text, ""
    if text.startswith("["):
        bare, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        bare, _, port = text.partition(":")
    try:
        return str(ipaddress.ip_address(bare)), int(port) if port else None
    except ValueError:
        raise InputError(
            f"{text!r} is no address for {name}", "pin a name to an address such as 10.0.0.5 or 10.0.0.5:8443"
        ) from None
