from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.sandbox.egress.heads import head_bytes, parse_request, parse_response, passed_on
from midwatch.sandbox.egress.hello import server_name
from midwatch.sandbox.egress.names import authority, host_name
from midwatch.sandbox.egress.refusal import Refused
from midwatch.sandbox.egress.secrets import Scrubber
from midwatch.sandbox.egress.wire import Malformed
from midwatch.sandbox.network import InjectedHeader
from tests.sandbox.egress.ground import ok, serving, way_out
from tests.sandbox.egress.hellos import hello, made_up, names, record

TOKENS = st.sampled_from(
    [b"GET", b"POST", b" ", b"\t", b"http://a.example/", b"/", b"a.example", b"evil.example", b"HTTP/1.1", b"HTTP/1.0",
     b"\r\n", b"\n", b"\r", b":", b"Host: a.example", b"Host: evil.example", b"Content-Length: 5", b"Content-Length",
     b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"Connection: close", b"0\r\n\r\n", b"5\r\nhello\r\n",
     b"\0", b"@", b";", b",", b"\xff", b"CONNECT a.example:443 HTTP/1.1\r\n", b"\r\n\r\n"]
)  # fmt: skip
REQUEST = st.one_of(st.binary(max_size=400), st.lists(TOKENS, max_size=24).map(b"".join))
PREFIX = b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n"


@given(REQUEST)
def test_any_bytes_are_a_request_or_malformed(data: bytes) -> None:
    for head in (data, PREFIX[:-2] + b"\r\n" + data):
        with contextlib.suppress(Malformed):
            request = parse_request(head)
            # Written anew, it means the same to whoever reads it next.
            fields = [("Host", request.host or "a.example"), *passed_on(request.fields)]
            again = head_bytes(f"{request.method} {request.target} HTTP/1.1", fields)
            assert again.endswith(b"\r\n\r\n")
            assert not re.search(rb"\r\n\r\n.|(?<!\r)\n|\r(?!\n)|\0", again, re.DOTALL)
            read = parse_request(again[:-4])
            assert (read.method, read.target, read.length) == (request.method, request.target, 0)


@given(REQUEST)
def test_any_bytes_are_an_answer_or_malformed(data: bytes) -> None:
    for head in (data, b"HTTP/1.1 200 OK\r\n" + data):
        with contextlib.suppress(Malformed):
            assert 100 <= parse_response(head).status <= 999


@given(st.text(max_size=80))
def test_any_text_is_a_plain_host_name_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        name = host_name(text)
        assert re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*", name)
        assert host_name(name) == name
    with contextlib.suppress(Refused):
        name, port = authority(text, 80)
        assert 0 < port < 65536
        assert host_name(name) == name


REAL = hello("pypi.example")


@given(st.data())
def test_a_hello_that_was_tampered_with_names_its_host_or_nothing(data: st.DataObject) -> None:
    sent = bytearray(REAL)
    for _ in range(data.draw(st.integers(0, 6))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(sent[: data.draw(st.integers(0, len(sent)))])
    with contextlib.suppress(Malformed):
        name = server_name(cut)
        assert name is None or name.isascii()


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=40)), max_size=6))
def test_any_bytes_are_a_hello_or_malformed(data: bytes, extensions: list[tuple[int, bytes]]) -> None:
    for sent in (data, record(data), record(b"\x01" + data), made_up(extensions)):
        with contextlib.suppress(Malformed):
            name = server_name(sent)
            assert name is None or name.isascii()


def test_a_real_hello_is_read_whole_or_in_pieces() -> None:
    assert server_name(REAL) == "pypi.example"
    assert all(server_name(REAL[:end]) is None for end in range(len(REAL)))
    message = REAL[5:]
    assert server_name(record(message[:100]) + record(message[100:300]) + record(message[300:])) == "pypi.example"
    assert server_name(made_up([names(b"A.example."), (16, b"\0\0")])) == "A.example."
    assert server_name(REAL + b"early data") == "pypi.example"
    with pytest.raises(Malformed, match="too many pieces"):
        server_name(b"".join(record(message[start : start + 100]) for start in range(0, len(message), 100)))


@given(st.lists(st.sampled_from([b"sec", b"ret", b"-", b"secret-token", b"x", b"\0", b"secret-toke"]), max_size=30))
def test_a_secret_is_masked_wherever_the_pieces_are_cut(pieces: list[bytes]) -> None:
    scrub = Scrubber([InjectedHeader("a.example", "X", "secret-token")])
    masked = b"".join([*map(scrub.feed, pieces), scrub.finish()])
    assert masked == b"".join(pieces).replace(b"secret-token", b"*" * 12)


async def test_no_bytes_at_all_bring_a_request_past_the_rules() -> None:
    """Many connections with made-up bytes, on one proxy: whatever is forwarded was allowed, and is well-formed."""
    async with serving(lambda head, body: ok(b"", "Connection: close")) as server:
        where = f"127.0.0.1:{server.port}"
        async with way_out("a.example:80", pinned={"a.example": where, "evil.example": where}) as way:
            sent: list[bytes] = []

            @settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
            @given(REQUEST)
            def collect(data: bytes) -> None:
                sent.extend((data, PREFIX + data + b"\r\n\r\n"))

            collect()
            for data in sent:
                await way.say(data, end=True)
            assert (await way.say(PREFIX + b"\r\n", end=True)).startswith(b"HTTP/1.1 200")
    assert server.heads
    for head in server.heads:
        assert re.match(rb"[A-Z-]+ /[\x21-\x7e]* HTTP/1\.1\r\nHost: a\.example\r\n", head), head
        assert head.lower().count(b"\r\nhost:") == 1
    # A request whose body is cut short was allowed, and is not complete for the server.
    assert len(server.heads) <= sum(decision.allowed for decision in way.decisions)
    assert all(decision.host == "a.example" for decision in way.decisions if decision.allowed)
