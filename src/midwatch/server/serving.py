"""Listening: where, for whom, and how it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import uvicorn

from midwatch.domain.errors import InputError
from midwatch.server.bodies import App
from midwatch.server.connections import LARGEST_HEAD, Door, Patient, is_local, room
from midwatch.server.proxies import Behind, Proxies

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE = 10
"""Seconds that requests which are being answered have to end when the server does."""
KEPT = 15
"""Seconds for which a connection is kept on which nothing is asked. Clients give up theirs after 5, and have to be the
first: a request that is sent while the server closes is lost."""
LINGER = 6.0
"""The same when the server ends: what is asked on one meanwhile is answered, with the word that it is closed then."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and what protects those who come in."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 for any that is free."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxy: str = ""
    """Addresses and networks of proxies whose word on who a client is counts, separated by commas; empty for none."""
    insecure: bool = False
    """The person has said that passwords and tokens may cross the network in the clear."""
    handle: int | None = None
    """A socket that listens there already, which this process was started with; others may have it as well."""

    @property
    def scheme(self) -> str:
        """Of the server's URL."""
        return "https" if self.tls_cert else "http"

    def require_safe(self) -> None:
        """Raises InputError where anybody on the network could read along, unless that was asked for by name, and for
        a proxy's address that is none."""
        Proxies.of(self.proxy)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InputError("TLS takes a certificate and its key", "give both --tls-cert and --tls-key")
        if self.tls_cert or self.proxy or self.insecure or is_loopback(self.host):
            return
        raise InputError(
            f"{self.host} is not this machine alone, and passwords and tokens would cross the network in the clear",
            "give --tls-cert and --tls-key, or --behind-proxy for one that does TLS, or --insecure-bind",
        )


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Server(uvicorn.Server):
    """Leaves signals to us, says when it listens, and ends so that nobody is refused who comes in time: it takes no
    more connections, lets streams go, answers what is asked on those it has, and only then closes them."""

    def __init__(self, app: FastAPI, address: Address, listening: Callable[[], object]) -> None:
        super().__init__(_config(app, address))
        self._app, self._listening = app, listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        await self._app.state.service.streams.close()
        end = time.monotonic() + LINGER
        while state.connections and time.monotonic() < end and not self.force_exit:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: FastAPI,
    address: Address,
    listening: Callable[[str], None],
    beside: asyncio.Future[None] | None = None,
    ending: Callable[[], object] = lambda: None,
) -> None:
    """Answer requests until a signal comes (SIGINT, SIGTERM, SIGHUP), or `beside` is done; a second signal ends it at
    once. `listening` is told the URL; `ending` is called when the end begins. Raises InputError for an
    address that cannot be had, and as `Address.require_safe`."""
    address.require_safe()
    heard = listener(address)
    host, port = heard.getsockname()[:2]
    url = f"{address.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    server = Server(app, address, lambda: listening(url))

    def end() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        ending()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    if beside is not None:
        beside.add_done_callback(lambda _: end())
    try:
        await server.serve([heard])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        heard.close()


def _config(app: App, address: Address, lifespan: Literal["on", "off"] = "on") -> uvicorn.Config:
    proxies = Proxies.of(address.proxy)
    door = Door(lambda client: client in proxies or is_local(client), room())
    clear = address.tls_cert is None and not address.insecure
    config = uvicorn.Config(
        Behind(app, proxies, strict=clear) if proxies.networks else app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan=lifespan,
        ws="none",
        http=partial(Patient, door=door),  # type: ignore[arg-type]  # what makes a protocol
        h11_max_incomplete_event_size=LARGEST_HEAD,
        proxy_headers=False,
        ssl_certfile=address.tls_cert,
        ssl_keyfile=address.tls_key,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEPT,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"the certificate or its key cannot be used: {error}", "give PEM files that belong together"
        ) from None
    return config


def listener(address: Address) -> socket.socket:
    """A socket that listens there. Raises InputError when it cannot be had."""
    if address.handle is not None:
        return handed(address.handle)
    try:
        family, _, _, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        heard = socket.create_server(place[:2], family=family, backlog=2048)
    except OSError as error:
        raise InputError(
            f"{address.host} port {address.port} cannot be had: {error.strerror or error}",
            "give another --host or --port; port 0 is any that is free",
        ) from None
    return prompt(heard)


def prompt(heard: socket.socket) -> socket.socket:
    """The same, and its connections send what they are given at once: else the second part of an answer waits for the
    other side's word on the first, 40 ms. asyncio says so only for sockets that were made with TCP's number."""
    heard.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return heard


def handed(handle: int) -> socket.socket:
    """The socket of that number, which this process was started with. No process that this one starts has it. Raises
    InputError for a number that is none, or one that does not listen on an address."""
    mend = "whoever starts this process opens the socket and hands it on; systemd's first one has the number 3"
    try:
        heard = socket.socket(fileno=handle)
    except OSError as error:
        raise InputError(f"{handle} is no socket of this process: {error.strerror}", mend) from None
    kind = (heard.family in (socket.AF_INET, socket.AF_INET6), heard.type == socket.SOCK_STREAM)
    if kind != (True, True) or not heard.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        heard.detach()  # it is not ours to close
        raise InputError(f"the socket {handle} does not listen for TCP on an address", mend)
    heard.set_inheritable(False)
    return prompt(heard)


def place_of(handle: int) -> tuple[str, int]:
    """Where that socket listens: host and port. Raises InputError as `handed`."""
    heard = handed(handle)
    try:
        host, port = heard.getsockname()[:2]
    finally:
        heard.detach()
    return host, port
