"""The proxy of one box: accepts on a socket that listens inside the box, and answers from the host."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.sandbox.egress.addresses import Resolve, SystemResolve
from midwatch.sandbox.egress.client import Client
from midwatch.sandbox.egress.environment import BUNDLE, JAVA_STORE, variables
from midwatch.sandbox.egress.gate import Gate, Interception
from midwatch.sandbox.egress.onward import Surroundings
from midwatch.sandbox.egress.outside import Outside, Patience
from midwatch.sandbox.egress.rules import may_intercept
from midwatch.sandbox.egress.secrets import check_headers
from midwatch.sandbox.egress.streams import PIECE, Clock, SocketStream
from midwatch.sandbox.network import Network

_FULL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proxy may be given beside the allowlist."""

    resolve: Resolve | None = None
    """How names are looked up; None for the system's resolver."""
    proxies: Mapping[str, str] | None = None
    """Proxies between this machine and the internet, by scheme; None for those of the environment."""
    patience: Patience = field(default_factory=Patience)
    connections: int = 64
    """At once; more wait until one ends. Each takes two handles of this process."""


class Proxy:
    """A proxy that runs. Made by `start_proxy`."""

    def __init__(
        self,
        listener: socket.socket,
        gate: Gate,
        connections: int,
        environment: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> None:
        self.environment = environment
        """Variables for every command of the box."""
        self.files = files
        """Files that the box needs: path inside, content."""
        self._listener = listener
        self._gate = gate
        self._places = asyncio.Semaphore(connections)
        self._serving: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """End all connections at once and tell what is left to tell. May be called twice."""
        tasks = [self._accepting, *self._serving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()
        self._gate.outside.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:  # the connection is gone again, or this process has no handle left for the moment
                self._places.release()
                await asyncio.sleep(_FULL_SECONDS)
                continue
            task = loop.create_task(self._serve(connection))
            self._serving.add(task)
            task.add_done_callback(functools.partial(self._ended, connection))

    def _ended(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        connection.close()  # already done, unless the task was ended before it began
        self._serving.discard(task)
        self._places.release()

    async def _serve(self, connection: socket.socket) -> None:
        # The loop does this only for sockets that know their protocol, which one that was handed over may not.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader, writer = await asyncio.open_connection(sock=connection, limit=PIECE)
        try:
            async with asyncio.timeout(None) as timeout:
                clock = Clock(timeout)
                await Client(self._gate, SocketStream(reader, writer, clock), clock).run()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # the box or the time is gone; the decision was told
        finally:
            writer.transport.abort()


async def start_proxy(listener: socket.socket, network: Network, terms: Terms | None = None) -> Proxy:
    """Serve a box. `listener` is a TCP socket that listens in the box's network; it belongs to the proxy from now on,
    and is closed when this fails. Returns at once; within 0.2 s when TLS is to be intercepted. Raises InputError for
    rules, headers or addresses that cannot be, OperationError when this machine trusts no authorities."""
    try:
        terms = terms or Terms()
        check_headers(network.headers, network.rules)
        resolve = terms.resolve or SystemResolve()
        outside = Outside(network.pinned, resolve, Surroundings(terms.proxies), terms.patience)
        files: dict[str, bytes] = {}
        interception = None
        if may_intercept(network.rules, network.headers):
            interception, files = await asyncio.to_thread(_interception)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    gate = Gate(network, outside, interception)
    return Proxy(listener, gate, terms.connections, variables(files), files)


def _interception() -> tuple[Interception, dict[str, bytes]]:
    """An authority for one box, and the files by which the box trusts it."""
    from midwatch.sandbox.egress.authority import Authority
    from midwatch.sandbox.egress.trust import authorities, client_context, readable

    trusted = authorities()
    context, authority = client_context(trusted), Authority()
    files = {BUNDLE: trusted + b"\n" + authority.pem, JAVA_STORE: authority.java_store(readable(context))}
    return Interception(authority, context), files
