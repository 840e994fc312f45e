"""The keeper of one command: a fork of the server that starts it, waits for it, and ends what it left.

A keeper is the subreaper of its command, so whatever the command starts stays below it, daemons too.
"""

from __future__ import annotations

import _socket
import os
import select
import time

from . import system, tree, wire
from .command import Command, Limits
from .system import SIGKILL, ChildWatch
from .terminal import Terminal

_LISTED = 20
_STUCK_SECONDS = 10.0
_FORKED_ON_SECONDS = 2.0
_TICK_MS = 2


class Keeper:
    """Lives in its own process. `line` leads to the server: signals to send come in, the report goes out."""

    def __init__(self, line: _socket.socket, limits: Limits, alone: bool) -> None:
        """`alone`: the box is a process namespace of its own, so all processes that can be seen are the box's."""
        self._line = line
        self._limits = limits
        self._alone = alone
        self._watch = ChildWatch()
        self._main = 0
        self._ended: int | None = None

    def keep(self, command: Command, stdin: int, stdout: int) -> None:
        """From the start of a command to the end of all that it started. Does not return."""
        try:
            system.subreaper()
            terminal = self._start(command, stdin, stdout)
            self._attend(terminal)
            left = self._left()
            stuck = not self._end_all()
            self._tell(b"stuck" if stuck else b"ended", self._ended or 0, left)
        except OSError as error:
            self._line.send(wire.pack(b"refused", (error.strerror or "").encode()))
        finally:
            os._exit(0)

    def _start(self, command: Command, stdin: int, stdout: int) -> Terminal | None:
        terminal = Terminal(stdin, stdout) if command.pty else None
        self._main = os.fork()
        if self._main == 0:
            try:
                os.setsid()
                if terminal is not None:
                    terminal.take()
                else:
                    os.dup2(stdin, 0)
                    os.dup2(stdout, 1)
                    os.dup2(stdout, 2)
                command.become(self._limits)
            finally:
                os._exit(126)
        if terminal is not None:
            terminal.started()
        else:
            os.close(stdin)
            os.close(stdout)
        return terminal

    def _attend(self, terminal: Terminal | None) -> None:
        """Until the command itself has ended, or the server has."""
        while self._ended is None:
            poller = select.poll()
            poller.register(self._watch.handle, select.POLLIN)
            poller.register(self._line.fileno(), select.POLLIN)
            copied = terminal.wanted() if terminal is not None else {}
            for handle, events in copied.items():
                poller.register(handle, events)
            for handle, event in poller.poll():
                if handle == self._line.fileno():
                    self._obey()
                elif handle == self._watch.handle:
                    self._watch.clear()
                    self._reap()
                elif terminal is not None:
                    terminal.handle(handle, event)
        if terminal is not None:
            terminal.drain()

    def _obey(self) -> None:
        order = self._line.recv(16)
        if not order:  # the server is gone, and the box with it
            self._end_all()
            os._exit(0)
        number = int(order)
        if number == SIGKILL:
            self._kill_all()
        elif self._ended is None:
            try:
                os.killpg(self._main, number)
            except (ProcessLookupError, PermissionError):
                pass

    def _reap(self) -> bool:
        """Take note of what has ended. False when no child is left at all."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._main:
                self._ended = os.waitstatus_to_exitcode(status)

    def _kill_all(self) -> None:
        tree.kill(tree.descendants(os.getpid())[1:])

    def _left(self) -> list[bytes]:
        """The command lines of what still runs."""
        found: list[bytes] = []
        for pid in tree.descendants(os.getpid())[1:]:
            line = tree.command_line(pid)
            if line and len(found) < _LISTED:
                found.append(line)
        return found

    def _end_all(self) -> bool:
        """Kill until nothing is left below. False when something does not die."""
        began = time.monotonic()
        poller = select.poll()
        poller.register(self._watch.handle, select.POLLIN)
        while True:
            self._watch.clear()
            if not self._reap():
                return True
            self._kill_all()
            spent = time.monotonic() - began
            if spent > _FORKED_ON_SECONDS and self._alone:
                # It forks faster than it can be found. The kernel finds all; what else runs in the box ends too.
                _kill_everything()
            if spent > _STUCK_SECONDS:
                return False
            poller.poll(_TICK_MS)

    def _tell(self, kind: bytes, code: int, left: list[bytes]) -> None:
        self._line.send(wire.pack(kind, str(code).encode(), *left))


def _kill_everything() -> None:
    try:
        os.kill(-1, SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
