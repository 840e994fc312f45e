"""What a hostile box tries, and is refused, in words: nothing of it reaches a server."""

from __future__ import annotations

import pytest

from tests.sandbox.egress.ground import ok, serving, terms, way_out
from tests.sandbox.egress.hellos import hello, made_up, names, record

ALLOWED = ("pypi.example", "*.files.example", "plain.example:80", "both.example:80,443", "git.example read-only")

CONNECTS = [
    # Other hosts, and look-alikes of allowed ones.
    "evil.example:443",
    "pypi.example.evil.example:443",
    "evil-pypi.example:443",
    "pypi.example-evil.example:443",
    "pypi.example@evil.example:443",
    "user:password@pypi.example:443",
    "pypi.exampl:443",
    "ypi.example:443",
    "files.example:443",
    ".files.example:443",
    "evilfiles.example:443",
    "pypi.example..:443",
    "pypi..example:443",
    "xn--pyp-mma.example:443",
    "p\u0443pi.example:443",
    "pypi.example\u3002evil.example:443",
    "pypi%2eexample:443",
    "pypi.example%00.evil.example:443",
    "-pypi.example:443",
    "*.files.example:443",
    "localhost:443",
    "metadata.google.internal:443",
    f"{'a' * 64}.files.example:443",
    f"{'a.' * 130}files.example:443",
    # Addresses, in every spelling.
    "127.0.0.1:443",
    "2130706433:443",
    "0x7f000001:443",
    "0x7f.0.0.1:443",
    "0177.0.0.1:443",
    "017700000001:443",
    "127.1:443",
    "127.0.0.1.:443",
    "169.254.169.254:443",
    "0xa9fea9fe:443",
    "0:443",
    "8.8.8.8:443",
    "[::1]:443",
    "[::ffff:127.0.0.1]:443",
    "[fd00:ec2::254]:443",
    "[::ffff:7f00:1]:443",
    "[fe80::1%25eth0]:443",
    "::1:443",
    "fd00:ec2::254:443",
    # Other ports, and ports that are none.
    "pypi.example:22",
    "pypi.example:80",
    "pypi.example:8443",
    "plain.example:443",
    "pypi.example:0",
    "pypi.example:65979",
    "pypi.example:0443",
    "pypi.example:+443",
    "pypi.example:443:443",
    "pypi.example:https",
    "pypi.example:",
    "pypi.example",
    ":443",
    "/",
    "*",
    "https://pypi.example/",
]

GETS = [
    "http://evil.example/",
    "http://plain.example.evil.example/",
    "http://plain.example@evil.example/",
    "http://user:password@plain.example/",
    "http://plain.example:81/",
    "http://plain.example:443/",
    "http://pypi.example/",
    "http://both.example:443/",
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://[::1]/",
    "http://0x7f.1/",
    "http://169.254.169.254/latest/meta-data/",
    "https://plain.example/",
    "https://pypi.example/",
    "ftp://plain.example/",
    "file:///etc/passwd",
    "gopher://plain.example/",
    "http:///",
    "http://plain.example/#fragment",
    "http://plain.example\\@evil.example/",
    "http:plain.example/",
    "plain.example/",
    "//plain.example/",
    "/",
    "*",
]

RAW = [
    b"GET http://plain.example/ HTTP/1.1\nHost: plain.example\n\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nA: b\nC: d\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nHost: evil.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example, evil.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n X: continued\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost : plain.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nA\0: b\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nA: b\0c\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nA: b\rC: d\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\n\r\n",
    b"GET http://plain.example/\r\n\r\n",
    b"GET  http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n",
    b"GET http://plain.example/a b HTTP/1.1\r\nHost: plain.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/2.0\r\nHost: plain.example\r\n\r\n",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 1, 1\r\n\r\na",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: +1\r\n\r\na",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 0x1\r\n\r\na",
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: -1\r\n\r\na",
    b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
    b"\r\n\r\n0\r\n\r\n",
    b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    b"POST http://plain.example/ HTTP/1.0\r\nHost: plain.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\na",
    b"TRACE http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n",
    b"CONNECT pypi.example:443\r\n HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT pypi.example:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nGET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n",
    b"\x05\x01\x00" + b"\r\n\r\n",  # SOCKS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"A" * 70_000,
    b"GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    b"GET http://plain.example/" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
]

HELLOS = [
    hello("evil.example"),
    hello("pypi.example.evil.example"),
    made_up([]),
    made_up([names(b"pypi.example", b"evil.example")]),
    made_up([names(b"pypi.example"), names(b"evil.example")]),
    made_up([names(b"pypi.example", kind=1)]),
    made_up([names(b"pypi.example\0.evil.example")]),
    made_up([names(b"")]),
    made_up([(0, b"")]),
    made_up([(0, b"\0\1\0")]),
    made_up([names(b"127.0.0.1")]),
    made_up([names(b"p\xc3\xbdpi.example")]),
    made_up([(0xFFCE, b"\0\1")]),
    made_up([names(b"pypi.example")], after=b"more"),
    made_up([names(b"pypi.example")])[:-1] + b"\0\0",
    record(b"\x02\0\0\0"),
    record(b"\x01\xff\xff\xff"),
    b"\x16\x03\x01\0\0",
    b"\x16\x03\x01\xff\xff",
    b"\x16\x02\x01\0\x05hello",
    b"\x15\x03\x01\0\x02\x02\x28",
    b"\x80\x2e\x01\x00\x02",
    b"".join(record(bytes([byte])) for byte in hello("pypi.example")[5:]),
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"GET / HTTP/1.1\r\nHost: pypi.example\r\n\r\n",
    b"\0",
]


def test_there_are_enough_attacks() -> None:
    assert len(CONNECTS) + len(GETS) + len(RAW) + len(HELLOS) > 120


async def refused(sent: bytes, *, alert: bool = False) -> str:
    """That all of it is refused; the reason. Every allowed name leads to a server, which hears nothing."""
    async with serving(lambda head, body: ok(b"LEAKED")) as server:
        where = f"127.0.0.1:{server.port}"
        hosts = ("pypi.example", "x.files.example", "files.example", "plain.example", "both.example", "git.example")
        pinned = dict.fromkeys((*hosts, "evil.example"), where)
        async with way_out(*ALLOWED, pinned=pinned, terms=terms()) as way:
            said = await way.say(sent, end=True)
    assert server.heads == []
    assert b"LEAKED" not in said
    assert [decision.allowed for decision in way.decisions] == [False]
    reason = way.decisions[0].reason
    if alert:
        assert said.endswith(b"\x15\x03\x03\x00\x02\x02\x70")
    else:
        assert said.startswith((b"HTTP/1.1 403 midwatch: ", b"HTTP/1.1 40", b"HTTP/1.1 417 midwatch: ")), said
        assert said.count(b"HTTP/1.1 ") <= 1 or b"is not `METHOD TARGET" in said
        assert reason.encode() in said
    assert reason.isascii()
    assert reason.isprintable()
    return reason


@pytest.mark.parametrize("target", CONNECTS)
async def test_a_tunnel_to_anything_else_is_refused(target: str) -> None:
    await refused(f"CONNECT {target} HTTP/1.1\r\nHost: pypi.example:443\r\n\r\n".encode() + hello("pypi.example"))


@pytest.mark.parametrize("target", GETS)
async def test_a_plain_request_to_anything_else_is_refused(target: str) -> None:
    host = target.partition("://")[2].partition("/")[0]
    await refused(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


@pytest.mark.parametrize("sent", RAW, ids=range(len(RAW)))
async def test_what_two_readers_could_read_in_two_ways_is_refused(sent: bytes) -> None:
    await refused(sent)


@pytest.mark.parametrize("sent", HELLOS, ids=range(len(HELLOS)))
@pytest.mark.parametrize("host", ["pypi.example", "git.example"])
async def test_a_tunnel_without_tls_for_its_host_is_refused(
    sent: bytes, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode()
    await refused(connect + sent, alert=True)


async def test_the_words_say_what_is_allowed() -> None:
    reason = await refused(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reason == (
        "the host evil.example is not in the allowed hosts: *.files.example, both.example:80,443, "
        "git.example read-only, plain.example:80, pypi.example; nothing else can be reached"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nab\r\n0\r\n\r\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"0x2\r\nab\r\n0\r\n\r\n",
        b"2\nab\r\n0\r\n\r\n",
        b"2\r\nab\n0\r\n\r\n",
        b" 2\r\nab\r\n0\r\n\r\n",
        b"2;\0\r\nab\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nab",
        b"5\r\nab",
        b"0\r\nA: b\r\n" + b"A: b\r\n" * 200,
    ],
)
async def test_a_bad_chunk_ends_the_request_and_what_follows_is_not_read_as_another(body: bytes) -> None:
    follows = b"GET http://plain.example/smuggled HTTP/1.1\r\nHost: plain.example\r\n\r\n"
    post = b"POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(lambda head, body: ok(b"LEAKED")) as server:
        async with way_out(*ALLOWED, pinned={"plain.example": f"127.0.0.1:{server.port}"}) as way:
            said = await way.say(post + body + follows, end=True)
    assert server.heads == []
    assert b"LEAKED" not in said
    assert not any("smuggled" in decision.path for decision in way.decisions)
