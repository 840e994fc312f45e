"""One connection from a box: requests of plain HTTP, or a tunnel by CONNECT, which is looked into where it must be."""

from __future__ import annotations

import asyncio
import ssl

from midwatch.sandbox.egress.conversation import Conversation, absolute, plain_site, same_host
from midwatch.sandbox.egress.gate import Gate, Site
from midwatch.sandbox.egress.heads import Request
from midwatch.sandbox.egress.hello import UNRECOGNIZED_NAME, server_name
from midwatch.sandbox.egress.names import authority, host_name
from midwatch.sandbox.egress.outside import words
from midwatch.sandbox.egress.records import Record
from midwatch.sandbox.egress.refusal import Refused, rule_words, shown
from midwatch.sandbox.egress.rules import looked_into, matching
from midwatch.sandbox.egress.streams import Clock, Stream, TlsStream
from midwatch.sandbox.egress.wire import Malformed, Wire

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Client:
    """Serves one connection of the box."""

    def __init__(self, gate: Gate, stream: Stream, clock: Clock) -> None:
        self._gate = gate
        self._wire = Wire(stream)
        self._clock = clock

    async def run(self) -> None:
        """Until the end; raises OSError when either side is gone."""
        await Conversation(self._gate, self._wire, self._clock, self._route).run()

    async def _route(self, request: Request, record: Record) -> tuple[Site, str] | None:
        if request.method == "CONNECT":
            await self._tunnel(request, record)
            return None
        record.host = shown(request.host or "")
        host, port, target = absolute(request)
        record.host, record.port = host, port
        return plain_site(self._gate, host, port), target

    async def _tunnel(self, request: Request, record: Record) -> None:
        record.host = shown(request.target)
        host, port = authority(request.target)
        record.host, record.port = host, port
        if request.length != 0:
            raise Refused("CONNECT has no body", 400)
        found = matching(self._gate.network.rules, host, port)
        if port == 80:
            record.quiet = True
            await self._wire.write(_ESTABLISHED)
            await self._inside(self._wire, plain_site(self._gate, host, port))
        elif looked_into(found, self._gate.network.headers, host):
            headers = tuple(header for header in self._gate.network.headers if header.host == host)
            await self._intercepted(Site(host, port, True, found, headers), record)
        else:
            way = await self._gate.outside.way(host, port, tls=True)
            server = await self._gate.outside.connect(way, self._clock, tunnel=True)
            try:
                await self._wire.write(_ESTABLISHED)
                await self._check_hello(host, port)
                record.allow(f"allowed by {rule_words(found[0])}")
                self._clock.idle(self._gate.outside.patience.answer)
                await _relay(self._wire, Wire(server))
            finally:
                server.abort()

    async def _check_hello(self, host: str, port: int) -> None:
        """Wait for a TLS hello for this host, and leave it on the wire. Raises Refused for everything else."""
        self._clock.within(self._gate.outside.patience.head)
        try:
            data, name = self._wire.peek(), None
            while (name := server_name(data)) is None:
                before, data = len(data), await self._wire.more()
                if len(data) == before:
                    raise Malformed("the connection ends before TLS has begun")
            if host_name(name) != host:
                raise Refused(f"the TLS connection is for {shown(name)}, but CONNECT was for {host}")
        except Refused as error:
            raise Refused(error.reason, instead=UNRECOGNIZED_NAME) from None
        except Malformed as error:
            raise Refused(f"port {port} is for TLS only: {error}", instead=UNRECOGNIZED_NAME) from None

    async def _intercepted(self, site: Site, record: Record) -> None:
        interception = self._gate.interception
        assert interception is not None
        # Looked up before the answer, so that a name that is not public is refused in words that every client shows.
        await self._gate.outside.way(site.host, site.port, tls=True)
        await self._wire.write(_ESTABLISHED)
        await self._check_hello(site.host, site.port)
        context = interception.authority.context(site.host)
        tls = TlsStream(self._wire.stream, context, given=self._wire.rest())
        try:
            await tls.handshake()
        except ssl.SSLError as error:
            record.failed(f"the box did not agree to TLS with {site.host}: {words(error)}; does it trust the CA file?")
            return
        record.quiet = True
        await self._inside(Wire(tls), site)
        await tls.finish()

    async def _inside(self, wire: Wire, site: Site) -> None:
        """Requests inside a tunnel: all are for one site."""

        async def route(request: Request, record: Record) -> tuple[Site, str]:
            record.host, record.port = site.host, site.port
            same_host(request, site.host, site.port, 443 if site.tls else 80)
            if not request.target.startswith("/") or "#" in request.target:
                raise Refused("inside a tunnel a request names a path that begins with a slash", 400)
            return site, request.target

        await Conversation(self._gate, wire, self._clock, route).run()


async def _relay(box: Wire, server: Wire) -> None:
    """Pass bytes both ways until both ends are done."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_one_way(box, server))
            both.create_task(_one_way(server, box))
    except* OSError as broken:
        raise ConnectionError("the tunnel broke") from broken.exceptions[0]


async def _one_way(source: Wire, target: Wire) -> None:
    while piece := await source.some(1 << 16):
        await target.write(piece)
    await target.stream.finish()
