from __future__ import annotations

import asyncio

from midwatch.sandbox.egress.outside import Patience
from tests.sandbox.egress.ground import Authority, ok, raw_serving, read_head, serving, terms, way_out


def get(path: str, *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} http://a.example{path} HTTP/1.1", "Host: a.example", *fields, "", ""]
    return "\r\n".join(lines).encode()


async def test_plain_requests_go_on_one_connection_and_lose_what_is_of_the_connection() -> None:
    async with serving(lambda head, body: ok(b"hi", "Keep-Alive: 5", "Connection: X-Hop", "X-Hop: 1")) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            fields = (
                "Proxy-Authorization: Basic eA==",
                "Connection: X-Mine, Upgrade",
                "X-Mine: 1",
                "Upgrade: h2c",
                "A: b",
            )
            said = await way.say(get("/x?secret=1", *fields) + get("", "Connection: close"))
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert b"Hop" not in said
    assert server.connections == 1
    assert server.heads[0] == b"GET /x?secret=1 HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n"
    assert server.heads[1] == b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    assert [(one.host, one.port, one.path, one.allowed) for one in way.decisions] == [
        ("a.example", 80, "/x", True), ("a.example", 80, "/", True)
    ]  # fmt: skip
    assert sum(one.received for one in way.decisions) == len(said)


async def test_a_tunnel_to_port_80_carries_plain_requests_that_are_looked_at() -> None:
    async with serving(lambda head, body: ok(b"hi")) as server:
        async with way_out("a.example:80 read-only", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            connect = b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n"
            said = await way.say(connect + b"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            assert said.endswith(b"hi")
            said = await way.say(connect + b"PUT /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n")
            assert b"\r\n\r\nHTTP/1.1 403 midwatch: a.example is allowed read-only" in said
            assert b"names another host" in await way.say(connect + b"GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            assert b"400" in await way.say(connect + get("/"))
    assert len(server.heads) == 1


async def test_a_refused_request_can_be_read_although_its_body_is_still_coming() -> None:
    async with way_out("a.example:80 read-only") as way:
        body = b"x" * 500_000
        said = await way.say(get("/", f"Content-Length: {len(body)}", method="POST") + body)
    assert b"POST is not" in said


async def test_an_old_client_gets_a_body_without_chunks() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    async with serving(lambda head, body: chunked) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            said = await way.say(b"GET http://a.example/ HTTP/1.0\r\n\r\n")
    assert said.endswith(b"\r\n\r\nhi")
    assert b"chunked" not in said


async def test_answers_without_a_body_and_of_unknown_length_are_passed_on() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        assert head is not None
        if head.startswith(b"HEAD"):
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        elif b"/none" in head:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200\r\n\r\nuntil the end")

    async with raw_serving(handle) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            said = await way.say(get("/", method="HEAD") + get("/none") + get("/", "Connection: close"))
    head, none, last = said.split(b"HTTP/1.1 ")[1:]
    assert head == b"200 OK\r\nContent-Length: 500\r\n\r\n"
    assert none == b"204 No Content\r\n\r\n"
    assert last.endswith(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n")


async def test_a_server_that_answers_what_is_no_http_is_told_as_that() -> None:
    answers = {
        b"/smtp": b"220 mail.example ESMTP\r\n\r\n",
        b"/switch": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"/two": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"/fold": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        b"/lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"/odd": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"/none": None,
    }
    async with serving(lambda head, body: answers[head.split()[1]]) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            for path in answers:
                said = await way.say(get(path.decode()))
                assert said.startswith(b"HTTP/1.1 502 midwatch: a.example "), said
    assert all(decision.allowed and "; a.example " in decision.reason for decision in way.decisions)


async def test_an_answer_that_breaks_off_is_not_shown_as_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
    cut = {
        b"/length": head + b"Content-Length: 9\r\n\r\nabc",
        b"/chunks": head + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
    }
    async with serving(lambda head, body: cut[head.split()[1]]) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            for path in cut:
                said = await way.say(get(path.decode()))
                assert said == b"reset" or (said.endswith((b"abc", b"abc\r\n")) and b"0\r\n\r\n" not in said)
    assert all("broke off" in decision.reason for decision in way.decisions)


async def test_an_early_answer_is_passed_on_while_the_body_still_comes() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        await writer.drain()

    async with raw_serving(handle) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(get("/", "Content-Length: 1000000", method="POST") + b"x" * 1000)
            assert b"413 Too Large" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(3) == b"big"
            writer.close()
            await way.told(1)


async def test_silence_ends_a_connection() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    short = Patience(head=0.2, answer=0.2, kept=0.2)
    async with raw_serving(silent) as server:
        pinned = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example:80,443", pinned=pinned, terms=terms(patience=short)) as way:
            assert await way.say(b"") == b""
            assert await way.say(b"GET http://a.example/ HT") == b""
            assert b"200 Connection established\r\n\r\n" in await way.say(
                b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03"
            )
            assert await way.say(get("/")) == b""
    assert "nothing moved for too long" in way.decisions[-1].reason


async def test_more_connections_than_allowed_wait_for_their_turn(internet: Authority) -> None:
    few = terms()
    few = type(few)(resolve=few.resolve, proxies={}, connections=2)
    async with serving(lambda head, body: ok(b"hi")) as server:
        async with way_out("a.example:80", pinned={"a.example": f"127.0.0.1:{server.port}"}, terms=few) as way:
            idle = [await asyncio.open_connection("127.0.0.1", way.port) for _ in range(2)]
            third = asyncio.create_task(way.say(get("/", "Connection: close")))
            await asyncio.sleep(0.05)
            assert not third.done()
            idle[0][1].close()
            assert (await third).endswith(b"hi")
            idle[1][1].close()
