"""Clients that hold connections open for nothing, and those that go round a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from midwatch.domain.errors import InputError
from midwatch.server import connections
from midwatch.server.bodies import Receive, Scope, Send
from midwatch.server.connections import Door
from midwatch.server.proxies import Behind, Proxies
from midwatch.server.serving import Address, _config, listener
from tests.support.api import PASSWORD, Api, serving

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
LOGIN = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n{"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "STALLED_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[tuple[Reader, Writer]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answered(api: Api, begun: bytes) -> bytes:
    """All that is answered to whoever sends this and no more."""
    async with connected(api) as (reader, writer), asyncio.timeout(60):
        writer.write(begun)
        return await reader.read()


async def dripped(api: Api, begun: bytes) -> None:
    """Send this, and then a byte now and then until the server has ended the connection."""
    async with connected(api) as (reader, writer), asyncio.timeout(60):
        writer.write(begun)
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.05)
        with contextlib.suppress(ConnectionError):  # what was sent last was not read
            await ended


@pytest.mark.parametrize(
    ("begun", "answer"),
    [
        (b"", b"408"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"408"),
        (LOGIN, b"408"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * (17 << 10), b"400"),
    ],
    ids=["nothing", "head", "body", "long head"],
)
async def test_a_request_that_does_not_come_to_its_end_is_ended(api: Api, begun: bytes, answer: bytes) -> None:
    assert (await answered(api, begun)).startswith(b"HTTP/1.1 " + answer)
    await dripped(api, begun)


async def test_a_second_request_of_a_connection_has_its_time_too(api: Api) -> None:
    async with connected(api) as (reader, writer), asyncio.timeout(60):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        assert (await reader.read()).startswith(b"HTTP/1.1 408")
    await dripped(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX: ")


async def test_whoever_takes_nothing_of_an_answer_is_let_go_and_one_that_is_slow_is_not() -> None:
    size = 3 << 20

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x" * size)(scope, receive, send)

    config = _config(app, Address(port=0), lifespan="off")
    door = config.http.keywords["door"]  # type: ignore[union-attr]
    with listener(Address(port=0)) as heard, socket.socket() as slow:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        running = asyncio.create_task(server.serve([heard]))
        request, place = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", heard.getsockname()[:2]
        await asyncio.to_thread(slow.connect, place)
        reader, writer = await asyncio.open_connection(sock=slow)
        writer.write(request)
        came = 0
        async with asyncio.timeout(60):
            while piece := await reader.read(1 << 20):
                came += len(piece)
                await asyncio.sleep(0.02)
        writer.close()
        assert came > size
        with socket.create_connection(place) as deaf:
            deaf.sendall(request)
            async with asyncio.timeout(60):
                while not server.server_state.total_requests > 1 or door.of_address:
                    await asyncio.sleep(0.02)
        server.should_exit = True
        await running


def test_one_address_has_so_many_connections_and_all_together_have_so_many() -> None:
    door = Door(lambda address: address == "192.0.2.1", most=connections.MOST_OF_ADDRESS + 3)
    crowd = ["2001:db8::1", "2001:db8::2"] * (connections.MOST_OF_ADDRESS // 2)
    assert [door.enter(address) for address in crowd] == [True] * len(crowd)
    assert not door.enter("2001:db8::3")  # of the same network
    assert [door.enter("192.0.2.1") for _ in range(3)] == [True] * 3
    assert not door.enter("192.0.2.9")
    door.leave("2001:db8::1")
    assert door.enter("192.0.2.9")
    for address in (*crowd[1:], "192.0.2.9", *["192.0.2.1"] * 3):
        door.leave(address)
    assert not door.of_address


@pytest.mark.parametrize("wrong", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1,", "10.0.0.300"])
def test_a_proxy_is_named_by_addresses_that_not_everybody_has(wrong: str) -> None:
    with pytest.raises(InputError):
        Address("0.0.0.0", proxy=wrong).require_safe()


async def test_a_proxys_word_on_a_client_counts_and_nobody_elses(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with serving(tmp_path, environ, Address("0.0.0.0", 0, proxy="127.0.0.8/30,2001:db8::1")) as api:
        async with api.as_user("ada", admin=True) as ada:
            for number, address in enumerate(("127.0.0.9", "127.0.0.1")):
                transport = httpx2.AsyncHTTPTransport(local_address=address)
                forged = {"X-Forwarded-For": f"198.51.100.{number}", "X-Midwatch": "1"}
                async with httpx2.AsyncClient(transport=transport, base_url=api.url, headers=forged) as client:
                    login = {"name": "ada", "password": PASSWORD}
                    assert (await client.post("/api/v1/session", json=login)).status_code == 200
            entries = (await ada.get("/audit")).json()["entries"]
            assert [entry["address"] for entry in entries[:2]] == ["127.0.0.1", "198.51.100.0"]


async def test_nobody_goes_round_a_proxy_in_the_clear() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["client"][0])
        await PlainTextResponse("here")(scope, receive, send)

    async def asked(address: str, path: str = "/api/v1/me", *, strict: bool = True) -> int:
        behind = Behind(app, Proxies.of("10.0.0.0/24,::1"), strict=strict)
        transport = httpx2.ASGITransport(behind, client=(address, 4000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://midwatch.test") as client:
            return (await client.get(path, headers={"X-Forwarded-For": "198.51.100.7"})).status_code

    assert [await asked(address) for address in ("10.0.0.3", "::ffff:10.0.0.4", "127.0.0.1")] == [200, 200, 200]
    assert seen == ["198.51.100.7", "198.51.100.7", "127.0.0.1"]
    assert await asked("::ffff:127.0.0.1") == 200  # a socket of both kinds says it so
    assert [await asked("203.0.113.5"), await asked("10.0.1.3"), await asked("203.0.113.5", "/readyz")] == [
        403,
        403,
        200,
    ]
    assert await asked("203.0.113.5", strict=False) == 200  # it does TLS itself, or was to be open
    assert seen[4:] == ["203.0.113.5"] * 2
