"""The web page: its files, under a policy that lets nothing run but them.

They are made by `scripts/setup --page` from `web/` and lie in the package. Who is not known gets them too: they hold
nothing but the program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, HTMLResponse, Response

from midwatch.server import problems
from midwatch.server.bodies import App, Receive, Scope, Send
from midwatch.server.problems import answer, missing

FOLDER = Path(__file__).with_name("web")
"""Where the build is."""
PLACES = frozenset({"tasks", "environments", "repositories", "insight", "settings", "admin"})
"""First parts of the addresses of the page: `web/src/pages/*/entries.ts` has no other."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "img-src 'self' data: blob:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASSET = re.compile(r"/assets/([A-Za-z0-9_.-]*[A-Za-z0-9_-])")
_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
_REFUSED = re.compile(r";q=0(\.0*)?$")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_UNBUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Midwatch</title>
<h1>The page is not built</h1>
<p>This Midwatch runs from its source, where the page is built once by the command <code>scripts/setup --page</code>.
Then load this address again. The API at <code>/api/v1</code> works without it.</p>
</html>
"""


def _first(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


class Pages:
    """Answers for the addresses of the page, and passes everything else on."""

    def __init__(self, app: App, folder: Path = FOLDER) -> None:
        self._app, self._folder = app, folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Files, or what comes after."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, _guarded(send))
            return
        path, headers = scope["path"], Headers(scope=scope)
        found: Response
        if path.startswith("/assets/"):
            found = self._asset(path, headers)
        elif path == "/" or _first(path) in PLACES:
            found = self._index(headers)
        else:
            await self._app(scope, receive, _guarded(send))
            return
        await found(scope, receive, send)

    def _index(self, headers: Headers) -> Response:
        file = self._folder / "index.html"
        if not file.is_file():
            return HTMLResponse(_UNBUILT, 503, {**HEADERS, "Cache-Control": "no-store"})
        return _sent(file, headers, "text/html; charset=utf-8", "no-cache")

    def _asset(self, path: str, headers: Headers) -> Response:
        named = _ASSET.fullmatch(path)
        file = self._folder / "assets" / named[1] if named else None
        if file is None or file.suffix not in _KINDS or not file.is_file():
            refused = answer(missing("file"))
            refused.headers.update(problems.HEADERS)
            return refused
        return _sent(file, headers, _KINDS[file.suffix], _FOREVER)


def _guarded(send: Send) -> Send:
    """The same for what is no page."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in problems.HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _sent(file: Path, headers: Headers, kind: str, cache: str) -> Response:
    """The file, as it was compressed when it was built where the browser takes that."""
    more = {**HEADERS, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    parts = [part.replace(" ", "") for part in headers.get("accept-encoding", "").split(",")]
    taken = {part.partition(";")[0] for part in parts if not _REFUSED.search(part)}
    for encoding, ending in _ENCODINGS:
        if encoding in taken and (smaller := file.with_name(file.name + ending)).is_file():
            return FileResponse(smaller, media_type=kind, headers={**more, "Content-Encoding": encoding})
    return FileResponse(file, media_type=kind, headers=more)
