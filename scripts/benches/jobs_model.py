"""A model that answers at once, for the benches that count processor time: Responses and Chat Completions by HTTP.

The address says all, so that any number of conversations can go on: `/TURNS/MILLISECONDS/TOOL.ARGUMENT/v1`. Which turn
a request is for stands in the last id of a call that it holds; nothing else of the request is read.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from scripts.benches.jobs import turn

_PATH = re.compile(r"/(\d+)/(\d+)/(\w+)\.(\w+)/v1(/\S*)")
_CALL = re.compile(rb"call_(\d+)_")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_USAGE = {"input_tokens": 1000, "output_tokens": 40, "total_tokens": 1040}


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@cache
def _responses(number: int, turns: int, tool: str, argument: str) -> bytes:
    say, command = turn(number, turns)
    uid = f"{number}_{turns}"
    content = [{"type": "output_text", "text": say, "annotations": []}]
    items: list[dict[str, Any]] = [
        {"type": "message", "id": f"msg_{uid}", "role": "assistant", "status": "completed", "content": content}
    ]
    if command:
        given = {"type": "function_call", "id": f"fc_{uid}", "call_id": f"call_{uid}", "name": tool}
        items.append(given | {"arguments": _dumps({argument: command}), "status": "completed"})
    answer = {"id": f"resp_{uid}", "object": "response", "created_at": 1, "model": "scripted", "error": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": answer | {"status": "in_progress", "output": []}}
    ]
    for place, item in enumerate(items):
        where = {"output_index": place, "item_id": item["id"]}
        text = "output_text" if item["type"] == "message" else "function_call_arguments"
        begun = item | {"status": "in_progress", "content" if place == 0 else "arguments": [] if place == 0 else ""}
        events.append({"type": "response.output_item.added", "output_index": place, "item": begun})
        said = say if place == 0 else item["arguments"]
        events.append({"type": f"response.{text}.delta", **where, "content_index": 0, "delta": said})
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    done = answer | {"status": "completed", "output": items, "usage": _USAGE}
    events.append({"type": "response.completed", "response": done})
    return _head("text/event-stream", "".join(f"event: {e['type']}\ndata: {_dumps(e)}\n\n" for e in events))


@cache
def _chat(number: int, turns: int, tool: str, argument: str) -> bytes:
    say, command = turn(number, turns)
    message: dict[str, Any] = {"role": "assistant", "content": say}
    if command:
        function = {"name": tool, "arguments": _dumps({argument: command})}
        message["tool_calls"] = [{"id": f"call_{number}_{turns}", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if command else "stop"}
    answer = {"id": "chat", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]}
    return _head("application/json", _dumps(answer))


def _head(kind: str, body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    return (head + body).encode()


class _Connection(asyncio.Protocol):
    """One client; one request at a time."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        end = self._came.find(b"\r\n\r\n", max(0, len(self._came) - len(data) - 4) if len(self._came) > 1 << 16 else 0)
        if end < 0:
            end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._came[:end])
        length = _LENGTH.search(head)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._came) >= whole:
            self._answer(head, bytes(self._came[end + 4 : whole]))
            del self._came[:whole]

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        asked = _PATH.fullmatch(target.partition("?")[0])
        if asked is None or method != "POST":
            self._transport.write(_head("application/json", '{"object":"list","data":[],"models":[]}'))
            return
        last = body.rfind(b'"call_')
        call = _CALL.match(body, last + 1) if last >= 0 else None
        number = int(call[1]) + 1 if call else 0
        make = _responses if asked[5] == "/responses" else _chat
        answer = make(number, int(asked[1]), asked[3], asked[4])
        asyncio.get_running_loop().call_later(int(asked[2]) / 1000, self._transport.write, answer)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until killed; prints the port."""
    asyncio.run(_serve())


@contextmanager
def model() -> Iterator[str]:
    """A server in a process of its own; its address without a path."""
    command = [sys.executable, "-c", "from scripts.benches.jobs_model import main; main()"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()
