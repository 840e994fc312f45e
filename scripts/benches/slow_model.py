"""A server of Chat Completions in a process of its own, which keeps its callers waiting until it is told to go."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMAND = "echo one >> count.txt"


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that lasts as long as the context."""
    process = subprocess.Popen([sys.executable, "-m", "scripts.benches.slow_model"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


async def asked(url: str, path: str) -> int:
    """Ask the server itself: `/held` (how many wait), `/go?boxes=N` (answer; the next N with a command),
    `/keep?work=1` (keep them; but those that have not run a command are answered with one)."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.rpartition(b"\r\n")[2])


class Slow:
    """The server."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.held = 0
        self.boxes = 0
        self.work = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while line := await reader.readline():
                length = 0
                while (header := await reader.readline()).strip():
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                body = await reader.readexactly(length)
                method, target, _ = line.split()
                if method == b"GET":
                    text = str(self.told(target.decode()))
                    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
                    break
                begun = b'"role":"tool"' in body
                del body
                if self.work and not begun:
                    writer.write(_answer(_call()))
                    continue
                self.held += 1
                await self.go.wait()
                self.held -= 1
                writer.write(_answer(self.piece(begun=begun)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def told(self, target: str) -> int:
        """What the measurement asks for."""
        parts = urlsplit(target)
        if parts.path == "/go":
            self.boxes = int(parse_qs(parts.query)["boxes"][0])
            self.go.set()
        elif parts.path == "/keep":
            self.go.clear()
            self.work = parse_qs(parts.query)["work"] == ["1"]
        return self.held

    def piece(self, *, begun: bool) -> dict[str, Any]:
        """The next answer."""
        if begun or self.boxes <= 0:
            return {"role": "assistant", "content": "Done."}
        self.boxes -= 1
        return _call()


def _call() -> dict[str, Any]:
    function = {"name": "shell", "arguments": json.dumps({"command": COMMAND})}
    return {"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


def _answer(delta: dict[str, Any]) -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "model"}
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    events = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def _main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.start_server(Slow().serve, "127.0.0.1", 0, backlog=4096, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
