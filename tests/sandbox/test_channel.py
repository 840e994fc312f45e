"""What comes out of a box is read as hostile: whatever it says, we get an error in words, and no descriptor."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import channel as channels
from midwatch.sandbox.boxd import wire
from midwatch.sandbox.channel import Channel, Request
from midwatch.sandbox.spec import BoxLimits

READY = wire.pack(b"ready")
REQUEST = Request(["true"], "/", [])


class Peer:
    """A box's end, in our hands, and the host's."""

    def __init__(self) -> None:
        ours, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = Channel(ours)

    async def greet(self) -> None:
        """Have the channel shake hands."""
        self.end.send(READY)
        await self.channel.begin("/", BoxLimits(), listen=False)

    async def run(self, answer: bytes) -> channels.Report:
        """How a command ended that is answered by this; `NAME` in it is the request's name."""
        with open(os.devnull, "rb") as nothing:
            name, answered = self.channel.run(REQUEST, nothing.fileno(), nothing.fileno())
        self.end.send(answer.replace(b"\0\0\0\4NAME", len(name).to_bytes(4, "big") + name))
        return channels.report(await asyncio.wait_for(answered, 30))


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    handles = len(os.listdir("/proc/self/fd"))
    peer = Peer()
    yield peer
    peer.channel.close()
    peer.channel.close()
    peer.end.close()
    assert len(os.listdir("/proc/self/fd")) == handles


@pytest.mark.parametrize(
    "answer", [b"", b"x", wire.pack(b"begin"), wire.pack(b"ready", b"more"), b"\xff" * 1000, b"\0\0\0\1"]
)
async def test_a_wrong_greeting_is_refused(peer: Peer, answer: bytes) -> None:
    if answer:
        peer.end.send(answer)
    else:
        peer.end.close()
    with pytest.raises(SandboxLost, match=r"out of turn|before it was ready"):
        await peer.channel.begin("/", BoxLimits(), listen=False)


async def test_descriptors_that_nobody_asked_for_are_dropped(peer: Peer) -> None:
    with open(os.devnull, "rb") as nothing:
        socket.send_fds(peer.end, [READY], [nothing.fileno()] * 20)
        assert await peer.channel.begin("/", BoxLimits(), listen=False) is None
        socket.send_fds(peer.end, [wire.pack(b"ended", b"77", b"0")], [nothing.fileno()] * 20)
    assert (await peer.run(wire.pack(b"ended", b"NAME", b"0"))).code == 0


@pytest.mark.parametrize("kind", ["file", "unix", "connected", "none"])
async def test_only_a_listening_socket_on_loopback_is_taken_for_one(peer: Peer, kind: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        open(os.devnull, "rb") as file,
        socket.socket(socket.AF_UNIX) as unix,
        socket.create_connection(server.getsockname()) as connected,
    ):
        given = {"file": [file.fileno()], "unix": [unix.fileno()], "connected": [connected.fileno()], "none": []}
        socket.send_fds(peer.end, [READY], given[kind])
        with pytest.raises(SandboxLost, match="out of turn"):
            await peer.channel.begin("/", BoxLimits(), listen=True)


async def test_a_listening_socket_is_taken_and_what_comes_with_it_dropped(peer: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.send_fds(peer.end, [READY], [server.fileno()] * 5)
        listener = await peer.channel.begin("/", BoxLimits(), listen=True)
        assert listener is not None
        with listener:
            assert listener.getsockname() == server.getsockname()


@pytest.mark.parametrize(
    "answer",
    [
        wire.pack(b"ended", b"NAME"),
        wire.pack(b"ended", b"NAME", b""),
        wire.pack(b"ended", b"NAME", b"x"),
        wire.pack(b"ended", b"NAME", b"256"),
        wire.pack(b"ended", b"NAME", b"-1000"),
        wire.pack(b"refused", b"NAME"),
        wire.pack(b"done", b"NAME"),
        wire.pack(b"", b"NAME"),
        b"garbage",
        b"\xff\xff\xff\xff",
        wire.pack(b"alone"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_our_failure(peer: Peer, answer: bytes) -> None:
    await peer.greet()
    with pytest.raises(SandboxLost, match="cannot be read"):
        await peer.run(answer)


async def test_answers_to_nothing_are_dropped(peer: Peer) -> None:
    await peer.greet()
    for number in range(100):
        peer.end.send(wire.pack(b"ended", str(10_000 + number).encode(), b"0"))
    report = await peer.run(wire.pack(b"ended", b"NAME", b"-9", *[b"left \xff" + b"x" * 1000] * 50))
    assert report.code == -9
    assert len(report.left) == 20
    assert all(len(line) <= 200 for line in report.left)


async def test_a_box_that_does_not_listen_is_given_up(peer: Peer) -> None:
    await peer.greet()
    asked = [peer.channel.ask(b"remove", [b"x" * 10_000], None) for _ in range(2000)]
    with pytest.raises(SandboxLost, match="does not listen"):
        await asyncio.wait_for(asked[0], 30)
    assert all(future.done() for future in asked)


async def test_the_end_of_the_box_fails_all_that_waits(peer: Peer) -> None:
    await peer.greet()
    asked = peer.channel.ask(b"remove", [b"x"], None)
    peer.end.close()
    with pytest.raises(SandboxLost, match="ended"):
        await asyncio.wait_for(asked, 30)
    with pytest.raises(SandboxLost, match="ended"):
        await peer.channel.ask(b"remove", [b"x"], None)
