"""The program itself in a pseudo-terminal: started, killed, and gone on with."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.cli.tui.driving import MODEL, PATIENCE, at_terminal
from tests.support.model_server import ModelServer, calls, says


class Window:
    """A terminal of 80x24 with the program in it."""

    def __init__(self, program: Program, arguments: tuple[str, ...], path: str = "") -> None:
        self.handle, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = program.env({"TERM": "xterm-256color", "LANG": "C.UTF-8"} | ({"PYTHONPATH": path} if path else {}))
        self.process = subprocess.Popen(
            program.argv(*arguments), cwd=program.repo, env=env, stdin=inner, stdout=inner, stderr=inner,
            start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        self.seen = b""

    def until(self, text: str) -> None:
        """Read until the program has written it."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.seen:
            assert time.monotonic() < end, f"{text!r} did not come: {self.seen[-3000:]!r}"
            if select.select([self.handle], [], [], 0.5)[0]:
                try:
                    self.seen += os.read(self.handle, 65536)
                except OSError:
                    assert text.encode() in self.seen, self.seen[-3000:]

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.handle, keys)


@contextmanager
def window(program: Program, *arguments: str, path: str = "") -> Iterator[Window]:
    shown = Window(program, arguments, path)
    try:
        yield shown
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shown.process.pid, signal.SIGKILL)
        shown.process.wait()
        os.close(shown.handle)


async def test_a_killed_program_loses_nothing_and_enter_goes_on_with_the_turn(
    program: Program, server: ModelServer
) -> None:
    program.environ["MIDWATCH_MODEL"] = MODEL
    slow = calls("shell", command="echo one >> count.txt; echo bus''y; sleep 3")
    program.base_url = server.script(calls("shell", command="echo kept > kept.txt"), slow, says("Counted."))
    with window(program) as shown:
        shown.until("Say what you want done")
        shown.type(b"count\r")
        shown.until("busy")
        shown.process.kill()
        shown.process.wait()
    assert (program.repo / "kept.txt").read_text() == "kept\n"
    listed = program.json("list")
    async with at_terminal(program, resume=listed[0]["id"]) as person:
        await person.sees("$ echo kept > kept.txt", "the last turn was cut off")
        await person.pilot.press("enter")
        await person.rests()
        await person.sees("Counted.")
    assert (program.repo / "count.txt").read_text() == "one\n"


async def test_sigterm_leaves_the_terminal_whole_and_says_the_way_back(program: Program, server: ModelServer) -> None:
    program.environ["MIDWATCH_MODEL"] = MODEL
    program.base_url = server.script(calls("shell", command="echo bus''y; sleep 60"), says("x"))
    with window(program, "chat", "say this first") as shown:
        shown.until("busy")
        shown.process.send_signal(signal.SIGTERM)
        shown.until("\x1b[?1049l")
        shown.until("midwatch chat --resume ")
        assert shown.process.wait() == 0


def test_alt_enter_of_an_old_terminal_is_a_new_line(program: Program, server: ModelServer) -> None:
    program.environ["MIDWATCH_MODEL"] = MODEL
    program.base_url = server.script(says("Read."))
    with window(program) as shown:
        shown.until("Say what you want done")
        shown.type(b"up\x1b\rdown\r")
        shown.until("Read.")
    assert b"up\\ndown" in server.requests_to(program.base_url)[-1].raw


def test_without_a_terminal_the_overview_is_printed_and_chat_says_what_to_do(program: Program) -> None:
    alone = program()
    assert alone.returncode == 2
    assert b"usage: midwatch COMMAND" in alone.stdout
    chat = program("chat")
    assert chat.returncode == 2
    assert b"needs a terminal" in chat.stderr


def test_without_textual_the_overview_says_how_to_get_the_interface(program: Program, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'textual' else find(name, package)\n"
    )
    path = os.pathsep.join([str(hidden), program.env()["PYTHONPATH"]])
    with window(program, path=path) as shown:
        shown.until("pip install 'midwatch[tui]'")
        shown.until("usage: midwatch COMMAND")
    with window(program, "chat", path=path) as shown:
        shown.until("the interface is not installed")


@pytest.mark.parametrize("given", [["chat", "--mode", "wild"], ["chat", "--folder", "/nowhere/at/all"]])
def test_what_cannot_be_is_said_before_the_screen_opens(program: Program, given: list[str]) -> None:
    with window(program, *given) as shown:
        shown.until("midwatch:")
        assert shown.process.wait() == 2
