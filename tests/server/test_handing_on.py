"""A server takes over a socket from another one, and whoever asks meanwhile is answered."""

from __future__ import annotations

import asyncio
import os
import socket
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from midwatch.cli.commands import serve as command
from midwatch.cli.program import parser_of
from midwatch.domain.errors import InputError
from midwatch.server.serving import Address, Server, handed, listener


@pytest.fixture
def kept() -> Iterator[socket.socket]:
    """A socket that listens, and that whoever starts servers keeps open."""
    with listener(Address(port=0)) as heard:
        yield heard


def server(name: str) -> Server:
    """One that says its name; nobody follows anything at it."""
    app = FastAPI()

    async def close() -> None:
        pass

    app.state.service = SimpleNamespace(streams=SimpleNamespace(close=close))

    @app.get("/")
    async def named() -> str:
        return name

    return Server(app, Address(port=0), lambda: None)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, str]:
    """One request on that connection; the head of the answer, in lower case, and its body."""
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return head, (await reader.readexactly(length)).decode()


async def test_whoever_asks_while_a_server_takes_over_is_answered_by_one_of_the_two(kept: socket.socket) -> None:
    place = kept.getsockname()
    first, second = server("first"), server("second")
    serving_first = asyncio.create_task(first.serve([handed(os.dup(kept.fileno()))]))
    while not first.started:
        await asyncio.sleep(0.01)
    open_one = await asyncio.open_connection(*place)
    head, body = await asked(*open_one)
    assert (body, "connection: close" in head) == ('"first"', False)

    first.should_exit = True
    while first.servers[0].is_serving():
        await asyncio.sleep(0.01)
    between = await asyncio.open_connection(*place)  # nobody takes it yet
    waiting = asyncio.create_task(asked(*between))
    head, body = await asked(*open_one)  # on the connection that the first one has
    assert (body, "connection: close" in head) == ('"first"', True)
    assert await open_one[0].read() == b""
    await serving_first

    serving_second = asyncio.create_task(second.serve([handed(os.dup(kept.fileno()))]))
    assert (await waiting)[1] == '"second"'
    second.should_exit = True
    await serving_second
    for _, writer in (open_one, between):
        writer.close()


def test_a_socket_that_is_handed_on_is_not_for_programs_that_are_started(kept: socket.socket) -> None:
    number = os.dup(kept.fileno())
    os.set_inheritable(number, True)
    with handed(number):
        assert not os.get_inheritable(number)


def test_what_is_no_socket_that_listens_is_refused_and_left_open(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, socket.socket() as silent:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for number in (file.fileno(), silent.fileno(), datagrams.fileno()):
                with pytest.raises(InputError, match="socket"):
                    handed(number)
                os.fstat(number)
    with pytest.raises(InputError, match="is no socket of this process"):
        handed(2**20)


def _options(*given: str) -> Namespace:
    return parser_of("serve").read(list(given))


def test_a_socket_says_by_itself_whether_others_could_read_along(kept: socket.socket) -> None:
    found = command._address(_options("--fd", str(kept.fileno())))
    assert (found.host, found.port) == kept.getsockname()
    with socket.create_server(("0.0.0.0", 0)) as wide:
        number = str(wide.fileno())
        with pytest.raises(InputError, match="in the clear"):
            command._address(_options("--fd", number))
        assert command._address(_options("--fd", number, "--behind-proxy")).host == "0.0.0.0"
    with pytest.raises(InputError, match="its address already"):
        command._address(_options("--fd", str(kept.fileno()), "--port", "1"))
    assert command._address(_options()) == Address()
