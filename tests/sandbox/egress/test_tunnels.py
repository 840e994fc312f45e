from __future__ import annotations

import asyncio
import ssl

import pytest

from tests.sandbox.egress.ground import Authority, Names, ok, raw_serving, serving, terms, way_out
from tests.sandbox.egress.hellos import hello

GET = b"GET /hello?token=1 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


async def test_a_tunnel_to_an_allowed_host_carries_tls_that_the_proxy_cannot_read(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", "Connection: close"), internet.server("a.example")) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            said = await way.ask("a.example:443", internet.client(), GET)
    assert said.endswith(b"\r\n\r\nhi")
    [decision] = way.decisions
    assert (decision.host, decision.port, decision.method, decision.allowed) == ("a.example", 443, "CONNECT", True)
    assert decision.sent > len(GET)
    assert decision.received > len(said)
    assert not way.proxy.files, "nothing is intercepted, so nothing needs to be trusted"


async def test_nothing_is_sent_outside_before_the_hello_names_the_host_of_the_tunnel(internet: Authority) -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            seen.append(piece)

    async with raw_serving(handle) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            with pytest.raises((ssl.SSLError, OSError)):
                async with way.tunnel("a.example:443", internet.client(), "b.example"):
                    pass
            connect = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
            assert b"\x15\x03\x03" in await way.say(connect + b"SSH-2.0-hello\r\n")
            assert b"\x15\x03\x03" in await way.say(connect + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert b"\x15\x03\x03" in await way.say(connect + b"\x16\x03\x01", end=True)
    assert seen == []
    assert [decision.allowed for decision in way.decisions] == [False] * 4
    assert "the TLS connection is for b.example, but CONNECT was for a.example" in way.decisions[0].reason
    assert "TLS only" in way.decisions[1].reason


async def test_a_hello_without_a_name_is_refused(internet: Authority) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    async with serving(lambda head, body: None) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            said = await way.say(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n" + outgoing.read())
    assert said.endswith(b"\x15\x03\x03\x00\x02\x02\x70")
    assert "names no host" in way.decisions[0].reason


async def test_the_name_may_be_written_in_capitals_and_with_a_dot(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", "Connection: close"), internet.server("a.example")) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            async with way.tunnel("A.Example.:443", internet.client(), "A.EXAMPLE") as (reader, writer):
                writer.write(GET)
                assert (await reader.read(-1)).endswith(b"hi")


async def test_a_star_allows_names_below_and_not_the_name_itself(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", "Connection: close"), internet.server("x.b.example")) as server:
        where = f"127.0.0.1:{server.port}"
        async with way_out("*.b.example", pinned={"x.b.example": where, "b.example": where}) as way:
            assert (await way.ask("x.b.example:443", internet.client(), GET)).endswith(b"hi")
            with pytest.raises(ConnectionError, match="not in the allowed hosts"):
                await way.ask("b.example:443", internet.client(), GET)


async def test_both_directions_may_end_for_themselves(internet: Authority) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        while piece := await reader.read(1 << 16):
            count += len(piece)
        writer.write(str(count).encode())
        await writer.drain()

    async with raw_serving(handle) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            connect = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
            sent = hello("a.example") + b"x" * 3_000_000
            said = await way.say(connect + sent, end=True)
    assert said.endswith(str(len(sent)).encode())


async def test_a_name_is_looked_up_once_and_every_address_is_checked(internet: Authority) -> None:
    names = Names({"a.example": [["93.184.216.34", "127.0.0.1"], ["93.184.216.34"]]})
    table = terms()
    async with way_out("a.example", terms=type(table)(resolve=names, proxies={})) as way:
        with pytest.raises(ConnectionError, match=r"has the address 127.0.0.1, which is not of the public internet"):
            await way.ask("a.example:443", internet.client(), GET)
    assert names.asked == ["a.example"]


async def test_a_name_that_changes_its_address_is_checked_each_time_it_is_connected_to(internet: Authority) -> None:
    for table in ([["169.254.169.254"]], [["10.1.2.3"]], [["fd00:ec2::254"]], [["::ffff:127.0.0.1"]]):
        async with way_out("rebind.example", "rebind.example:80", terms=terms({"rebind.example": table})) as way:
            with pytest.raises(ConnectionError, match="not of the public internet"):
                await way.ask("rebind.example:443", internet.client(), GET)
            plain = await way.say(b"GET http://rebind.example/ HTTP/1.1\r\nHost: rebind.example\r\n\r\n")
            assert plain.startswith(b"HTTP/1.1 403 ")
        assert [decision.allowed for decision in way.decisions] == [False, False]


async def test_a_host_that_is_down_is_told_in_words(internet: Authority) -> None:
    async with serving(lambda head, body: None) as server:
        port = server.port
    async with way_out("a.example", "b.example", pinned={"a.example": f"127.0.0.1:{port}"}) as way:
        with pytest.raises(ConnectionError, match=r"502 midwatch: a.example cannot be reached: connection refused"):
            await way.ask("a.example:443", internet.client(), GET)
        with pytest.raises(ConnectionError, match=r"the name b.example cannot be resolved: name or service not known"):
            await way.ask("b.example:443", internet.client(), GET)
    assert all("cannot be" in decision.reason for decision in way.decisions)


async def test_closing_ends_open_tunnels_and_tells_them(internet: Authority) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with raw_serving(handle) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n" + hello("a.example"))
            await reader.readuntil(b"\r\n\r\n")
            while not server.connections:
                await asyncio.sleep(0.01)
            await way.proxy.close()
            assert await reader.read(-1) in (b"",)
            writer.close()
            await way.proxy.close()
    assert len(way.decisions) == 1
    assert way.decisions[0].received
