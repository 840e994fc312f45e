"""One thin client for the APIs of forges: time-outs, rate limits, redirects on the same host alone, and what failures
mean. What only one forge has is in its own module.

A connection is made for each request: a turn makes a dozen of them, and nothing is left open that somebody has to
close.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from midwatch import __version__
from midwatch.domain.errors import InputError, OperationError
from midwatch.forges.credentials import Credential
from midwatch.forges.limited import wait_of, when
from midwatch.forges.once import Pause, Unsure
from midwatch.workspace.names import shown

if TYPE_CHECKING:
    import httpx2

LARGEST = 32 << 20
"""Bytes of an answer."""
LONGEST_WAIT = 60.0
"""Seconds that a rate limit is waited for."""
TOTAL_SECONDS = 60.0
"""The whole of one exchange, however slowly it drips."""
_TRIES = 3
_MOVED = (301, 302, 307, 308)
_PAGES = 50
_READING = ("GET", "HEAD")
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')

Params = Mapping[str, str | int]
Headers = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    data: Any
    """The JSON of the body; None for an empty body, or one that is no JSON."""
    url: str
    """Where it came from in the end."""


class Refused(InputError):
    """The forge said no, for good."""

    def __init__(self, message: str, mend: str, reply: Reply) -> None:
        super().__init__(message, mend)
        self.status = reply.status
        self.data = reply.data


def bearer(token: str) -> Mapping[str, str]:
    """How most forges take a token."""
    return {"Authorization": f"Bearer {token}"}


class Http:
    """Asks one forge's API. Safe to use from several tasks, threads and event loops at once."""

    def __init__(
        self, name: str, api: str, credential: Credential, headers: Headers = bearer, pause: Pause = asyncio.sleep
    ) -> None:
        """`name` is the connection's, for messages; `api` the base URL; `headers` makes those that carry a token, and
        others that the forge wants. `pause` waits for so many seconds."""
        self.name = name
        self.api = api.rstrip("/")
        self.credential = credential
        self._headers = headers
        self.pause = pause
        self.seconds = TOTAL_SECONDS

    def with_header(self, name: str, value: str) -> Http:
        """The same with one more header."""
        made = Http(
            self.name, self.api, self.credential, lambda token: {**self._headers(token), name: value}, self.pause
        )
        made.seconds = self.seconds
        return made

    async def request(
        self, method: str, path: str, *, slug: str, json: Any = None, params: Params | None = None,
        taken: Sequence[int] = (),
    ) -> Reply:  # fmt: skip
        """Ask, about the repository `slug`. `path` is added to the base URL; a whole URL must be on its host. Answers
        with a status in `taken` or below 300 come back. What reads is tried again when it fails, and a short rate
        limit is waited for. Raises Refused (an InputError) for what the forge does not do, Unsure when something was
        to be changed and no answer came, OperationError for what may work later."""
        url = path if path.startswith(("http://", "https://")) else f"{self.api}{path}"
        self._require_same_host(url)
        for tries_left in reversed(range(_TRIES)):
            try:
                reply = await self._follow(method, url, slug, json, params)
            except Unsure:
                if method not in _READING or not tries_left:
                    raise
            except _NotReached as error:
                if not tries_left:
                    raise OperationError(error.message, error.mend) from None
            else:
                if reply.status >= 500 and method not in _READING:  # also where it says when to ask again
                    raise self._unsure(f"answered {reply.status}{_said(reply.data)}")
                wait = wait_of(reply.status, reply.headers, reply.data)
                if reply.status < 300 or (reply.status in taken and wait is None):
                    return reply
                if wait is not None:
                    if wait > LONGEST_WAIT or not tries_left:
                        raise self._limited(wait)
                    await self.pause(wait)
                    continue
                if reply.status < 500:
                    if reply.status in (401, 403):
                        self.credential.forget(slug)
                    raise self._refused(reply, slug)
                if not tries_left:
                    raise self._unsure(f"answered {reply.status}{_said(reply.data)}")
            await self.pause(2.0 ** (_TRIES - 1 - tries_left))
        raise AssertionError  # the last round has returned or raised

    async def pages(
        self, path: str, *, slug: str, params: Params | None = None, taken: Sequence[int] = ()
    ) -> list[Any]:
        """The entries of a list, from all of its pages, of 100 entries where `params` has no `limit`. Raises as
        `request`; nothing for a status in `taken`."""
        entries: list[Any] = []
        asked: Params | None = params if params and "limit" in params else {"per_page": 100, **(params or {})}
        for _ in range(_PAGES):
            reply = await self.request("GET", path, slug=slug, params=asked, taken=taken)
            if not isinstance(reply.data, list) or reply.status >= 300:
                return entries
            entries += reply.data
            following = _NEXT.search(reply.headers.get("link", ""))
            if following is None:
                return entries
            path, asked = urljoin(reply.url, following[1]), None
        return entries

    async def _follow(self, method: str, url: str, slug: str, body: Any, params: Params | None) -> Reply:
        for _ in range(4):
            reply = await self._exchange(method, url, slug, body, params)
            if reply.status not in _MOVED:
                return reply
            url, params = urljoin(url, reply.headers.get("location", "")), None
            self._require_same_host(url)
        raise OperationError(f"the forge {self.name} sends from one address to the next without end", "try again later")

    async def _exchange(self, method: str, url: str, slug: str, body: Any, params: Params | None) -> Reply:
        import httpx2

        token = await self.credential.token(slug)
        headers = {"User-Agent": f"midwatch/{__version__}", "Accept": "application/json", **self._headers(token)}
        limits = httpx2.Timeout(self.seconds / 2, connect=10.0)
        secure = _secure() if url.startswith("https:") else _without()
        try:
            async with asyncio.timeout(self.seconds):
                async with httpx2.AsyncClient(verify=secure, timeout=limits, follow_redirects=False) as client:
                    sent = sendable(body)
                    async with client.stream(method, url, headers=headers, json=sent, params=params) as response:
                        text = await self._read(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise self._unreachable(error) from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise InputError(
                f"a request to the forge {self.name} cannot be made: {type(error).__name__}",
                "check its API address, and its token for line ends and odd characters",
            ) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise self._unsure(f"has not answered within {self.seconds:.0f} s") from None
        except httpx2.HTTPError as error:
            raise self._unsure(f"broke off its answer ({type(error).__name__})") from None
        told = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, told, _data(text, token), str(response.url))

    async def _read(self, response: httpx2.Response) -> bytes:
        text = bytearray()
        async for chunk in response.aiter_bytes():
            text += chunk
            if len(text) > LARGEST:
                raise OperationError(
                    f"the forge {self.name} answers with more than {LARGEST >> 20} MiB", "is its API address right?"
                )
        return bytes(text)

    def _require_same_host(self, url: str) -> None:
        if _origin(url) != _origin(self.api):
            raise InputError(
                f"the forge {self.name} leads to {shown(_origin(url))}, and its token is for {_origin(self.api)} alone",
                "if the forge has moved, change the connection's addresses",
            )

    def _unsure(self, why: str) -> Unsure:
        return Unsure(f"the forge {self.name} {why}", "try again; what was done already is found and not done twice")

    def _unreachable(self, error: Exception) -> _NotReached:
        reason = shown(str(error) or type(error).__name__)
        mend = "check the connection's API address and the network, then `midwatch resume`"
        if "certificate" in reason.lower():
            mend = "name your authority's certificate file in SSL_CERT_FILE"
        return _NotReached(f"the forge {self.name} cannot be reached at {_origin(self.api)}: {reason}", mend)

    def _limited(self, wait: float) -> OperationError:
        return OperationError(
            f"the forge {self.name} takes no more requests from us until {when(wait)} (its rate limit)",
            "`midwatch resume` after that; a connection of its own has a limit of its own",
        )

    def _refused(self, reply: Reply, slug: str) -> Refused:
        said, about = _said(reply.data), shown(slug) or "this"
        if reply.status == 401:
            return Refused(
                f"the forge {self.name} does not know our credential (401){said}",
                f"give the connection {self.name} a new token: it has ended or was taken back",
                reply,
            )
        if reply.status == 403:
            return Refused(
                f"the forge {self.name} does not let us do that with {about} (403){said}",
                f"give the token of the connection {self.name} the rights that docs/forges.md lists",
                reply,
            )
        if reply.status == 404:
            return Refused(
                f"the forge {self.name} has no such thing in {about}, or hides it from us (404){said}",
                f"check its name, and that the token of the connection {self.name} opens it",
                reply,
            )
        return Refused(
            f"the forge {self.name} refuses that for {about} ({reply.status}){said}",
            "look at it there, then `midwatch resume`",
            reply,
        )


class _NotReached(OperationError):
    """Nothing was sent."""


@cache
def _secure() -> ssl.SSLContext:
    """Made once: it takes 30 ms."""
    import httpx2

    return httpx2.create_ssl_context()


@cache
def _without() -> ssl.SSLContext:
    """For addresses without TLS: it is never used, and httpx2 would make one for each request."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def sendable(value: Any) -> Any:
    """A body as a forge can read it: what is no UTF-8 (of file names) as question marks, and no NUL."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [sendable(one) for one in value]
    if isinstance(value, dict):
        return {key: sendable(one) for key, one in value.items()}
    return value


def _data(text: bytes, token: str) -> Any:
    """The JSON of a body. A forge that repeats our token is not let through with it."""
    if token and token.encode() in text:
        text = text.replace(token.encode(), b"[hidden]")
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _said(data: Any) -> str:
    """What a forge gives as its reason, in one line that can be shown; with a colon before it."""
    parts: list[str] = []
    if isinstance(data, dict):
        for key in ("message", "error", "error_description"):
            if isinstance(data.get(key), str):
                parts.append(data[key])
            elif isinstance(data.get(key), list | dict):
                parts.append(json.dumps(data[key], ensure_ascii=False))
        for one in data.get("errors") or () if isinstance(data.get("errors"), list) else ():
            word = (
                one.get("message") or " ".join(str(one.get(k, "")) for k in ("resource", "field", "code"))
                if isinstance(one, dict)
                else one
            )
            parts.append(str(word))
    text = shown("; ".join(part for part in parts if part).strip())
    return f": {text[:400]}" if text else ""
