"""A small authorization server, with an MCP server behind it, on loopback: discovery, registration, PKCE, renewal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class OAuthServer:
    """What it has given out, and what it was asked."""

    def __init__(self, *, registers: bool = True) -> None:
        """`registers`: whether it makes clients of those who ask."""
        self.port = 0
        self.registers = registers
        self.clients: dict[str, list[str]] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        """The client and the challenge of each code."""
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.renewed = 0
        self.calls: list[str] = []
        """Methods of the MCP requests that were let in."""
        self.tokens_seen: list[str] = []

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mcp(self) -> str:
        """The address of the MCP server."""
        return f"{self.url}/mcp"

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = first.split(" ")
            status, more, answer = self._answer(method, target, headers, body)
            data = b"" if answer is None else json.dumps(answer).encode()
            extra = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n{extra}"
                f"Content-Length: {len(data)}\r\n\r\n".encode()
                + data
            )
            await writer.drain()
        writer.close()

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        path = urlsplit(target).path
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        if path.startswith("/.well-known/oauth-protected-resource"):
            return 200, {}, {"resource": self.mcp, "authorization_servers": [self.url]}
        if path == "/.well-known/oauth-authorization-server":
            return 200, {}, self._metadata()
        if path == "/register" and self.registers:
            asked = json.loads(body)
            name = f"client-{len(self.clients)}"
            self.clients[name] = asked["redirect_uris"]
            return 201, {}, {**asked, "client_id": name}
        if path == "/authorize":
            return self._authorize(query)
        if path == "/token-here":
            return self._token({key: values[0] for key, values in parse_qs(body.decode()).items()})
        if path == "/mcp":
            return self._mcp(method, headers, body)
        return 404, {}, {"error": "not found"}

    def _metadata(self) -> dict[str, Any]:
        more = {"registration_endpoint": f"{self.url}/register"} if self.registers else {}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token-here",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            **more,
        }

    def _authorize(self, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """As if a person had said yes at once."""
        if self.registers and query["redirect_uri"] not in self.clients.get(query["client_id"], []):
            return 400, {}, {"error": "invalid redirect_uri"}
        code = secrets.token_hex(8)
        self.codes[code] = (query["client_id"], query["code_challenge"])
        back = urlencode({"code": code, "state": query["state"]})
        return 302, {"Location": f"{query['redirect_uri']}?{back}"}, None

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh:
                return 400, {}, {"error": "invalid_grant"}
            self.refresh.discard(form["refresh_token"])
            self.renewed += 1
        else:
            client, challenge = self.codes.pop(form["code"])
            hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
            if client != form["client_id"] or base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() != challenge:
                return 400, {}, {"error": "invalid_grant"}
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.access.add(access)
        self.refresh.add(refresh)
        return 200, {}, {
            "access_token": access, "token_type": "bearer", "expires_in": 3600, "refresh_token": refresh
        }  # fmt: skip

    def _mcp(self, method: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], Any]:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.access:
            where = f'Bearer resource_metadata="{self.url}/.well-known/oauth-protected-resource/mcp"'
            return 401, {"WWW-Authenticate": where}, {"error": "unauthorized"}
        self.tokens_seen.append(token)
        if method != "POST":
            return 405, {}, None
        message = json.loads(body)
        self.calls.append(message["method"])
        if "id" not in message:
            return 202, {}, None
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "guarded", "version": "1"},
            },
            "tools/list": {
                "tools": [{"name": "who", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}]
            },
            "tools/call": {"content": [{"type": "text", "text": "you"}]},
        }
        if message["method"] not in results:
            error = {"code": -32601, "message": "no such method"}
            return 200, {}, {"jsonrpc": "2.0", "id": message["id"], "error": error}
        return 200, {}, {"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}


@asynccontextmanager
async def oauth_server(*, registers: bool = True) -> AsyncIterator[OAuthServer]:
    """On the running loop."""
    made = OAuthServer(registers=registers)
    server = await asyncio.start_server(made.connection, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
