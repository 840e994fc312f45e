"""A fake forge on loopback: real git over HTTP behind tokens, the APIs of its dialects, webhooks, and faults.

    with serving(folder, GitHubDialect()) as server:
        bot = server.forge.person("midwatch-bot")
        hosted = server.forge.repository("ann/shelf", **{"midwatch-bot": "write"})
        server.web                       # its web address; repositories are below it
        server.fail("POST", r"/pulls$", 502, after=True)      # acts, and does not say so
        server.hook("ann/shelf", "http://127.0.0.1:1234/hooks/github", "secret")
        server.deliver()                 # sends what has happened since, signed

What was asked is in `server.requests`, and what was answered, where nothing went wrong, in `server.exchanges`.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.forge_lfs import JSON, Lfs
from tests.support.forge_state import Forge, Hosted, Person, Thread
from tests.support.loopback import QuietHandler, running

_PAGE = re.compile(r"/(.+)/(?:pull|pulls|-/merge_requests)/(\d+)")


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    """As it was sent, without the query."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    who: Person | None = None
    parts: tuple[str, ...] = ()
    """What the route's pattern has caught, decoded."""

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body) if self.body else {}


@dataclass
class Answer:
    """What is sent back; `data` as JSON where there is no `body`."""

    status: int = 200
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def bytes(self) -> bytes:
        """The body as it is sent."""
        if self.body is not None:
            return self.body
        return b"" if self.data is None else json.dumps(self.data).encode()


Handler = Callable[["ForgeServer", Asked], Answer]
Route = tuple[str, str, Handler]
"""Method, pattern of the whole path, and what answers."""


class Dialect(Protocol):
    """How one kind of forge speaks."""

    prefix: str
    """Of the paths of its API."""

    def routes(self) -> Sequence[Route]:
        """Its API."""

    def refusal(self, status: int, words: str) -> Any:
        """The body of an error."""

    def deliveries(
        self, server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
    ) -> Sequence[tuple[str, Any]]:
        """The webhooks that this makes: the event's name and its payload."""

    def signed(self, secret: str, event: str, delivery: str, body: bytes) -> Mapping[str, str]:
        """The headers of a webhook."""


@dataclass
class Fault:
    """What goes wrong, `times` times (-1: always), with requests that fit."""

    method: str
    pattern: str
    status: int = 0
    """0: the connection is dropped."""
    headers: dict[str, str] = field(default_factory=dict)
    data: Any = None
    after: bool = False
    """The forge acts first."""
    times: int = 1
    skip: int = 0
    """So many that fit go well before."""
    drip: float = 0.0
    """Seconds between the bytes of the answer."""

    def fits(self, method: str, path: str) -> bool:
        """Whether it is meant for this request."""
        return self.times != 0 and self.method in ("", method) and re.search(self.pattern, path) is not None


@dataclass
class Delivery:
    """A webhook as it was sent."""

    url: str
    headers: dict[str, str]
    body: bytes
    status: int = 0


class ForgeServer:
    """Made by `serving`."""

    def __init__(self, root: Path, dialects: Sequence[Dialect]) -> None:
        self.forge = Forge(root)
        self.port = 0
        self.requests: list[Asked] = []
        self.exchanges: list[tuple[Asked, Answer]] = []
        self.faults: list[Fault] = []
        self.lfs = Lfs()
        self.deliveries: list[Delivery] = []
        self.dialects = dialects
        self._routes = [(dialect, *route) for dialect in dialects for route in dialect.routes()]
        self._hooks: list[tuple[str, str, str]] = []
        self._told = 0
        self._auto: threading.Thread | None = None
        self._over = threading.Event()

    @property
    def web(self) -> str:
        """The address of its pages; repositories are below it."""
        return f"http://localhost:{self.port}"

    def url(self, slug: str) -> str:
        """Where a repository is."""
        return f"{self.web}/{slug}.git"

    def fail(self, method: str, pattern: str, status: int = 0, **more: Any) -> Fault:
        """Have requests fail whose path fits (`re.search`). Options as in Fault."""
        fault = Fault(method, pattern, status, **more)
        self.faults.append(fault)
        return fault

    def asked(self, method: str, pattern: str) -> list[Asked]:
        """The requests that fit."""
        return [a for a in self.requests if a.method == method and re.search(pattern, a.path)]

    def hook(self, slug: str, url: str, secret: str, *, auto: bool = False) -> None:
        """Send webhooks about a repository there; `auto`: by itself, soon after it has happened."""
        self._hooks.append((slug.lower(), url, secret))
        if auto and self._auto is None:
            self._auto = threading.Thread(target=self._keep_delivering)
            self._auto.start()

    def deliver(self) -> list[Delivery]:
        """Send what has happened since the last time; what was sent."""
        with self.forge.lock:
            waiting, self._told = self.forge.happened[self._told :], len(self.forge.happened)
            made = [one for happened in waiting for one in self._made_of(happened)]
        for delivery in made:
            self.send(delivery)
        self.deliveries += made
        return made

    def _made_of(self, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]) -> Iterator[Delivery]:
        for dialect in self.dialects:
            for slug, url, secret in self._hooks:
                if slug == happened[1].slug.lower():
                    for event, payload in dialect.deliveries(self, happened):
                        body = json.dumps(payload).encode()
                        headers = dialect.signed(secret, event, str(uuid.uuid4()), body)
                        yield Delivery(url, {"Content-Type": "application/json", **headers}, body)

    def send(self, delivery: Delivery) -> int:
        """Send a webhook, perhaps again; the status of the answer."""
        request = urllib.request.Request(delivery.url, delivery.body, delivery.headers, method="POST")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                delivery.status = answer.status
        except urllib.error.HTTPError as error:
            delivery.status = error.code
            error.close()
        except OSError:
            delivery.status = 0
        return delivery.status

    def _keep_delivering(self) -> None:
        while not self._over.wait(0.05):
            self.deliver()

    def close(self) -> None:
        """Send nothing any more."""
        self._over.set()
        if self._auto is not None:
            self._auto.join()

    def answer(self, asked: Asked) -> tuple[Answer, Fault | None]:
        """What is said to a request, and what is to go wrong with saying it."""
        with self.forge.lock:
            self.requests.append(asked)
            fault = self._due(asked)
            if fault is not None:
                fault.times -= 1
                if not fault.after and not fault.drip:
                    return self._faulty(fault), fault
            answer = self._routed(asked)
            if fault is not None and not fault.drip:
                answer = self._faulty(fault)
            else:
                self.exchanges.append((asked, answer))
            return answer, fault

    def _due(self, asked: Asked) -> Fault | None:
        for one in self.faults:
            if one.fits(asked.method, asked.path):
                if not one.skip:
                    return one
                one.skip -= 1
        return None

    def _faulty(self, fault: Fault) -> Answer:
        data = fault.data if fault.data is not None else {"message": f"fault {fault.status}"}
        return Answer(fault.status, data, dict(fault.headers))

    def _routed(self, asked: Asked) -> Answer:
        asked.who = self._who(asked.headers)
        for dialect, method, pattern, handler in self._routes:
            found = re.fullmatch(dialect.prefix + pattern, asked.path)
            if found is None or method != asked.method:
                continue
            if asked.who is None:
                return Answer(401, dialect.refusal(401, "Bad credentials"))
            asked.parts = tuple(unquote(part or "") for part in found.groups())
            return handler(self, asked)
        if ".git/" in asked.path:
            return self._git(asked)
        if asked.method == "GET" and (found := _PAGE.fullmatch(asked.path)):
            return self._page(found[1], int(found[2]))
        return Answer(404, {"message": "Not Found"})

    def _who(self, headers: Mapping[str, str]) -> Person | None:
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        return self.forge.people.get(headers.get("private-token") or value)

    def find(self, slug: str) -> Hosted | None:
        """The repository of that name."""
        return self.forge.repositories.get(slug.lower())

    def _git(self, asked: Asked) -> Answer:
        slug, _, rest = asked.path.lstrip("/").partition(".git/")
        if slug.lower() in self.forge.moved:
            there = f"{self.url(self.forge.moved[slug.lower()])}/{rest}"
            query = "&".join(f"{k}={v}" for k, v in asked.query.items())
            return Answer(301, headers={"Location": f"{there}?{query}"}, body=b"")
        hosted = self.find(slug)
        lfs = rest.startswith(("info/lfs/", "lfs-"))
        uploads = rest.startswith("info/lfs/") and asked.json.get("operation") == "upload"
        writes = (
            uploads or (lfs and asked.method != "GET") or "git-receive-pack" in (asked.query.get("service", ""), rest)
        )
        unknown = asked.who is None and "authorization" in asked.headers
        if unknown or (asked.who is None and (hosted is None or writes or not hosted.public)):
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="fake"'}, body=b"")
        if hosted is None or not self.forge.allowed(hosted, asked.who, "read"):
            return Answer(404, body=b"Repository not found.", headers={"Content-Type": "text/plain"})
        if writes and asked.who is not None and not self.forge.allowed(hosted, asked.who, "write"):
            words = f"Permission to {hosted.slug} denied to {asked.who.login}.".encode()
            return Answer(403, body=words, headers={"Content-Type": "text/plain"})
        if writes and hosted.archived:
            words = b"This repository was archived so it is read-only."
            return Answer(403, body=words, headers={"Content-Type": "text/plain"})
        if lfs:
            return self._lfs(hosted, rest, asked)
        before = hosted.branches()
        answer = self._backend(hosted, rest, asked)
        if asked.method == "POST" and writes:
            self.forge.pushed(hosted, before)
        return answer

    def _lfs(self, hosted: Hosted, rest: str, asked: Asked) -> Answer:
        oid = rest.rpartition("/")[2]
        if not self.lfs.on:
            return Answer(404, {"message": "Git LFS is disabled"}, {"Content-Type": JSON})
        if rest == "info/lfs/objects/batch":
            return Answer(200, self.lfs.batch(hosted, asked.json, self.url(hosted.slug)), {"Content-Type": JSON})
        if rest == "lfs-verify":
            return Answer(200 if self.lfs.file(hosted, asked.json["oid"]).is_file() else 404, {})
        return Answer(200 if self.lfs.put(hosted, oid, asked.body) else 422, {})

    def _backend(self, hosted: Hosted, rest: str, asked: Asked) -> Answer:
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.forge.root), "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": asked.method, "PATH_INFO": f"/{hosted.slug}.git/{rest}",
            "QUERY_STRING": "&".join(f"{k}={v}" for k, v in asked.query.items()), "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": asked.who.login if asked.who else "", "CONTENT_LENGTH": str(len(asked.body)),
            "CONTENT_TYPE": asked.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], input=asked.body, env=environment, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin1").split("\r\n") if ": " in line)
        return Answer(int(headers.pop("Status", "200").split()[0]), headers=headers, body=content)

    def _page(self, slug: str, number: int) -> Answer:
        """A pull request for a person to look at."""
        hosted = self.find(slug)
        thread = hosted.threads.get(number) if hosted else None
        if hosted is None or thread is None:
            return Answer(404, body=b"Not found")
        esc = html.escape
        said = "".join(
            f"<article><h3>{esc(s.author)} {esc(f'{s.path}:{s.line}' if s.path else '')}</h3><pre>{esc(s.body)}</pre>"
            "</article>"
            for s in thread.said
        )
        checks = "".join(
            f"<li>{esc(str(s['state']))}: {esc(s['name'])}: {esc(s['summary'])}</li>"
            for s in hosted.statuses
            if s["sha"] == thread.head_commit
        )
        page = (
            f"<!doctype html><meta charset=utf-8><title>{esc(thread.title)}</title><style>body{{font:16px sans-serif;"
            "max-width:50rem;margin:2rem auto}pre{white-space:pre-wrap;border:1px solid #ccc;padding:1rem}}</style>"
            f"<h1>{esc(thread.title)} <small>#{number}</small></h1><p><b>{'draft, ' if thread.draft else ''}"
            f"{thread.state}</b>: {esc(thread.author)} wants to merge {esc(thread.head)} into {esc(thread.base)}</p>"
            f"<pre>{esc(thread.body)}</pre><ul>{checks}</ul>{said}"
        )
        return Answer(headers={"Content-Type": "text/html; charset=utf-8"}, body=page.encode())


@contextmanager
def serving(root: Path, *dialects: Dialect) -> Iterator[ForgeServer]:
    """A forge whose repositories are below `root`, until the context is left."""
    made = ForgeServer(root, dialects)

    class Handler(_Handler):
        forge_server = made

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.block_on_close = True
    made.port = server.server_port
    with running(server), contextlib.closing(made):
        yield made


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    forge_server: ForgeServer

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815  the names that http.server calls

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Asked(self.command, parts.path, query, headers, self.body())
        answer, fault = self.forge_server.answer(asked)
        if fault is not None and fault.status == 0 and not fault.drip:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = answer.bytes()
        self.send_response(answer.status)
        kind = "application/json; charset=utf-8" if answer.body is None else "application/octet-stream"
        for name, value in {"Content-Type": kind, **answer.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.drip:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.drip)
        else:
            self.wfile.write(body)
