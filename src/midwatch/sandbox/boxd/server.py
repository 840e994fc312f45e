"""The server: takes requests from the host, starts keepers, passes on what they report."""

from __future__ import annotations

import _socket
import os
import select
import time

from . import tree, wire
from .command import Command, Limits
from .keeper import Keeper
from .receiving import receive
from .requests import answer
from .system import SIGKILL, ChildWatch

_SWEEP_SECONDS = 10.0
_END_SECONDS = 2.0
_OBEY_SECONDS = 4.0
_LOOK_MS = 500
_TICK = 0.002
_SIGCONT = 18
_KILLED = b"-9"


class Kept:
    """A command that runs: the request's name, its keeper's pid, and the line to it."""

    def __init__(self, name: bytes, pid: int, line: _socket.socket) -> None:
        self.name = name
        self.pid = pid
        self.line = line
        self.deadline: float | None = None
        """When to end a keeper that was told to kill, and does not report."""

    def signal(self, number: bytes) -> None:
        """Have the keeper send it. Commands can stop their keepers, but not for longer than this."""
        try:
            os.kill(self.pid, _SIGCONT)
            self.line.send(number, _socket.MSG_DONTWAIT)
        except OSError:  # it has ended, or it does not listen
            pass
        if int(number) == SIGKILL and self.deadline is None:
            self.deadline = time.monotonic() + _OBEY_SECONDS


class Server:
    """One box's server. `channel` leads to the host; when it closes, the box ends."""

    def __init__(self, channel: _socket.socket, limits: Limits, workspace: str) -> None:
        self._channel = channel
        self._limits = limits
        self._workspace = workspace
        self._alone = os.getpid() == 1
        self._watch = ChildWatch()
        self._kept: dict[int, Kept] = {}
        """By the handle of the keeper's line."""
        self._poller = select.poll()
        self._poller.register(channel.fileno(), select.POLLIN)
        self._poller.register(self._watch.handle, select.POLLIN)

    def serve(self) -> None:
        """Until the host closes the channel."""
        while True:
            for handle, _ in self._poller.poll(self._enforce()):
                if handle == self._watch.handle:
                    self._watch.clear()
                    self._reap()
                elif handle == self._channel.fileno():
                    fields, handles = receive(self._channel)
                    if not fields:
                        return
                    self._obey(fields, handles)
                elif handle in self._kept:
                    self._pass_on(handle)

    def _enforce(self) -> int | None:
        """End the keepers that do not do what they were told. Milliseconds until the next has to be looked at."""
        deadlines = [(kept.deadline, kept) for kept in self._kept.values() if kept.deadline is not None]
        now = time.monotonic()
        for deadline, kept in deadlines:
            if deadline <= now:
                kept.deadline = now + _OBEY_SECONDS
                tree.kill([kept.pid])  # its line breaks, and what it kept is swept up
        return _LOOK_MS if deadlines else None

    def end(self) -> None:
        """End every command; as the first process of a box simply by ending."""
        if self._alone:
            return
        for kept in self._kept.values():
            kept.line.close()  # a keeper that hears nothing more ends what it keeps
        give_up = time.monotonic() + _END_SECONDS
        while time.monotonic() < give_up and tree.children(os.getpid()):
            self._reap()
            time.sleep(_TICK)
        self._kept.clear()
        self._sweep()

    def _obey(self, fields: list[bytes], handles: list[int]) -> None:
        kind, name = fields[:2]
        try:
            if kind == b"run":
                self._run(name, fields[2:], handles)
            elif kind == b"kill":
                self._signal(name, fields[2])
            else:
                self._files(kind, name, fields[2:], handles)
        finally:
            for handle in handles:
                os.close(handle)

    def _run(self, name: bytes, fields: list[bytes], handles: list[int]) -> None:
        pty, cwd, count = fields[:3]
        argv = fields[3 : 3 + int(count)]
        environment = dict(entry.split(b"=", 1) for entry in fields[3 + int(count) :])
        command = Command(pty == b"1", cwd, argv, environment)
        mine = its = None
        try:
            mine, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
            pid = os.fork()
        except OSError as error:
            for line in (mine, its):
                if line is not None:
                    line.close()
            self._answer(b"refused", name, os.strerror(error.errno or 0).encode())
            return
        if pid == 0:
            try:
                mine.close()
                self._forget()
                Keeper(its, self._limits, self._alone).keep(command, handles[0], handles[1])
            finally:
                os._exit(0)
        its.close()
        self._kept[mine.fileno()] = Kept(name, pid, mine)
        self._poller.register(mine.fileno(), select.POLLIN)

    def _forget(self) -> None:
        """In a keeper: let go of what is the server's."""
        self._channel.close()
        self._watch.close()
        for kept in self._kept.values():
            kept.line.close()

    def _signal(self, name: bytes, number: bytes) -> None:
        for kept in self._kept.values():
            if kept.name == name:
                kept.signal(number)

    def _pass_on(self, handle: int) -> None:
        """A keeper reports, or has been killed before it could."""
        kept = self._kept.pop(handle)
        name = kept.name
        try:
            report = kept.line.recv(wire.LONGEST)
        except OSError:
            report = b""
        self._poller.unregister(handle)
        kept.line.close()
        if report:
            kind, *fields = wire.unpack(report)
            self._answer(kind, name, *fields)
            return
        gone = self._sweep()
        self._answer(b"ended" if gone else b"stuck", name, _KILLED)

    def _sweep(self) -> bool:
        """End what was orphaned by the death of a keeper. False when something does not die."""
        give_up = time.monotonic() + _SWEEP_SECONDS
        while True:
            self._reap()
            keepers = {kept.pid for kept in self._kept.values()}
            orphans = [pid for pid in tree.children(os.getpid()) if pid not in keepers]
            if not orphans:
                return True
            for pid in orphans:
                tree.kill(tree.descendants(pid))
            if time.monotonic() > give_up:
                return False
            time.sleep(_TICK)

    def _reap(self) -> None:
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    return
            except ChildProcessError:
                return

    def _files(self, kind: bytes, name: bytes, fields: list[bytes], handles: list[int]) -> None:
        self._answer(*answer(kind, name, fields, handles, self._workspace))

    def _answer(self, *fields: bytes) -> None:
        self._channel.send(wire.pack(*fields))
