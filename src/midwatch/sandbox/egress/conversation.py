"""The requests of one connection of a box: each is read, decided and told for itself."""

from __future__ import annotations

import re
from typing import Protocol

from midwatch.sandbox.egress.exchange import Exchange
from midwatch.sandbox.egress.gate import Gate, Site
from midwatch.sandbox.egress.heads import Request, answer, parse_request
from midwatch.sandbox.egress.names import authority
from midwatch.sandbox.egress.records import Record, recorded
from midwatch.sandbox.egress.refusal import Refused, Unreachable, rule_words
from midwatch.sandbox.egress.rules import READ_METHODS, matching, permit
from midwatch.sandbox.egress.streams import Clock
from midwatch.sandbox.egress.wire import Malformed, Wire

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)")
_LINGER_SECONDS = 2.0
_LINGER_PIECES = 64


class Route(Protocol):
    """Says where a request goes."""

    async def __call__(self, request: Request, record: Record) -> tuple[Site, str] | None:
        """The site, and the target as it is asked there; None when the request was carried out and the conversation
        is over. Fills in the record. Raises Refused, Unreachable."""


class Conversation:
    """Serves a connection until either side has enough."""

    def __init__(self, gate: Gate, wire: Wire, clock: Clock, route: Route) -> None:
        self._gate = gate
        self._wire = wire
        self._clock = clock
        self._route = route
        self._exchange = Exchange(gate, wire, clock)
        self._wants_body = True

    async def run(self) -> None:
        """Until the end; raises OSError when the box is gone."""
        patience = self._gate.outside.patience
        self._clock.within(patience.head)
        try:
            while await self._one():
                self._clock.within(patience.kept)
        except Refused as refused:
            await self._say(refused.status, refused.reason, refused.instead)
        except Unreachable as error:
            await self._say(error.status, error.reason)
        except Malformed as error:
            await self._say(400, f"this is not a request that is understood here: {error}")
        finally:
            self._exchange.close()

    async def _one(self) -> bool:
        began = (self._wire.taken, self._wire.written)
        record = Record(quiet=True)
        with recorded(self._gate.network.decided, self._wire, began, record):
            self._exchange.answering, self._wants_body = False, True
            try:
                head = await self._wire.head()
                if head is None:
                    return False
                record.quiet = False
                request = parse_request(head)
            except Malformed:
                record.quiet = False
                raise
            record.method = request.method
            self._wants_body = request.method != "HEAD"
            self._clock.idle(self._gate.outside.patience.answer)
            found = await self._route(request, record)
            if found is None:
                return False
            site, target = found
            record.about(target)
            self._allow(request, site, target, record)
            return await self._exchange.pass_on(request, site, target)

    def _allow(self, request: Request, site: Site, target: str, record: Record) -> None:
        if request.method in ("TRACE", "CONNECT"):  # the first sends back what it was sent
            raise Refused(f"the method {request.method} is not passed on", 405)
        rule = permit(site.rules, request.method, target)
        if rule.methods == "read-only" and request.method in READ_METHODS and request.length != 0:
            raise Refused(f"{site.host} is allowed read-only: {request.method} cannot carry a body")
        record.allow(f"allowed by {rule_words(rule)}")

    async def _say(self, status: int, reason: str, instead: bytes = b"") -> None:
        if self._exchange.answering:  # in the middle of something else: only breaking off is honest
            self._wire.stream.abort()
            return
        await self._wire.write(instead or answer(status, reason, body=self._wants_body))
        await linger(self._wire, self._clock)


async def linger(wire: Wire, clock: Clock) -> None:
    """Close so that the other side can still read what was written: a socket that is closed with bytes unread is reset,
    and the answer lost."""
    clock.within(_LINGER_SECONDS)
    await wire.stream.finish()
    for _ in range(_LINGER_PIECES):
        if not await wire.stream.read():
            return


def absolute(request: Request) -> tuple[str, int, str]:
    """Host, port and target of a request to a proxy. Raises Refused."""
    found = _ABSOLUTE.fullmatch(request.target)
    if found is None:
        raise Refused("this is a proxy: it takes CONNECT for https, and http://HOST/... for plain http", 400)
    if found[1].lower() != "http":
        raise Refused(f"{found[1].lower()}:// is not passed on; https goes by CONNECT", 400)
    host, port = authority(found[2], 80)
    same_host(request, host, port, 80)
    target = found[3]
    return host, port, target if target.startswith("/") else f"/{target}"


def same_host(request: Request, host: str, port: int, default_port: int) -> None:
    """Raises Refused when the Host field names something else."""
    if request.host is not None and authority(request.host, default_port) != (host, port):
        raise Refused(f"the Host field names another host than the connection, which is for {host}")


def plain_site(gate: Gate, host: str, port: int) -> Site:
    """A site by plain HTTP. Raises Refused; only port 80 is spoken to without TLS."""
    found = matching(gate.network.rules, host, port)
    if port != 80:
        raise Refused(f"port {port} of {host} is allowed for https only; plain http goes to port 80")
    return Site(host, port, False, found)
