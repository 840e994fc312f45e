"""Logging in to servers by OAuth. Tokens are kept below the state folder, readable by their owner alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from mcp import Client, MCPError
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthMetadata, OAuthToken
from mcp_types import Implementation
from pydantic import AnyUrl, BaseModel, ValidationError

from midwatch import __version__
from midwatch.domain.errors import InputError, OperationError
from midwatch.engine.disk import full_or_broken
from midwatch.tools.cut import harmless
from midwatch.tools.mcp.config import ServerSettings
from midwatch.tools.mcp.lines import HttpLine, said

T = TypeVar("T", bound=BaseModel)

LOGIN_SECONDS = 300.0
_REQUEST_BYTES = 16 << 10
_PUBLIC: Literal["none"] = "none"
"""As the way in which this client shows at the token's address who it is: it has no secret of its own."""
_PAGE = "<!doctype html><title>Midwatch</title><p>{}</p>"


class Tokens:
    """What is kept of a login, as the library wants it stored. Belongs to one address: a token is never sent to
    another."""

    def __init__(self, state: Path, name: str, url: str) -> None:
        self.path = state / "mcp" / f"{name}.json"
        self._url = url
        self.values: dict[str, Any] = {"url": url}

    def load(self) -> bool:
        """Read the file; False when there is no login to this address. Raises OperationError."""
        try:
            values = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:
            raise OperationError(f"{self.path} cannot be read: {error}", "log in again: `midwatch login`") from None
        if not isinstance(values, dict) or values.get("url") != self._url or not values.get("tokens"):
            return False
        self.values = values
        return True

    async def get_tokens(self) -> OAuthToken | None:
        """As last stored."""
        return _read(OAuthToken, self.values.get("tokens"))

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep them, and when they end. Raises StoreError."""
        self.values["tokens"] = tokens.model_dump(mode="json", exclude_none=True)
        self.values["expires"] = None if tokens.expires_in is None else time.time() + tokens.expires_in
        await asyncio.to_thread(self.save)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """As registered."""
        return _read(OAuthClientInformationFull, self.values.get("client"))

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep it with the tokens that come next."""
        self.values["client"] = client_info.model_dump(mode="json", exclude_none=True)

    def save(self) -> None:
        """Write the file, whole or not at all. Raises StoreError."""
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.values, file)
            new.replace(self.path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise full_or_broken(self.path.parent, error) from error


def authorization(name: str, settings: ServerSettings, state: Path) -> OAuthClientProvider | None:
    """What adds the token of an earlier login to requests, and renews it; None without a login. Raises
    OperationError."""
    kept = Tokens(state, name, settings.url)
    if not kept.load():
        return None

    async def nobody(url: str) -> None:
        raise OAuthFlowError(f"the login has ended; `midwatch login {name}` renews it")

    async def never() -> AuthorizationCodeResult:
        raise OAuthFlowError("nobody can be asked")

    provider = OAuthClientProvider(settings.url, _metadata("http://127.0.0.1/callback"), kept, nobody, never)
    provider.context.token_expiry_time = kept.values.get("expires")
    provider.context.oauth_metadata = _read(OAuthMetadata, kept.values.get("metadata"))
    return provider


async def log_in(name: str, settings: ServerSettings, state: Path, show: Callable[[str], None]) -> bool:
    """Let a person log in with a browser: `show` is called with the address to open. False when the server asks for no
    login. Raises InputError for a server that is no HTTP server, OperationError."""
    if not settings.url:
        raise InputError(f"the MCP server {name} is a program, and needs no login", "its variables are set by `env`")
    kept = Tokens(state, name, settings.url)
    async with _returning() as (redirect, returned):
        if settings.oauth_client_id:
            known = {"client_id": settings.oauth_client_id, "token_endpoint_auth_method": _PUBLIC}
            kept.values["client"] = {**known, "redirect_uris": [redirect]}

        async def open_browser(url: str) -> None:
            show(harmless(url, newlines=False))

        async def come_back() -> AuthorizationCodeResult:
            return await returned

        provider = OAuthClientProvider(settings.url, _metadata(redirect), kept, open_browser, come_back)
        await _greet(name, HttpLine(name, settings, dict(settings.headers), provider))
        if not kept.values.get("tokens"):
            return False
        if provider.context.oauth_metadata is not None:  # where tokens are renewed
            kept.values["metadata"] = provider.context.oauth_metadata.model_dump(mode="json", exclude_none=True)
            await asyncio.to_thread(kept.save)
    return True


async def _greet(name: str, line: HttpLine) -> None:
    """Begin to talk with the server, which makes it ask for a login."""
    who = Implementation(name="midwatch", version=__version__)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            async with Client(line.streams(), client_info=who, cache=None):
                pass
    except TimeoutError:
        raise OperationError(f"nobody logged in within {LOGIN_SECONDS:g} s", "try again") from None
    except (OAuthFlowError, MCPError, OSError, BaseExceptionGroup) as error:
        why = harmless(said(error), newlines=False)[:500]
        raise OperationError(f"logging in to the MCP server {name} failed: {why}") from error


@asynccontextmanager
async def _returning() -> AsyncIterator[tuple[str, asyncio.Future[AuthorizationCodeResult]]]:
    """A server on loopback that the browser is sent back to: its address, and what it brings."""
    returned: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            words = head.split(b" ", 2)
            found, text = _result(words[1].decode("ascii") if len(words) == 3 else "")
            if found is not None and not returned.done():
                if isinstance(found, AuthorizationCodeResult):
                    returned.set_result(found)
                else:
                    returned.set_exception(found)
            page = _PAGE.format(text).encode()
            status = b"404 Not Found" if found is None else b"200 OK"
            writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nConnection: close\r\n" % status)
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(page), page))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=_REQUEST_BYTES)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback", returned
    finally:
        server.close()
        returned.cancel()


def _result(target: str) -> tuple[AuthorizationCodeResult | OAuthFlowError | None, str]:
    """What the browser brings, and what to show in it."""
    parts = urlsplit(target)
    given = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if parts.path != "/callback":
        return None, "There is nothing here."
    if "code" not in given:
        return OAuthFlowError(f"the server said: {given.get('error', 'nothing')}"), "That did not work."
    code = AuthorizationCodeResult(code=given["code"], state=given.get("state"), iss=given.get("iss"))
    return code, "You are logged in; this window can be closed."


def _metadata(redirect: str) -> OAuthClientMetadata:
    return OAuthClientMetadata(
        client_name="Midwatch", redirect_uris=[AnyUrl(redirect)], token_endpoint_auth_method=_PUBLIC
    )


def _read(cls: type[T], value: Any) -> T | None:
    if value is None:
        return None
    try:
        return cls.model_validate(value)
    except ValidationError:
        return None
