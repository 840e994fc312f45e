"""`midwatch env shell`: look around in a box as an attempt has it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.environments import Telling, allowed, box_arguments, subject, which_arguments
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.sandbox.base import Box, Session
from midwatch.workflows.environment import EnvironmentParts, Wanted
from midwatch.workflows.shell import looking_around, resize, start_shell

USAGE = "midwatch env shell [--repo PATH-OR-URL] [--base REF] [--trust-recipe] [--sandbox NAME]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which environment."""
    which_arguments(parser)
    box_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Open the box and hand the terminal over until the shell ends; its exit code."""
    if screen.json or not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "`midwatch env shell` needs a terminal", "run it in one; `midwatch env build` needs none and shows its log"
        )
    telling = Telling(screen)
    async with wiring.home(screen.environ) as home:
        about = await subject(home, options, options.sandbox)
        parts = await allowed(about, options, telling)
        try:
            return await following.stoppable(_visit(about.wanted, parts, screen))
        except following.Interrupted:
            return following.STOPPED


async def _visit(wanted: Wanted, parts: EnvironmentParts, screen: Screen) -> int:
    async with looking_around(wanted, parts) as (box, notes):
        look = screen.look()
        screen.say([f"{look.warn('note:')} {words.line(note)}" for note in notes])
        screen.say(look.dim("a box of its own: `exit` ends it, and nothing that is done here is kept"))
        code = await _shell(box)
    screen.say(look.dim("the box is closed"))
    return code


async def _shell(box: Box) -> int:
    rows, columns = _size()
    session = await start_shell(box, rows, columns, _show)
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    resized = asyncio.Event()
    with _raw():
        loop.add_reader(0, lambda: typed.put_nowait(_read()))
        loop.add_signal_handler(signal.SIGWINCH, resized.set)
        helpers = [asyncio.create_task(_type(session, typed)), asyncio.create_task(_follow_size(box, resized))]
        try:
            while (result := await session.poll(3600)) is None:
                pass
        finally:
            loop.remove_reader(0)
            loop.remove_signal_handler(signal.SIGWINCH)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
    return 1 if result.exit_code is None else result.exit_code


async def _type(session: Session, typed: asyncio.Queue[bytes]) -> None:
    while True:
        data = await typed.get()
        if not data:  # the terminal has gone
            await session.kill(signal.SIGHUP)
            return
        await session.write(data)


async def _follow_size(box: Box, resized: asyncio.Event) -> None:
    while True:
        await resized.wait()
        resized.clear()
        await resize(box, *_size())


def _show(chunk: bytes) -> None:
    # as it is: this is the person's own shell, and a terminal is what its programs want
    with suppress(OSError):
        while chunk:
            chunk = chunk[os.write(1, chunk) :]


def _read() -> bytes:
    try:
        return os.read(0, 65536)
    except OSError:
        return b""


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(0)
    except OSError:
        return 24, 80
    return size.lines or 24, size.columns or 80


@contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the box, Ctrl-C too."""
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what was typed meanwhile is kept
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
