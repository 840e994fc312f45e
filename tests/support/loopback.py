"""Small HTTP servers of tests: one that runs while a context lasts, and a handler that says nothing by itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Logs nothing, and takes it that whoever asked may be gone before the answer. (Name the base too: ruff knows by it
    why methods are called do_GET.)"""

    protocol_version = "HTTP/1.0"  # each answer ends with its connection
    timeout = 20

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def handle(self) -> None:
        """As the base; errors of TLS are errors of the connection."""
        with contextlib.suppress(OSError):
            super().handle()

    def body(self) -> bytes:
        """What was sent, whole or in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body


@contextmanager
def running(server: HTTPServer) -> Iterator[None]:
    """Answer in a thread of its own until the context is left; then nothing listens any more."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
