from __future__ import annotations

import asyncio
import base64
import ssl

import pytest

from midwatch.domain.errors import InputError
from midwatch.sandbox.network import InjectedHeader
from tests.sandbox.egress.ground import Authority, ok, raw_serving, read_head, serving, way_out

CLOSE = "Connection: close"
SECRET = "Bearer s3cr3t-token-of-the-person"
PASSWORD = "Basic " + base64.b64encode(b"robot:correct-horse-battery").decode()


def request(method: str, path: str, *fields: str, body: bytes = b"", host: str = "a.example") -> bytes:
    """A request as a client writes it, with its length, and the last on its connection."""
    return kept(method, path, CLOSE, *fields, body=body, host=host)


def kept(method: str, path: str, *fields: str, body: bytes = b"", host: str = "a.example") -> bytes:
    """The same, after which the connection goes on."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *length, *fields, "", ""]).encode() + body


async def test_a_read_only_host_is_read_and_not_written_to(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example")) as server:
        async with way_out("a.example read-only", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            for method in ("GET", "HEAD", "OPTIONS"):
                assert b" 200 OK" in await way.ask("a.example:443", way.trusting, request(method, "/x?q=1"))
            for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MKCOL"):
                said = await way.ask("a.example:443", way.trusting, request(method, "/x?q=1", body=b"data"))
                assert said.startswith((b"HTTP/1.1 403 midwatch: ", b"HTTP/1.1 405 midwatch: ")), said
            said = await way.ask("a.example:443", way.trusting, request("GET", "/x", body=b"data"))
            assert b"GET cannot carry a body" in said
    assert [head.split()[0] for head in server.heads] == [b"GET", b"HEAD", b"OPTIONS"]
    assert [(one.method, one.path, one.allowed) for one in way.decisions[:4]] == [
        ("GET", "/x", True), ("HEAD", "/x", True), ("OPTIONS", "/x", True), ("POST", "/x", False)
    ]  # fmt: skip
    assert "allowed read-only" in way.decisions[3].reason


async def test_a_server_is_not_told_to_read_one_method_as_another(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example")) as server:
        async with way_out("a.example read-only", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            await way.ask("a.example:443", way.trusting, request("GET", "/", "X-HTTP-Method-Override: DELETE", "A: b"))
    assert b"override" not in server.heads[0].lower()
    assert b"A: b\r\n" in server.heads[0]


async def test_git_fetches_from_a_read_only_host_and_does_not_push(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example")) as server:
        async with way_out("a.example read-only", pinned={"a.example": f"127.0.0.1:{server.port}"}) as way:
            fetch = request("POST", "/r.git/git-upload-pack", body=b"0000")
            assert b" 200 OK" in await way.ask("a.example:443", way.trusting, fetch)
            for refused in (
                request("POST", "/r.git/git-receive-pack", body=b"0000"),
                request("GET", "/r.git/info/refs?service=git-receive-pack"),
                request("POST", "/r.git/git-receive-pack?x=/git-upload-pack", body=b"0000"),
            ):
                assert b"not push to it" in await way.ask("a.example:443", way.trusting, refused)
    assert len(server.heads) == 1


async def test_a_secret_is_added_outside_and_told_to_nobody_else(internet: Authority) -> None:
    header = InjectedHeader("a.example", "Authorization", SECRET)
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example", "b.example")) as server:
        where = f"127.0.0.1:{server.port}"
        pinned = {"a.example": where, "b.example": where}
        async with way_out("a.example", "b.example", pinned=pinned, headers=[header]) as way:
            sent = request("GET", "/private", "authorization: Bearer made-up", "AUTHORIZATION: twice", "X: y")
            said = await way.ask("a.example:443", way.trusting, sent)
            await way.ask("b.example:443", internet.client(), request("GET", "/", host="b.example"))
            sight = repr((way.decisions, way.proxy.environment, way.proxy.files, header))
    assert server.heads[0].lower().count(b"authorization") == 1
    assert f"Authorization: {SECRET}\r\n".encode() in server.heads[0]
    assert b"authorization" not in server.heads[1].lower()
    assert b"s3cr3t" not in said
    assert "s3cr3t" not in sight


async def test_a_server_that_echoes_a_secret_is_masked_in_fields_and_bodies(internet: Authority) -> None:
    def echo(head: bytes, body: bytes) -> bytes:
        return ok(b"<" + head + b">", "X-Seen: " + head.decode().split("Authorization: ")[1].split("\r\n")[0], CLOSE)

    header = InjectedHeader("a.example", "Authorization", PASSWORD)
    async with serving(echo, internet.server("a.example")) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}, headers=[header]) as way:
            fields = ("Accept-Encoding: gzip", "Range: bytes=3-9", "If-Range: x")
            said = await way.ask("a.example:443", way.trusting, request("GET", "/", *fields))
    assert PASSWORD.encode() in server.heads[0]
    assert b"range" not in server.heads[0].lower()
    assert b"Accept-Encoding: identity" in server.heads[0]
    for piece in (PASSWORD[6:], "correct-horse-battery"):
        assert piece.encode() not in said
    assert said.count(b"*" * len(PASSWORD)) == 2
    assert said.endswith(b">")


async def test_a_secret_in_pieces_is_masked_too(internet: Authority) -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nit is ")
        for char in SECRET + "!":
            writer.write(char.encode())
            await writer.drain()
            await asyncio.sleep(0.001)

    header = InjectedHeader("a.example", "Authorization", SECRET)
    async with raw_serving(slowly, internet.server("a.example")) as server:
        async with way_out("a.example", pinned={"a.example": f"127.0.0.1:{server.port}"}, headers=[header]) as way:
            said = await way.ask("a.example:443", way.trusting, b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
    assert said.endswith(b"it is " + b"*" * len(SECRET) + b"!")


async def test_a_redirect_is_handed_to_the_client_without_the_secret(internet: Authority) -> None:
    def redirect(head: bytes, body: bytes) -> bytes:
        return b"HTTP/1.1 302 Found\r\nLocation: https://b.example/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    header = InjectedHeader("a.example", "X-Key", "k-0123456789")
    async with serving(redirect, internet.server("a.example")) as server:
        pinned = dict.fromkeys(("a.example", "b.example"), f"127.0.0.1:{server.port}")
        async with way_out("a.example", "b.example", pinned=pinned, headers=[header]) as way:
            said = await way.ask("a.example:443", way.trusting, request("GET", "/"))
    assert b"302 Found" in said
    assert b"0123456789" not in said
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("header", "entry", "word"),
    [
        (InjectedHeader("a.example", "Authorization", SECRET), "b.example", "not allowed"),
        (InjectedHeader("a.example", "Authorization", SECRET), "a.example:80", "plain text"),
        (InjectedHeader("*.example", "Authorization", SECRET), "a.example", "exact name"),
        (InjectedHeader("A.example", "Authorization", SECRET), "a.example", "exact name"),
        (InjectedHeader("a.example", "Host", SECRET), "a.example", "cannot be added"),
        (InjectedHeader("a.example", "Transfer-Encoding", SECRET), "a.example", "cannot be added"),
        (InjectedHeader("a.example", "A B", SECRET), "a.example", "cannot be added"),
        (InjectedHeader("a.example", "X", f"{SECRET}\r\nY: z"), "a.example", "line ends"),
        (InjectedHeader("a.example", "X", ""), "a.example", "odd characters, or none"),
    ],
)
async def test_a_header_that_cannot_be_added_safely_is_refused_at_the_start(
    header: InjectedHeader, entry: str, word: str
) -> None:
    with pytest.raises(InputError, match=word) as caught:
        async with way_out(entry, headers=[header]):
            pass
    assert "s3cr3t" not in f"{caught.value.message} {caught.value.mend}"


async def test_no_secret_goes_over_plain_http(internet: Authority) -> None:
    header = InjectedHeader("a.example", "Authorization", SECRET)
    async with serving(lambda head, body: ok(b"hi", CLOSE)) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example:80,443", pinned=where, headers=[header]) as way:
            said = await way.say(b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    assert said.endswith(b"hi")
    assert b"authorization" not in server.heads[0].lower()


async def test_the_server_outside_must_have_a_certificate_for_its_name(internet: Authority, tmp_path: object) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("other.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example read-only", pinned=where) as way:
            said = await way.ask("a.example:443", way.trusting, request("GET", "/"))
    assert said.startswith(b"HTTP/1.1 502 midwatch: a.example cannot be reached by https: its certificate is not trust")
    assert server.heads == []


async def test_a_request_inside_names_the_host_of_its_tunnel(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example read-only", pinned=where) as way:
            for text in (
                request("GET", "/", host="b.example"),
                request("GET", "/", host="a.example:8443"),
                request("GET", "https://b.example/"),
                request("GET", "//b.example/", host="a.example, b.example"),
                request("OPTIONS", "*"),
                request("GET", "/#x"),
            ):
                said = await way.ask("a.example:443", way.trusting, text)
                assert said.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), said
    assert server.heads == []


async def test_one_connection_carries_many_requests_and_large_bodies_both_ways(internet: Authority) -> None:
    answers = {b"/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: x\r\n\r\n"}
    big = bytes(range(256)) * 8192

    def answer(head: bytes, body: bytes) -> bytes:
        return answers.get(head.split()[1]) or ok(big if b"/big" in head else b"%d" % len(body))

    header = InjectedHeader("a.example", "X-Key", "k-0123456789")
    async with serving(answer, internet.server("a.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example", pinned=where, headers=[header]) as way:
            async with way.tunnel("a.example:443", way.trusting) as (reader, writer):
                writer.write(kept("GET", "/chunked"))
                head = await reader.readuntil(b"\r\n\r\n")
                assert b"Transfer-Encoding: chunked" in head
                assert await reader.readuntil(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
                writer.write(kept("GET", "/big"))
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(len(big)) == big
                writer.write(kept("POST", "/", "Expect: 100-continue", body=big))
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(7) == b"%d" % len(big)
                writer.write(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(1) == b"5"
    assert server.connections == 1
    assert server.bodies == [b"", b"", big, b"abcde"]
    assert b"expect" not in server.heads[2].lower()
    assert [one.allowed for one in way.decisions] == [True] * 4
    assert way.decisions[1].received > len(big)
    assert way.decisions[2].sent > len(big)


async def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(internet: Authority) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(ok(b"hi"))
        await writer.drain()

    async with raw_serving(once, internet.server("a.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example read-only", pinned=where) as way:
            async with way.tunnel("a.example:443", way.trusting) as (reader, writer):
                for _ in range(3):
                    writer.write(kept("GET", "/"))
                    await reader.readuntil(b"\r\n\r\n")
                    assert await reader.readexactly(2) == b"hi"
    assert server.connections == 3


async def test_only_names_of_read_only_hosts_and_hosts_with_secrets_are_vouched_for(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("b.example")) as server:
        where = {"b.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example read-only", "b.example", pinned=where) as way:
            async with way.tunnel("b.example:443", internet.client()) as (reader, writer):
                seen = writer.get_extra_info("ssl_object").getpeercert()
                writer.write(request("GET", "/", host="b.example"))
                assert (await reader.read(-1)).endswith(b"hi")
    assert seen["issuer"] == ((("commonName", "test internet"),),)


async def test_a_box_that_does_not_trust_the_authority_is_told_so_in_the_record(internet: Authority) -> None:
    async with serving(lambda head, body: ok(b"hi", CLOSE), internet.server("a.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out("a.example read-only", pinned=where) as way:
            with pytest.raises(ssl.SSLError):
                await way.ask("a.example:443", internet.client(), request("GET", "/"))
            await way.told(1)
    [decision] = way.decisions
    assert "does it trust the CA file?" in decision.reason
    assert server.connections == 0


@pytest.mark.parametrize("methods", ["all", "read-only"])
async def test_a_client_that_does_not_read_makes_the_server_wait(internet: Authority, methods: str) -> None:
    piece, pieces, sent = b"x" * (1 << 20), 96, 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (len(piece) * pieces))
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            sent += 1

    async with raw_serving(handle, internet.server("a.example")) as server:
        where = {"a.example": f"127.0.0.1:{server.port}"}
        async with way_out(f"a.example {methods}", pinned=where) as way:
            trust = way.trusting if methods == "read-only" else internet.client()
            async with way.tunnel("a.example:443", trust) as (reader, writer):
                writer.write(request("GET", "/"))
                await reader.readuntil(b"\r\n\r\n")
                before = -1
                while before != sent:  # until nothing moves any more
                    before = sent
                    await asyncio.sleep(0.3)
                assert sent < pieces * 2 // 3, "what the system's own buffers hold, and little more"
                assert len(await reader.readexactly(len(piece) * pieces)) == len(piece) * pieces
