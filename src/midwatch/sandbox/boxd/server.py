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
from .system import ChildWatch

_SWEEP_SECONDS = 10.0
_END_SECONDS = 2.0
_TICK = 0.002
_KILLED = b"-9"


class Server:
    """One box's server. `channel` leads to the host; when it closes, the box ends."""

    def __init__(self, channel: _socket.socket, limits: Limits, workspace: str) -> None:
        self._channel = channel
        self._limits = limits
        self._workspace = workspace
        self._alone = os.getpid() == 1
        self._watch = ChildWatch()
        self._lines: dict[int, tuple[bytes, int, _socket.socket]] = {}
        """By the handle of a keeper's line: the request's name, the keeper's pid, the line."""
        self._poller = select.poll()
        self._poller.register(channel.fileno(), select.POLLIN)
        self._poller.register(self._watch.handle, select.POLLIN)

    def serve(self) -> None:
        """Until the host closes the channel."""
        while True:
            for handle, _ in self._poller.poll():
                if handle == self._watch.handle:
                    self._watch.clear()
                    self._reap()
                elif handle == self._channel.fileno():
                    fields, handles = receive(self._channel)
                    if not fields:
                        return
                    self._obey(fields, handles)
                elif handle in self._lines:
                    self._pass_on(handle)

    def end(self) -> None:
        """End every command; as the first process of a box simply by ending."""
        if self._alone:
            return
        for _, _, line in self._lines.values():
            line.close()  # a keeper that hears nothing more ends what it keeps
        give_up = time.monotonic() + _END_SECONDS
        while time.monotonic() < give_up and tree.children(os.getpid()):
            self._reap()
            time.sleep(_TICK)
        self._lines.clear()
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
        self._lines[mine.fileno()] = (name, pid, mine)
        self._poller.register(mine.fileno(), select.POLLIN)

    def _forget(self) -> None:
        """In a keeper: let go of what is the server's."""
        self._channel.close()
        self._watch.close()
        for _, _, line in self._lines.values():
            line.close()

    def _signal(self, name: bytes, number: bytes) -> None:
        for named, _, line in self._lines.values():
            if named == name:
                try:
                    line.send(number, _socket.MSG_DONTWAIT)
                except OSError:  # it has ended, or it does not listen: then there is nothing to be told to it
                    pass

    def _pass_on(self, handle: int) -> None:
        """A keeper reports, or has been killed before it could."""
        name, _, line = self._lines[handle]
        try:
            report = line.recv(wire.LONGEST)
        except OSError:
            report = b""
        self._poller.unregister(handle)
        line.close()
        del self._lines[handle]
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
            keepers = {pid for _, pid, _ in self._lines.values()}
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
