"""What the sessions of every sandbox must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from tests.sandbox.boxes import Bench, alive, opened, token, until


@pytest.fixture(params=[Bubblewrap, Process])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made: Sandbox = request.param()
    return made


@pytest.fixture
async def bench(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(sandbox, tmp_path) as bench:
        yield bench


class Screen:
    """What a session has printed."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()

    async def shows(self, text: str) -> None:
        await until(lambda: text in self.text, f"the session prints {text!r}")


async def test_a_server_serves_while_other_commands_talk_to_it(bench: Bench) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    with server.accept()[0] as peer:
        peer.sendall(b"hello from the server")
"""
    screen = Screen()
    session = await bench.box.start(["python3", "-I", "-c", code], output_bytes=1000, sink=screen.pieces.append)
    await screen.shows("\n")
    ask = "import socket, sys; print(socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(100).decode())"
    assert await bench.python(ask, screen.text.strip()) == "hello from the server\n"
    assert await session.poll() is None
    await session.kill()
    ended = await session.poll(30)
    assert ended is not None
    assert ended.ended == "killed by signal 9 (SIGKILL)"
    assert await session.poll() == ended


async def test_input_is_given_piece_by_piece(bench: Bench) -> None:
    screen = Screen()
    session = await bench.box.start(
        ["sh", "-c", 'while read -r line; do echo "got $line"; done'], output_bytes=1 << 20, sink=screen.pieces.append
    )
    await session.write(b"one\n")
    await screen.shows("got one\n")
    await session.write(b"two\nthree\n")
    await screen.shows("got three\n")
    await session.kill(15)
    ended = await session.poll(30)
    assert ended is not None
    assert ended.ended == "killed by signal 15 (SIGTERM)"
    await session.write(b"dropped\n")
    await session.kill()


async def test_more_input_than_a_pipe_holds_waits_for_the_reader(bench: Bench) -> None:
    screen = Screen()
    session = await bench.box.start(["head", "-c", "3000000"], output_bytes=1 << 24, sink=screen.pieces.append)
    await session.write(b"x" * 3_000_000)
    ended = await session.poll(60)
    assert ended is not None
    assert (ended.ended, ended.bytes) == ("exit 0", 3_000_000)


async def test_input_for_what_never_reads_ends_with_it(bench: Bench) -> None:
    session = await bench.box.start(["sleep", "1"], output_bytes=100)
    await session.write(b"x" * 3_000_000)
    ended = await session.poll(60)
    assert ended is not None
    assert ended.ended == "exit 0"


async def test_a_terminal_is_one(bench: Bench) -> None:
    screen = Screen()
    session = await bench.box.start(
        ["sh", "-c", 'tty >/dev/null && stty size; echo ready; read -r line; echo "got $line"; sleep 60'],
        output_bytes=1 << 20,
        pty=True,
        sink=screen.pieces.append,
    )
    await screen.shows("24 80\r\n")
    await screen.shows("ready\r\n")
    await session.write(b"typed\n")
    await screen.shows("got typed\r\n")
    await session.write(b"\x03")  # Ctrl-C
    ended = await session.poll(30)
    assert ended is not None
    assert ended.ended in ("killed by signal 2 (SIGINT)", "exit 130")


async def test_all_that_a_program_on_a_terminal_printed_last_arrives(bench: Bench) -> None:
    screen = Screen()
    session = await bench.box.start(
        ["sh", "-c", "seq 20000; echo last"], output_bytes=1 << 20, pty=True, sink=screen.pieces.append
    )
    ended = await session.poll(60)
    assert ended is not None
    assert ended.ended == "exit 0"
    assert screen.text.endswith("19999\r\n20000\r\nlast\r\n")
    assert screen.text.count("\n") == 20001


async def test_what_goes_on_printing_on_a_terminal_ends_with_its_session(bench: Bench) -> None:
    mark = token()
    script = f"setsid sh -c 'while :; do echo {mark}; done' & sleep 0.3; exit 4"
    session = await bench.box.start(["sh", "-c", script], output_bytes=1 << 26, pty=True)
    ended = await session.poll(60)
    assert ended is not None
    assert ended.exit_code == 4
    assert alive(mark) == []


async def test_a_shell_on_a_terminal_keeps_its_state(bench: Bench) -> None:
    screen = Screen()
    session = await bench.box.start(["sh", "-i"], output_bytes=1 << 20, pty=True, sink=screen.pieces.append)
    await session.write(b"cd /usr; name=value\n")
    await session.write(b"echo $PWD-$name-$((6 * 7))\n")
    await screen.shows("/usr-value-42")
    await session.write(b"\x04")
    ended = await session.poll(30)
    assert ended is not None
    assert ended.ended == "exit 0"


async def test_the_output_limit_ends_a_session(bench: Bench) -> None:
    for pty in (False, True):
        session = await bench.box.start(["yes"], output_bytes=1 << 20, pty=pty)
        ended = await session.poll(60)
        assert ended is not None
        assert (ended.ended, ended.bytes) == ("output limit of 1 MiB", 1 << 20)


async def test_killing_reaches_all_that_a_session_started(bench: Bench) -> None:
    mark = token()
    session = await bench.box.start(["sh", "-c", f"setsid sleep {mark} & sleep {mark}"], output_bytes=100)
    await until(lambda: len(alive(f"sleep\0{mark}")) == 2, "the session started")
    await session.kill()
    assert await session.poll(30) is not None
    assert alive(mark) == []


async def test_the_end_of_a_command_leaves_sessions_alone(bench: Bench) -> None:
    mark = token()
    session = await bench.box.start(["sh", "-c", f"setsid sleep {mark} & sleep {mark}"], output_bytes=100)
    await until(lambda: len(alive(f"sleep\0{mark}")) == 2, "the session started")
    result, _ = await bench.run("sh", "-c", "setsid sleep 60 & exit 0")
    assert result.exit_code == 0
    result, _ = await bench.run("sleep", "60", timeout=0.3)
    assert result.ended == "time limit of 0.3 s"
    assert len(alive(f"sleep\0{mark}")) == 2
    assert await session.poll() is None


async def test_sessions_end_when_the_box_is_parked_and_files_stay(bench: Bench) -> None:
    mark = token()
    session = await bench.box.start(["sh", "-c", f"echo kept >file; sleep {mark}"], output_bytes=100)
    await until(lambda: alive(f"sleep\0{mark}"), "the session started")
    await bench.box.park()
    await bench.box.park()
    ended = await session.poll(30)
    assert ended is not None
    assert (ended.exit_code, ended.ended) == (None, "parked")
    assert alive(mark) == []
    assert (await bench.run("cat", "file"))[1] == "kept\n"
    await bench.box.park()
    assert await bench.box.read(b"file") == b"kept\n"
    await bench.box.unpark()
    await bench.box.unpark()


async def test_a_session_of_nothing_is_ended_at_once(bench: Bench) -> None:
    session = await bench.box.start(["no-such-program-anywhere"], output_bytes=1000)
    ended = await session.poll(30)
    assert ended is not None
    assert ended.exit_code == 127
    session = await bench.box.start([], output_bytes=1000)
    ended = await session.poll(30)
    assert ended is not None
    assert ended.exit_code == 127


async def test_a_closed_box_starts_nothing(bench: Bench) -> None:
    session = await bench.box.start(["sleep", "60"], output_bytes=1000)
    await bench.box.close()
    ended = await session.poll(30)
    assert ended is not None
    assert ended.ended == "closed"
    with pytest.raises(SandboxLost, match="closed"):
        await bench.box.start(["true"], output_bytes=100)
    with pytest.raises(SandboxLost, match="closed"):
        await bench.box.unpark()


async def test_opening_again_at_any_moment_is_one_box(bench: Bench) -> None:
    for _ in range(3):
        await bench.box.park()
        results = await asyncio.gather(*(bench.run("echo", "one") for _ in range(4)))
        assert [said for _, said in results] == ["one\n"] * 4
