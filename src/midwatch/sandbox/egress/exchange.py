"""One request of a box and its answer, passed on by streaming: both heads are written anew, both bodies framed anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from midwatch.sandbox.egress import bodies
from midwatch.sandbox.egress.gate import Gate, Interception, Site
from midwatch.sandbox.egress.heads import (
    Request,
    Response,
    expects,
    head_bytes,
    parse_response,
    passed_on,
)
from midwatch.sandbox.egress.outside import Way, words
from midwatch.sandbox.egress.refusal import Refused, Unreachable
from midwatch.sandbox.egress.rules import READ_METHODS
from midwatch.sandbox.egress.secrets import Scrubber, asks_plainly, with_headers
from midwatch.sandbox.egress.streams import Clock, TlsStream
from midwatch.sandbox.egress.wire import Malformed, Wire

_INTERIM = 20
_FRESH_SECONDS = 3.0
_OTHER_METHOD = ("x-http-method-override", "x-http-method", "x-method-override")
"""Fields by which a server may be told to read GET as something else."""


class Exchange:
    """Requests of one connection of a box, one after another, on at most one connection outside."""

    def __init__(self, gate: Gate, wire: Wire, clock: Clock) -> None:
        self._gate = gate
        self._wire = wire
        self._clock = clock
        self._server: Wire | None = None
        self._site: Site | None = None
        self._way: Way | None = None
        self._used = 0.0
        self.answering = False
        """Whether a part of the answer went to the box: then nothing else can be said in its place."""

    async def pass_on(self, request: Request, site: Site, target: str) -> bool:
        """Carry out a request that is allowed; whether the box's connection can go on. Raises Refused, Unreachable,
        Malformed for what the box sends wrongly, and OSError when the box is gone."""
        self.answering = False
        if expects(request) not in ("", "100-continue"):
            raise Refused("the request expects something that is not known here", 417)
        again = self._server is not None and self._fresh(request, site)
        try:
            return await self._once(request, site, target)
        except _Stale:
            self.close()
            if not again:
                raise Unreachable(f"{site.host} closed the connection without an answer") from None
        try:
            return await self._once(request, site, target)
        except _Stale:
            raise Unreachable(f"{site.host} closed the connection without an answer") from None

    def close(self) -> None:
        """Drop the connection outside. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stream.abort()

    def _fresh(self, request: Request, site: Site) -> bool:
        """Whether the open connection can take this request; if the server has just closed it, the request is made
        again, and so must have no body and no effect."""
        now = asyncio.get_running_loop().time()
        simple = request.length == 0 and request.method in READ_METHODS
        if site != self._site or not (simple or now - self._used < _FRESH_SECONDS):
            self.close()
        return simple and self._server is not None

    async def _once(self, request: Request, site: Site, target: str) -> bool:
        server = self._server or await self._connect(site)
        try:
            await server.write(self._head(request, site, target))
        except OSError as error:
            raise _Stale from error
        if expects(request):
            await self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        upload = asyncio.create_task(self._upload(request, server))
        try:
            response = await self._response(server, upload, site)
            if self._way is not None and self._way.onward and response.status == 407:
                raise Unreachable(f"the proxy on the way to {site.host} wants a user name and a password")
            keeps = request.keeps and request.minor == 1 and upload.done()
            await self._answer(request, response, server, site, keeps=keeps)
            if not (keeps and response.keeps) or server.ahead:
                self.close()
            self._used = asyncio.get_running_loop().time()
        except BaseException:
            self.close()
            raise
        finally:
            upload.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, Malformed):
                await upload
        return keeps

    async def _connect(self, site: Site) -> Wire:
        outside = self._gate.outside
        self._way = await outside.way(site.host, site.port, tls=site.tls)
        stream = await outside.connect(self._way, self._clock, tunnel=site.tls)
        interception = self._gate.interception
        if site.tls:
            assert isinstance(interception, Interception)
            over = TlsStream(stream, interception.trust, server_name=site.host)
            try:
                async with asyncio.timeout(outside.patience.connect):
                    await over.handshake()
            except (OSError, TimeoutError) as error:
                stream.abort()
                raise Unreachable(f"{site.host} cannot be reached by https: {words(error)}") from None
            except BaseException:
                stream.abort()
                raise
            stream = over
        self._server, self._site = Wire(stream), site
        return self._server

    def _head(self, request: Request, site: Site, target: str) -> bytes:
        fields = passed_on(request.fields, _OTHER_METHOD)
        if site.headers:
            fields = with_headers(asks_plainly(tuple(fields)), site.headers)
        if request.length is None:
            fields.append(("Transfer-Encoding", "chunked"))
        elif request.length or request.method not in READ_METHODS:
            fields.append(("Content-Length", str(request.length)))
        onward = self._way.onward if self._way is not None and not site.tls else None
        if onward is not None:
            target = f"http://{site.authority}{target}"
            fields += onward.fields()
        return head_bytes(f"{request.method} {target} HTTP/1.1", [("Host", site.authority), *fields])

    async def _upload(self, request: Request, server: Wire) -> None:
        """Pass the body on. What the box sends wrongly ends the connection outside too, so that nobody waits for it."""
        if request.length == 0:
            return
        pieces = bodies.chunks(self._wire) if request.length is None else bodies.counted(self._wire, request.length)
        try:
            async for piece in pieces:
                with contextlib.suppress(OSError):  # it may have answered already; the rest is read and dropped
                    await server.write(bodies.chunk(piece) if request.length is None else piece)
            if request.length is None:
                with contextlib.suppress(OSError):
                    await server.write(bodies.chunk(b""))
        except (Malformed, OSError):
            server.stream.abort()
            raise

    async def _response(self, server: Wire, upload: asyncio.Task[None], site: Site) -> Response:
        """The head of the final answer."""
        for _ in range(_INTERIM):
            try:
                head = await server.head()
                response = parse_response(head) if head is not None else None
            except Malformed as error:
                _raise_of(upload)
                raise Unreachable(f"{site.host} answered with what is no HTTP/1.1: {error}") from None
            except OSError as error:
                _raise_of(upload)
                raise _Stale from error
            if response is None:
                _raise_of(upload)
                raise _Stale
            if response.status == 101:
                raise Unreachable(f"{site.host} changed to a protocol that nobody asked for")
            if response.status >= 200:
                return response
        raise Unreachable(f"{site.host} does not come to an answer")

    async def _answer(self, request: Request, response: Response, server: Wire, site: Site, *, keeps: bool) -> None:
        scrub = Scrubber(site.headers)
        fields = scrub.fields(passed_on(response.fields, ("alt-svc",)))
        bare = request.method == "HEAD" or response.status in (204, 304)
        chunked = not bare and response.length is None and request.minor == 1
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif response.length is not None and response.status != 204:
            fields.append(("Content-Length", str(response.length)))
        if not keeps:
            fields.append(("Connection", "close"))
        self.answering = True
        await self._wire.write(head_bytes(f"HTTP/1.1 {response.status} {scrub.text(response.reason)}", fields))
        if bare:
            return
        try:
            async for piece in _body(response, server):
                await self._piece(scrub.feed(piece), chunked=chunked)
        except Malformed as error:
            raise Unreachable(f"the answer of {site.host} broke off: {error}") from None
        await self._piece(scrub.finish(), chunked=chunked)
        if chunked:
            await self._wire.write(bodies.chunk(b""))

    async def _piece(self, piece: bytes, *, chunked: bool) -> None:
        if piece:
            await self._wire.write(bodies.chunk(piece) if chunked else piece)


class _Stale(Exception):
    """The server closed the connection before it answered."""


def _body(response: Response, server: Wire) -> AsyncIterator[bytes]:
    if response.chunked:
        return bodies.chunks(server)
    return bodies.until_end(server) if response.length is None else bodies.counted(server, response.length)


def _raise_of(upload: asyncio.Task[None]) -> None:
    """Raise what made the upload fail: then it is why there is no answer."""
    if upload.done() and not upload.cancelled() and (error := upload.exception()) is not None:
        raise error
