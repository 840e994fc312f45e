"""The first process of a box of gVisor: the exec server's only neighbour, which carries its channel to the host.

gVisor passes no descriptors through its own border. So this program holds the host's end of a channel inside, makes
pipes where the host has handles, and sends what goes through them as frames over its standard input and output:
a kind (one byte), a stream's number and a length (4 bytes each, big-endian), and the content.

Who writes there speaks for the box. Not every gVisor keeps the descriptors of an undumpable process from others of its
user, so what commands must not touch belongs to another: commands are user 0 without capabilities, the relay and what
leads to the host are `_KEEPERS`. So are server and keepers but for their effective id, by which they make the box's
files; what they hold is `_KEEPERS`' too, or a socket, which cannot be opened through /proc, or a stream of a command.
None of them can be traced or, but for the moment in which a keeper starts its command, signalled.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator

sys.path.insert(0, sys.argv[1])
from boxd import command, files, system, tree, wire  # type: ignore[import-not-found]
from boxd.main import main as serve  # type: ignore[import-not-found]

MESSAGE, DATA, END, TAKEN, CROWDED = range(5)
HEADER = struct.Struct("!BII")
_PIECE = 64 << 10
_DRAIN_MS = 2000
_LISTED = 20
_TICK = 0.002
_LOOK_MS = 50
_TASKS = 80
"""Where struct sysinfo has the number of processes and threads."""
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_COMMANDS, _KEEPERS = 0, 1
_CAPABILITY_VERSION = 0x20080522
_SEAL, _SEALS = 1033, 0xF


class Relay:
    """Between the host's frames and the server's channel."""

    def __init__(self, channel: socket.socket, server: int, processes: int) -> None:
        """`processes`: how many, threads too, the box may have at once. gVisor has no limit of them: the host is told
        when there are more, and when there are not any longer."""
        self._channel = channel
        self._server = server
        self._received = b""
        self._inputs: dict[int, list[bytes]] = {}
        """What is to be written to the server's side yet, by our handle of the pipe; an empty piece is the end."""
        self._outputs: dict[int, int] = {}
        """The stream's number, by our handle of the pipe."""
        self._numbers: dict[int, int] = {}
        """Our handle of the pipe of an input, by the stream's number."""
        self._of_request: dict[bytes, list[int]] = {}
        self._running: set[bytes] = set()
        self._library = ctypes.CDLL(None)
        self._most = processes
        self._crowded = False

    def run(self) -> None:
        """Until the host or the server closes."""
        while True:
            poller = select.poll()
            poller.register(0, select.POLLIN)
            poller.register(self._channel.fileno(), select.POLLIN)
            for handle, pieces in self._inputs.items():
                if pieces:
                    poller.register(handle, select.POLLOUT)
            for handle in self._outputs:
                poller.register(handle, select.POLLIN)
            ready = poller.poll(_LOOK_MS if self._running else None)
            if self._running:
                self._count()
            for handle, _ in ready:
                if handle == 0:
                    if not self._listen():
                        return
                elif handle == self._channel.fileno():
                    if not self._answer():
                        return
                elif handle in self._outputs:
                    self._fetch(handle)
                elif handle in self._inputs:
                    self._feed(handle)

    def _listen(self) -> bool:
        piece = os.read(0, _PIECE)
        if not piece:
            return False
        self._received += piece
        while len(self._received) >= HEADER.size:
            kind, stream, size = HEADER.unpack_from(self._received)
            if len(self._received) < HEADER.size + size:
                break
            content = self._received[HEADER.size : HEADER.size + size]
            self._received = self._received[HEADER.size + size :]
            if kind == MESSAGE:
                self._request(stream, content)
            elif stream in self._numbers:  # else nobody reads it any more
                self._inputs[self._numbers[stream]].append(content)
            elif kind == DATA:
                self._send(TAKEN, stream, b"")
        return True

    def _request(self, count: int, content: bytes) -> None:
        """Pass a request on. It begins with its streams: a number, and whether the server reads it or writes to it."""
        message = content[5 * count :]
        kind, name = wire.unpack(message)[:2] if count else (b"", b"")
        if kind == b"run":
            self._running.add(name)
        handles = []
        for place in range(count):
            stream, reads = struct.unpack_from("!I?", content, 5 * place)
            with _effective(_COMMANDS if kind == b"run" else _KEEPERS):  # programs open /dev/stdout
                reading, writing = os.pipe()
            handles.append(reading if reads else writing)
            if reads:
                os.set_blocking(writing, False)
                self._inputs[writing] = []
                self._numbers[stream] = writing
            else:
                self._outputs[reading] = stream
                self._of_request.setdefault(name, []).append(reading)
        given = list(handles)
        if len(message) > wire.LONGEST:
            long = os.memfd_create("request", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            view = memoryview(message)
            while view:
                view = view[os.write(long, view) :]
            os.lseek(long, 0, os.SEEK_SET)
            fcntl.fcntl(long, _SEAL, _SEALS)  # another command could write to the server's handle of it
            given.insert(0, long)
            handles.append(long)
            message = wire.pack(wire.LONG)
        socket.send_fds(self._channel, [message], given)
        for handle in handles:
            os.close(handle)

    def _answer(self) -> bool:
        """Pass an answer on, after all that came out of the pipes of its request."""
        try:
            message = self._channel.recv(wire.LONGEST)
        except OSError:
            message = b""
        if not message:
            return False
        fields = wire.unpack(message)
        if fields[0] == b"ended":
            message = wire.pack(*fields, *self._sweep())
        for handle in self._of_request.pop(fields[1], []) if len(fields) > 1 else []:
            while handle in self._outputs and _readable(handle, _DRAIN_MS):
                self._fetch(handle)
        self._running.difference_update(fields[1:2])
        if self._crowded:
            self._count()
        self._send(MESSAGE, 0, message)
        return True

    def _count(self) -> None:
        information = ctypes.create_string_buffer(128)
        self._library.sysinfo(information)
        tasks = struct.unpack_from("=H", information, _TASKS)[0]
        ours = 2 + len(self._running)  # server and relay, and the keepers
        if (tasks > self._most + ours) != self._crowded:
            self._crowded = not self._crowded
            self._send(CROWDED, int(self._crowded), b"")

    def _sweep(self) -> list[bytes]:
        """End what was orphaned: where gVisor has no subreapers, it comes to this process. Its command lines."""
        lines: list[bytes] = []
        while True:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return lines
            orphans = [pid for pid in tree.children(os.getpid()) if pid != self._server]
            if not orphans:
                return lines[:_LISTED]
            for pid in orphans:
                lines += [line for line in [tree.command_line(pid)] if line]
                with _effective(_COMMANDS):
                    tree.kill(tree.descendants(pid))
            time.sleep(_TICK)

    def _fetch(self, handle: int) -> None:
        piece = os.read(handle, _PIECE)
        self._send(DATA if piece else END, self._outputs[handle], piece)
        if not piece:
            del self._outputs[handle]
            os.close(handle)

    def _feed(self, handle: int) -> None:
        pieces = self._inputs[handle]
        stream = next(number for number, there in self._numbers.items() if there == handle)
        try:
            while pieces and pieces[0]:
                pieces[0] = pieces[0][os.write(handle, pieces[0]) :]
                if not pieces[0]:
                    del pieces[0]
                    self._send(TAKEN, stream, b"")
            over = bool(pieces)
        except BlockingIOError:
            return
        except OSError:  # nobody reads it
            over = True
            self._send(TAKEN, stream, b"")
        if over:
            del self._inputs[handle], self._numbers[stream]
            os.close(handle)

    def _send(self, kind: int, stream: int, content: bytes) -> None:
        view = memoryview(HEADER.pack(kind, stream, len(content)) + content)
        while view:
            view = view[os.write(1, view) :]


def _readable(handle: int, milliseconds: int) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(milliseconds))


def _filter(code: bytes, server: int) -> None:
    """Load the filter that keeps the box's commands from killing server and relay."""
    placeholders = struct.unpack_from("=II", code)
    code = code[8:]
    for placeholder, pid in zip(placeholders, (server, os.getppid()), strict=True):
        for number, real in ((placeholder, pid), ((1 << 32) - placeholder, (1 << 32) - pid)):
            code = code.replace(struct.pack("=I", number), struct.pack("=I", real))
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(held))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or library.prctl(_SECCOMP, _FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the system call filter cannot be loaded")


@contextlib.contextmanager
def _effective(uid: int) -> Iterator[None]:
    """Be this user for what is done meanwhile: whose a pipe is, and who may be signalled."""
    before = os.geteuid()
    other = _COMMANDS + _KEEPERS - before
    os.setresuid(_KEEPERS, uid, before if uid == other else other)
    try:
        yield
    finally:
        os.setresuid(_KEEPERS, before, other)


def _become(effective: int) -> None:
    """One of the keepers, for good; the saved id is the one of the two that the effective is not. Raises OSError."""
    os.setresgid(_COMMANDS, _COMMANDS, _COMMANDS)
    os.setresuid(_KEEPERS, effective, _COMMANDS + _KEEPERS - effective)
    library = ctypes.CDLL(None, use_errno=True)
    if library.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")


def _spawned(path: bytes, argv: list[bytes], environment: dict[bytes, bytes], **how: object) -> int:
    """As `os.posix_spawn`, in a keeper: what is started takes its real id, which is the commands' for this moment."""
    os.setresuid(_COMMANDS, _KEEPERS, _KEEPERS)
    try:
        return os.posix_spawn(path, argv, environment, resetids=True, **how)  # type: ignore[arg-type]
    finally:
        os.setresuid(_KEEPERS, _COMMANDS, _KEEPERS)


class _ChildWatch(system.ChildWatch):  # type: ignore[misc]
    """Its pipe belongs to the keepers, so that commands cannot take from it."""

    def __init__(self) -> None:
        with _effective(_KEEPERS):
            super().__init__()


def _subreaper(really: Callable[[], None] = system.subreaper) -> None:
    """Only later versions of gVisor know it."""
    with contextlib.suppress(OSError):
        really()


def run(filter_path: str, processes: int) -> None:
    """Become relay and server. Does not return."""
    with open(filter_path, "rb") as file:
        code = file.read()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = os.fork()
    if server == 0:
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        _become(_COMMANDS)
        _filter(code, os.getpid())
        system.subreaper = _subreaper
        system.ChildWatch = _ChildWatch
        command.start = _spawned
        # Without this flag gVisor follows a link to a folder in spite of O_NOFOLLOW.
        files._FOLDER |= os.O_PATH
        serve(theirs.detach())
    theirs.close()
    _become(_KEEPERS)
    Relay(ours, server, processes).run()
    os._exit(0)


if __name__ == "__main__":
    run(sys.argv[2], int(sys.argv[3]))
