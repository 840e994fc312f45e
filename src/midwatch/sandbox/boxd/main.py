"""How the server starts: it shuts itself off from what it will run, and shakes hands with the host."""

from __future__ import annotations

import _socket
import gc
import os
import sys

from . import system, wire
from .receiving import receive

_PROXY = ("127.0.0.1", 3128)


def main(channel: int) -> None:
    """Serve until the host closes `channel`, the number of a handle of a SEQPACKET socket. Does not return."""
    system.ignore_signals()
    system.undumpable()
    system.subreaper()
    system.die_with_parent()
    _keep_only({0, 1, 2, channel})
    os.set_inheritable(channel, False)
    connection = _socket.socket(fileno=channel)
    fields, _ = receive(connection)
    if fields[:1] != [b"begin"]:
        os._exit(0)
    processes, file_bytes, open_files, listen, nice = map(int, fields[2:7])
    os.nice(nice)
    listener = _listener() if listen else None
    handles = [] if listener is None else [listener.fileno()]
    rights = b"".join(handle.to_bytes(4, sys.byteorder) for handle in handles)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if handles else []
    connection.sendmsg([wire.pack(b"ready")], ancillary)
    if listener is not None:
        listener.close()
    from .command import Limits  # what is loaded from here on, nobody waits for
    from .server import Server

    server = Server(connection, Limits(processes, file_bytes, open_files), os.fsdecode(fields[1]))
    gc.disable()
    gc.freeze()  # forks share what is there now
    server.serve()
    server.end()
    os._exit(0)


def _listener() -> _socket.socket:
    """Where the programs of the box find the proxy; the host accepts on it."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(_PROXY)
    listener.listen(128)
    return listener


def _keep_only(wanted: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in wanted:
            try:
                os.close(int(name))
            except OSError:  # the handle of the listing itself
                continue
