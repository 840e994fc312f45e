"""The keeper of one command: a fork of the server that starts it, waits for it, and ends what it left.

A keeper is the subreaper of its command, so whatever the command starts stays below it, daemons too.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import time

from . import system, tree, wire
from .command import Action, Command, Limits, explained
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
            try:
                terminal = Terminal(stdin, stdout) if command.pty else None
            except OSError as error:
                self._tell(b"refused", b"no terminal can be had: " + os.strerror(error.errno or 0).encode())
                return
            if self._start(command, stdin, stdout, terminal):
                os.close(stdin)
                os.close(stdout)
                if terminal is not None:
                    terminal.started()
                self._attend(terminal)
                self._finish(terminal)
        except OSError:  # the line is broken: the server has been killed
            self._end_all()
        finally:
            os._exit(0)

    def _start(self, command: Command, stdin: int, stdout: int, terminal: Terminal | None) -> bool:
        """False, and reported, when it cannot be started."""
        name = command.cwd
        try:
            os.chdir(command.cwd)
            os.umask(0o022)
            self._limits.take()
            command.environment[b"PWD"] = command.cwd
            name = command.argv[0]
            self._main = command.spawn(_streams(stdin, stdout) if terminal is None else terminal.streams())
        except OSError as error:
            if error.errno == errno.EAGAIN:
                self._tell(b"refused", b"the box has no room for another process")
                return False
            line, code = explained(name, error)
            code = code if name == command.argv[0] else 126
            try:
                os.write(stdout, line)
            except OSError:
                pass
            self._tell(b"ended", str(code).encode())
            return False
        return True

    def _finish(self, terminal: Terminal | None) -> None:
        """End and report what it left in the background."""
        left: list[bytes] = []
        ended = True
        if self._reap():
            left = self._left()
            ended = self._end_all()
        if terminal is not None:
            terminal.drain()
        self._tell(b"ended" if ended else b"stuck", str(self._ended or 0).encode(), *left)

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
            if pid == self._main and self._ended is None:  # its number may be another's by now
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

    def _tell(self, *report: bytes) -> None:
        self._line.send(wire.pack(*report))


def _streams(stdin: int, stdout: int) -> list[Action]:
    dup = os.POSIX_SPAWN_DUP2
    return [(dup, stdin, 0), (dup, stdout, 1), (dup, stdout, 2)]


def _kill_everything() -> None:
    try:
        os.kill(-1, SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
