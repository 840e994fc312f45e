"""Somebody on loopback who is told by HTTP, and answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.loopback import running


@dataclass
class Told:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return json.loads(self.raw)


@dataclass
class Receiver:
    """What it was sent, and what it answers."""

    url: str
    told: list[Told] = field(default_factory=list)
    status: int = 200
    words: bytes = b"thanks"
    headers: dict[str, str] = field(default_factory=dict)
    silent: threading.Event = field(default_factory=threading.Event)
    """While set, requests are taken and not answered."""
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released with each request."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen while the context lasts."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.told.append(Told(self.path, {k.lower(): v for k, v in self.headers.items()}, raw))
            receiver.came.release()
            if receiver.silent.is_set():
                ended.wait(120)
                return
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.words)))
            self.end_headers()
            self.wfile.write(receiver.words)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    with running(server):
        try:
            yield receiver
        finally:
            ended.set()
