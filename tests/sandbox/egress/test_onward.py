"""A machine that stands behind a proxy itself: everything goes through that, and less can be checked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from midwatch.domain.errors import InputError
from tests.sandbox.egress.ground import Authority, Server, ok, raw_serving, read_head, serving, terms, way_out


@contextlib.asynccontextmanager
async def company_proxy(target: int, refuse: bytes = b"") -> AsyncIterator[Server]:
    """A proxy that leads every tunnel to one port on loopback, and answers plain requests itself."""
    seen = Server(0)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        assert head is not None
        seen.heads.append(head)
        if refuse or not head.startswith(b"CONNECT"):
            writer.write(refuse or ok(b"from the proxy", "Connection: close"))
            await writer.drain()
            return
        there, back = await asyncio.open_connection("127.0.0.1", target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async with raw_serving(handle, server=seen):
        yield seen


def get(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


async def test_tunnels_and_intercepted_requests_go_through_the_proxy_of_this_machine(internet: Authority) -> None:
    names = ("a.example", "b.example")
    async with serving(lambda head, body: ok(b"hi", "Connection: close"), internet.server(*names)) as server:
        async with company_proxy(server.port) as company:
            through = terms(https=f"http://me:p%40ss@127.0.0.1:{company.port}")
            async with way_out("a.example", "b.example read-only", terms=through) as way:
                assert (await way.ask("a.example:443", internet.client(), get("a.example"))).endswith(b"hi")
                assert (await way.ask("b.example:443", way.trusting, get("b.example"))).endswith(b"hi")
    credential = b"Proxy-Authorization: Basic bWU6cEBzcw=="
    assert company.heads == [
        b"CONNECT %b:443 HTTP/1.1\r\nHost: %b:443\r\n%b\r\n\r\n" % (name.encode(), name.encode(), credential)
        for name in names
    ]
    assert all(decision.allowed for decision in way.decisions)


async def test_plain_requests_are_handed_to_the_proxy_of_this_machine() -> None:
    async with company_proxy(0) as company:
        async with way_out("a.example:80", terms=terms(http=f"http://127.0.0.1:{company.port}")) as way:
            said = await way.say(b"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    assert said.endswith(b"from the proxy")
    assert company.heads == [b"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n"]


@pytest.mark.parametrize("host", ["localhost", "intranet", "host.internal", "printer.local", "a.corp", "x.home.arpa"])
async def test_names_of_private_networks_are_not_asked_of_it(host: str) -> None:
    async with company_proxy(0) as company:
        async with way_out(host, terms=terms(https=f"http://127.0.0.1:{company.port}")) as way:
            said = await way.say(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert b"is a name of a private network" in said
    assert company.heads == []


async def test_a_name_that_is_known_here_to_be_private_is_refused() -> None:
    async with company_proxy(0) as company:
        there = terms({"a.example": [["10.0.0.7"]]}, https=f"http://127.0.0.1:{company.port}")
        async with way_out("a.example", terms=there) as way:
            said = await way.say(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert b"has the address 10.0.0.7" in said
    assert company.heads == []


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"it answered 407"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"it sent more than it was asked for"),
        (b"what\r\n\r\n", b"failed"),
    ],
)
async def test_what_goes_wrong_with_it_is_told(answer: bytes, word: bytes) -> None:
    async with company_proxy(0, answer) as company:
        async with way_out("a.example", terms=terms(https=f"http://me:secret@127.0.0.1:{company.port}")) as way:
            said = await way.say(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 502 ")
    assert word in said
    assert "secret" not in repr(way.decisions)


async def test_hosts_that_need_no_proxy_and_pinned_hosts_are_reached_directly(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", "Connection: close"), internet.server("a.example")) as server:
        pinned = {"a.example": f"127.0.0.1:{server.port}"}
        nowhere = terms(https="http://127.0.0.1:1", no="direct.example")
        async with way_out("a.example", "direct.example", pinned=pinned, terms=nowhere) as way:
            assert (await way.ask("a.example:443", internet.client(), get("a.example"))).endswith(b"hi")
            said = await way.say(b"CONNECT direct.example:443 HTTP/1.1\r\nHost: direct.example\r\n\r\n")
    assert b"the name direct.example cannot be resolved" in said


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://:3128", "http://host:port"])
async def test_a_proxy_that_is_not_understood_is_refused_at_the_start(proxy: str) -> None:
    with pytest.raises(InputError, match="the proxy of the environment cannot be used"):
        async with way_out("a.example", terms=terms(https=proxy)):
            pass
