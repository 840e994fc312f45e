"""Commands that go on: started by the shell tool, looked at with the session tool; real ones, in a folder."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.events import ToolFinished
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import SessionEnded
from midwatch.domain.limits import Limits
from midwatch.engine.blobs import Blobs
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.session import SessionTool
from midwatch.tools.sessions import MOST
from midwatch.tools.shell import Shell
from tests.tools.folder_box import WatchedBox, bench

SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print("port", server.getsockname()[1], flush=True)
while True:
    with server.accept()[0] as peer:
        peer.sendall(b"hello from the server")
"""
ECHO = 'while read -r line; do echo "got $line"; done; echo bye'


class Desk:
    """Calls the tools, each time with the next number."""

    def __init__(self, table: Bench) -> None:
        self.table = table
        self.number = 0
        self.logs: list[bytes] = []
        self.done: list[ToolFinished] = []

    async def shell(self, command: str, **more: object) -> ToolResult:
        return await self._run(Shell(), {"command": command, **more})

    async def session(self, number: int, **more: object) -> ToolResult:
        return await self._run(SessionTool(), {"session": number, **more})

    async def until(self, number: int, text: str, **more: object) -> str:
        """Look until the session has written this; all that it wrote until then."""
        written = ""
        for _ in range(200):
            result = await self.session(number, wait_seconds=0.1, **more)
            more, written = {}, written + (self.logs[-1].decode() if result.digest else "")
            if text in written:
                return written
        raise AssertionError(f"the session never wrote {text!r}, only {written!r}")

    async def _run(self, tool: Shell | SessionTool, arguments: dict[str, object]) -> ToolResult:
        self.number += 1
        table = replace(self.table, command_number=self.number, commands=tuple(self.done))
        text = json.dumps(arguments)
        result = await tool.run(text, table)
        assert len(tool.summary(text)) <= 200
        if result.digest:
            self.logs.append(self.table.blobs.read(result.digest))
        if result.command:
            place = Checkpoint("a" * 40, "b" * 40)
            about = (tool.spec.name, result.ok, result.output, result.ended, 0, place, self.number, result.command)
            self.done.append(ToolFinished(str(self.number), *about))
        return result


@pytest.fixture
async def desk(box: WatchedBox, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(bench(box, tmp_path))
    yield made
    await made.table.sessions.end()


async def test_a_server_goes_on_while_other_commands_talk_to_it(desk: Desk) -> None:
    started = await desk.shell(f"python3 -I -c '{SERVER}'", background=True)
    assert (started.ok, started.ended, started.exit_code) == (True, "running", None)
    assert started.output.startswith("session 1 runs; ")
    said = started.output if "port" in started.output else await desk.until(1, "port")
    port = said.split("port ")[1].split()[0]
    ask = f'import socket; print(socket.create_connection(("127.0.0.1", {port})).recv(99).decode())'
    assert (await desk.shell(f"python3 -I -c '{ask}'")).output.endswith("\nhello from the server\n")
    ended = await desk.session(1, signal="kill", wait_seconds=30)
    assert ended.output.startswith("session 1 has ended: killed by signal 9 (SIGKILL)\n")
    assert ended.ok
    (event,) = ended.events
    assert isinstance(event, SessionEnded)
    assert (event.session, event.exit_code, event.number) == (1, None, 0)


async def test_input_reaches_it_and_each_look_shows_what_is_new(desk: Desk) -> None:
    await desk.shell(ECHO, background=True, wait_seconds=0)
    assert await desk.until(1, "got one\n", input="one\n") == "got one\n"
    assert await desk.until(1, "got three\n", input="two\nthree\n") == "got two\ngot three\n"
    looked = desk.done[-1]
    assert looked.command == f"session 1: {ECHO}"
    assert looked.number == desk.number
    nothing = await desk.session(1, wait_seconds=0)
    assert nothing.output == "session 1 runs\n(no new output)"
    assert (nothing.command, nothing.digest) == ("", "")


async def test_all_that_it_wrote_is_in_the_logs_once_and_in_order(desk: Desk) -> None:
    result = await desk.shell("for n in $(seq 2000); do echo $n; done; sleep 0.2; seq 2001 4000", background=True)
    for _ in range(200):
        if result.ended != "running":
            break
        result = await desk.session(1, wait_seconds=0.05)
    assert result.exit_code == 0
    assert b"".join(desk.logs).split() == [str(n).encode() for n in range(1, 4001)]


async def test_what_ends_in_the_first_moment_is_a_command_like_others(desk: Desk) -> None:
    result = await desk.shell("echo out; exit 3", background=True, wait_seconds=30)
    assert result.output.startswith("exit 3 · ")
    assert result.output.endswith(" s\nout\n")
    assert (result.ok, result.exit_code, result.events) == (False, 3, ())
    assert (await desk.session(1)).output == "There is no session 1. No session runs."
    assert (await desk.shell("true", background=True, wait_seconds=30)).output.endswith("\n(no output)")


async def test_an_interrupt_is_ctrl_c(desk: Desk) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    for number, act in ((1, {"signal": "interrupt"}), (0, {"input": "\x03"})):
        await desk.shell(script, background=True, wait_seconds=0)
        number = desk.number
        await desk.until(number, "ready\n")
        ended = await desk.session(number, wait_seconds=30, **act)
        assert ended.output == f"session {number} has ended: exit 5\ncaught\n"


async def test_a_terminal_is_given_where_it_is_asked_for(desk: Desk) -> None:
    await desk.shell(
        "tty >/dev/null && echo is a tty; read -r line; echo got $line; sleep 60", tty=True, wait_seconds=0
    )
    assert "is a tty\r\n" in await desk.until(1, "is a tty")
    assert "got typed" in await desk.until(1, "got typed", input="typed\n")
    ended = await desk.session(1, input="\x03", wait_seconds=30)
    assert ended.output.startswith("session 1 has ended: ")


async def test_one_that_was_ended_says_that_it_is_gone(desk: Desk) -> None:
    await desk.shell("sleep 600", background=True, wait_seconds=0)
    ((running, look),) = await desk.table.sessions.end()
    assert (running.number, look.log) == (1, None)
    assert look.ended is not None
    assert look.ended.ended == "ended with the turn"
    result = await desk.session(1)
    assert not result.ok
    assert result.output.startswith("Session 1 (sleep 600) is gone: ")
    assert await desk.table.sessions.end() == []


async def test_ending_keeps_what_was_written_last_and_how_it_had_ended(desk: Desk) -> None:
    await desk.shell("echo begun; read -r line; echo $line; exit 4", background=True, wait_seconds=0)
    await desk.until(1, "begun")
    running = desk.table.sessions.get(1)
    assert running is not None
    await running.session.write(b"last\n")
    assert await running.session.poll(30) is not None
    assert await desk.table.sessions.news() == [
        "session 1 (echo begun; read -r line; echo $line; exit 4) has ended: exit 4"
    ]
    assert await desk.table.sessions.news() == []
    ((_, look),) = await desk.table.sessions.end()
    assert look.log is not None
    assert look.ended is not None
    assert (desk.table.blobs.read(look.log.digest), look.ended.exit_code) == (b"last\n", 4)


async def test_there_are_not_more_than_sixteen(desk: Desk) -> None:
    for _ in range(MOST):
        assert (await desk.shell("sleep 600", background=True, wait_seconds=0)).ok
    refused = await desk.shell("touch made", background=True)
    assert refused.output.startswith("there are 16 sessions already: 1 (sleep 600), 2 (sleep 600)")
    assert not (Path(desk.table.box.workdir) / "made").exists()
    await desk.session(3, signal="kill", wait_seconds=30)
    assert (await desk.shell("sleep 600", background=True, wait_seconds=0)).ok


async def test_the_output_limit_ends_it_and_a_look_is_cut_to_size(box: WatchedBox, tmp_path: Path) -> None:
    desk = Desk(bench(box, tmp_path, Limits(output_bytes=200_000)))
    result = await desk.shell("yes", background=True, wait_seconds=30)
    assert result.output.startswith("ended by the output limit of 200000 bytes")
    assert len(result.output.encode()) < 41_000
    assert result.bytes == 200_000


async def test_waiting_ends_with_the_attempts_time(box: WatchedBox, tmp_path: Path) -> None:
    desk = Desk(bench(box, tmp_path, seconds_left=0.2))
    assert (await desk.shell("sleep 600", background=True, wait_seconds=600)).ended == "running"
    assert (await desk.session(1, wait_seconds=600)).ended == "running"
    await desk.table.sessions.end()


async def test_input_that_nobody_reads_is_not_waited_for(desk: Desk) -> None:
    await desk.shell("sleep 600", background=True, wait_seconds=0)
    result = await desk.session(1, input="x" * (1 << 20), wait_seconds=0)
    assert "it does not read its input" in result.output


async def test_nothing_is_left_of_logs_that_were_not_taken(desk: Desk, tmp_path: Path) -> None:
    await desk.shell("while :; do echo more; sleep 0.01; done", background=True, wait_seconds=0)
    await desk.until(1, "more")
    await desk.table.sessions.end()
    assert isinstance(desk.table.blobs, Blobs)
    assert list((tmp_path / "blobs").glob("incoming-*")) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("{", "not valid JSON"),
        ("{}", '"session" must be the number'),
        ('{"session": true}', '"session" must be the number'),
        ('{"session": "a"}', '"session" must be the number'),
        ('{"session": 1, "signal": "stop"}', '"signal" must be one of interrupt, kill'),
        ('{"session": 1, "input": 3}', '"input" must be a string'),
        ('{"session": 1, "wait_seconds": -1}', '"wait_seconds" must not be below 0'),
        ('{"session": 1, "wait_seconds": "soon"}', '"wait_seconds" must be a number'),
        ('{"session": 1, "wait_seconds": NaN}', '"wait_seconds" must be a number'),
    ],
)
async def test_bad_arguments_are_answered_with_the_form(arguments: str, what: str, table: Bench) -> None:
    result = await SessionTool().run(arguments, table)
    assert what in result.output
    assert '{"session": 7' in result.output
    assert not result.ok
    assert SessionTool().summary(arguments).startswith("session")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"background": "yes"}, '"background" must be true or false'),
        ({"tty": 1}, '"tty" must be true or false'),
        ({"background": True, "wait_seconds": -1}, '"wait_seconds" must not be below 0'),
        ({"max_output_tokens": 0}, '"max_output_tokens" must be a whole number above 0'),
        ({"max_output_tokens": 1.5}, '"max_output_tokens" must be a whole number above 0'),
    ],
)
async def test_the_shell_refuses_what_it_cannot_mean(more: dict[str, object], what: str, table: Bench) -> None:
    result = await Shell().run(json.dumps({"command": "touch made", **more}), table)
    assert what in result.output
    assert not (Path(table.box.workdir) / "made").exists()
