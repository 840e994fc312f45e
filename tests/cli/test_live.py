"""The live view on a real (pseudo) terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping

import pytest

from midwatch.cli import words
from tests.cli.conftest import Program, mending
from tests.support.model_server import ModelServer

COLOUR = re.compile(rb"\x1b\[(?:[0-9]+;)*[34][0-7]m")


def on_terminal(
    program: Program, *arguments: str, size: tuple[int, int] = (24, 80), env: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Exit code and everything that was sent to the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    environ = program.env({"TERM": "xterm-256color", **(env or {})})
    process = subprocess.Popen(
        program.argv(*arguments), cwd=program.repo, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    sent = bytearray()
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        sent += piece
        if b"sleeping" in piece and len(sent) < 1 << 20:
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 30, 0, 0))
            os.kill(process.pid, signal.SIGWINCH)
    os.close(ours)
    return process.wait(60), bytes(sent)


def test_a_run_on_a_terminal_is_drawn_live_and_leaves_the_terminal_as_it_was(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(*mending())
    code, sent = on_terminal(program, "run", "Mend the sum", *program.run_options)
    assert code == 0
    assert sent.count(b"\x1b[?25l") == sent.count(b"\x1b[?25h") == 1
    assert COLOUR.search(sent)
    text = words.clean(sent.decode())
    assert "[1] $ cat calc.py" in text
    assert text.rstrip().endswith("✓ pull request #1 is ready: every check passes on the final tree")


@pytest.mark.parametrize("size", [(3, 12), (10, 30), (50, 200)])
def test_any_size_of_window_and_a_change_of_it_is_survived(
    size: tuple[int, int], program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(*mending("echo sleeping; sleep 0.5; printf '%0300d\\n' 7"))
    code, sent = on_terminal(program, "run", "Mend the sum", *program.run_options, size=size)
    assert code == 0
    assert b"Traceback" not in sent


def test_no_color_takes_the_colours_away_and_nothing_else(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    code, sent = on_terminal(program, "run", "Mend the sum", *program.run_options, env={"NO_COLOR": "1"})
    assert code == 0
    assert not COLOUR.search(sent)
    assert b"\x1b[?25h" in sent


def test_a_dumb_terminal_gets_plain_lines(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending())
    code, sent = on_terminal(program, "run", "Mend the sum", *program.run_options, env={"TERM": "dumb"})
    assert code == 0
    assert b"\x1b" not in sent
    assert b"s \xe2\x9c\x93 [1] $ cat calc.py" in sent


def test_a_diff_on_a_terminal_is_coloured_and_harmless(program: Program, server: ModelServer) -> None:
    steps = mending("printf 'a\\033]0;evil\\007\\033[2Jb\\n' > evil.txt")
    program.base_url = server.script(*steps)
    assert program.run().returncode == 0
    task_id = program.json("list")[0]["id"]
    code, sent = on_terminal(program, "diff", task_id)
    assert code == 0
    assert b"\x1b[32m+ab\x1b[0m" in sent
    assert b"evil\x07" not in sent
    assert b"\x1b[2J" not in sent
    assert b"\x1b]0;evil\x07" in program("diff", task_id).stdout
