"""Streamable HTTP: headers and tokens, answers without end, servers that go away."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from midwatch.domain.errors import InputError
from midwatch.tools.base import Bench
from midwatch.tools.mcp.config import ServerSettings
from tests.tools.mcp.bench import opened

TOOLS = [{"name": "ask", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}]
Answer = Callable[[dict[str, Any]], bytes]


def _whole(data: bytes, kind: str = "application/json", more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _result(message: dict[str, Any], result: Any) -> bytes:
    return _whole(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())


@asynccontextmanager
async def _server(answer: Answer) -> AsyncIterator[tuple[str, list[dict[str, str]], asyncio.Server]]:
    """A server whose tool calls are answered by `answer`, byte for byte: its address, the headers of its requests."""
    seen: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                seen.append(headers)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                message = json.loads(body) if body else {}
                writer.write(_respond(message, answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp", seen, server
    finally:
        server.close()


def _respond(message: dict[str, Any], answer: Answer) -> bytes:
    method = message.get("method")
    if method == "initialize":
        info = {"name": "http", "version": "1"}
        version = message["params"]["protocolVersion"]
        return _result(message, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
    if method == "tools/list":
        return _result(message, {"tools": TOOLS})
    if method == "tools/call":
        return answer(message)
    if "id" not in message:
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    error = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}}
    return _whole(json.dumps(error).encode())


def _fine(message: dict[str, Any]) -> bytes:
    return _result(message, {"content": [{"type": "text", "text": "fine"}]})


async def test_headers_and_the_token_of_the_persons_variable_go_with_every_request(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISSUES_TOKEN", "t0ken")
    async with _server(_fine) as (url, seen, _):
        settings = ServerSettings(url=url, trusted=True, headers={"X-Team": "night"}, bearer_token_env="ISSUES_TOKEN")
        async with opened(table, settings) as servers:
            result = await servers.call("ask")
        assert result.output.endswith("\nfine")
        assert {(h["authorization"], h["x-team"], h["accept-encoding"]) for h in seen} == {
            ("Bearer t0ken", "night", "identity")
        }
        assert "t0ken" not in repr(servers.new) + repr(result)


async def test_a_token_that_is_not_set_is_the_persons_to_mend(table: Bench) -> None:
    settings = ServerSettings(url="http://127.0.0.1:9/mcp", trusted=True, bearer_token_env="NO_SUCH_TOKEN")
    with pytest.raises(InputError, match="NO_SUCH_TOKEN is not set"):
        async with opened(table, settings):
            pass


@pytest.mark.parametrize(
    "answer",
    [
        lambda m: _whole(b"x" * (9 << 20)),
        lambda m: _whole(gzip.compress(b" " * (20 << 20)), more="Content-Encoding: gzip\r\n"),
        lambda m: _whole(b"data: " + b"x" * (9 << 20) + b"\n\n", "text/event-stream"),
        lambda m: _whole(b"{}", "text/html"),
        lambda m: _whole(b"[" * 100_000),
        lambda m: b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["long", "compressed", "event", "kind", "nested", "error"],
)
async def test_an_answer_that_is_too_long_or_none_is_a_failed_call_and_the_next_one_goes_through(
    table: Bench, answer: Answer
) -> None:
    answers = [answer, _fine]
    async with _server(lambda message: answers.pop(0)(message)) as (url, _, _):
        async with opened(table, ServerSettings(url=url, trusted=True)) as servers:
            failed = await servers.call("ask")
            assert not failed.ok
            assert len(failed.output) < 3000
            assert (await servers.call("ask")).ok


async def test_a_server_that_has_gone_says_so_and_is_found_again_when_it_is_back(table: Bench) -> None:
    def gone(message: dict[str, Any]) -> bytes:
        raise ConnectionResetError

    answers: list[Answer] = [_fine, gone, _fine]
    async with _server(lambda message: answers.pop(0)(message)) as (url, _, _):
        async with opened(table, ServerSettings(url=url, trusted=True)) as servers:
            assert (await servers.call("ask")).ok
            failed = await servers.call("ask")
            assert (failed.ok, failed.ended) == (False, "server gone")
            assert (await servers.call("ask")).ok
