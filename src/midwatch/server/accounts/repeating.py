"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is done once and answered as before."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from midwatch.domain.errors import MidwatchError
from midwatch.domain.ids import task_id_at
from midwatch.engine.accounts.repeats import HELD_SECONDS, Key, Mine, Repeats, Standing, Stored
from midwatch.server.accounts.caller import Caller, require_again
from midwatch.server.bodies import LARGEST, App, Receive, Scope, Send
from midwatch.server.problems import Problem, answer, status_of

LONGEST_KEY = 255
REPLAYED = "Idempotency-Replayed"
_NAME = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
_KEPT = ("content-type", "location", "etag", "link")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a POST asks for. With a key it is the same for each try, also after a process has died over one."""

    name: str
    since: float
    """When it was first tried, seconds since 1970."""

    def task_id(self) -> str:
        """The id of a task that it makes."""
        return task_id_at(int(self.since), int(self._chance, 16))

    def entry_id(self) -> str:
        """The id (as `new_id`) of the entry in the audit log that is written with what it does: where that stands, the
        operation is done, and only its answer was lost. Also of what it makes, if that is no task."""
        return f"{int(self.since * 1_000_000):014x}{self._chance[:6]}"

    @property
    def _chance(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]


def operation(request: Request) -> Operation:
    """A dependency of routes: which operation this request asks for."""
    found = request.scope.get("state", {}).get("operation")
    return found if isinstance(found, Operation) else Operation(secrets.token_hex(16), time.time())


class Repeating:
    """Stands behind the gate."""

    def __init__(self, app: App, repeats: Repeats) -> None:
        self._app, self._repeats = app, repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do it, or answer as before."""
        who = scope.get("state", {}).get("caller")
        given = dict(scope.get("headers", ())).get(b"idempotency-key")
        if scope["type"] != "http" or scope["method"] != "POST" or given is None or not isinstance(who, Caller):
            await self._app(scope, receive, send)
            return
        try:
            reply = await self._reply(Key(who.user_id, _name(given), _route(scope), ""), scope, receive)
        except Problem as problem:
            reply = answer(problem)
        except MidwatchError as error:
            reply = answer(Problem(status_of(error), error.message, error.mend))
        if reply is not None:
            await reply(scope, receive, send)

    async def _reply(self, asked: Key, scope: Scope, receive: Receive) -> Response | None:
        """None when the client has gone before it has said what it wants."""
        body = await _whole(receive)
        if body is None:
            return None
        key, owner = replace(asked, digest=_digest(scope, body)), secrets.token_hex(16)
        found = await self._repeats.begin(key, owner)
        who: Caller = scope["state"]["caller"]
        if isinstance(found, Stored):  # whoever might not ask for it by now is not answered either
            require_again(who, json.loads(found.rights or "[]"))
        if not isinstance(found, Mine):
            return _again(found)
        scope["state"]["operation"] = Operation(_of(key), found.since)
        return await self._done(key, owner, scope, _Replayed(body, receive))

    async def _done(self, key: Key, owner: str, scope: Scope, receive: Receive) -> Response:
        caught, who = _Caught(), scope["state"]["caller"]
        try:
            async with self._held(key, owner):
                await self._app(scope, receive, caught)
        except Exception:
            await self._repeats.forget(key, owner)
            raise
        reply = caught.response()
        if reply.status_code < 400:
            kept = {name: reply.headers[name] for name in _KEPT if name in reply.headers}
            secret = "no-store" in reply.headers.get("cache-control", "")
            body, rights = None if secret else bytes(reply.body), json.dumps(sorted(set(who.used)))
            stored = Stored(reply.status_code, json.dumps(kept), body, rights)
            await self._repeats.finish(key, owner, stored)
        else:  # nothing was done, and the same may be right later
            await self._repeats.forget(key, owner)
        return reply

    @asynccontextmanager
    async def _held(self, key: Key, owner: str) -> AsyncIterator[None]:
        """Say now and then that it is being worked on."""

        async def hold() -> None:
            while True:
                await asyncio.sleep(HELD_SECONDS / 4)
                with suppress(MidwatchError):
                    await self._repeats.hold(key, owner)

        holding = asyncio.create_task(hold())
        try:
            yield
        finally:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding


class _Replayed:
    """A body that has been read, for the app to read; after it what else comes from the client."""

    def __init__(self, body: bytes, rest: Receive) -> None:
        self._body: bytes | None = body
        self._rest = rest

    async def __call__(self) -> MutableMapping[str, Any]:
        body, self._body = self._body, None
        if body is None:
            return await self._rest()
        return {"type": "http.request", "body": body, "more_body": False}


class _Caught:
    """An answer, kept from the client until it is stored."""

    def __init__(self) -> None:
        self._start: MutableMapping[str, Any] = {}
        self._body = bytearray()

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> Response:
        response = Response(bytes(self._body), self._start["status"])
        response.raw_headers = list(self._start.get("headers", []))
        return response


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise Problem(413, f"the request's body is larger than {LARGEST >> 10} KiB")
        if not message.get("more_body", False):
            return bytes(body)


def _name(given: bytes) -> str:
    name = given.decode("latin1").strip()
    if not _NAME.fullmatch(name):
        raise Problem(
            422, f"an Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters and no space", "a UUID is one"
        )
    return name


def _route(scope: Scope) -> str:
    """The method and the path: as a hash, because a path may hold what a database keeps in no text."""
    return hashlib.sha256(f"POST {scope['path']}".encode("utf-8", "surrogateescape")).hexdigest()


def _digest(scope: Scope, body: bytes) -> str:
    hashed = hashlib.sha256(scope.get("query_string", b""))
    hashed.update(b"\0" + body)
    return hashed.hexdigest()


def _of(key: Key) -> str:
    return hashlib.sha256("\0".join((key.account, key.token, key.route, key.digest)).encode()).hexdigest()


def _again(found: Standing | Stored) -> Response:
    if found is Standing.ANOTHER:
        raise Problem(422, "this Idempotency-Key was used for another request", "send a new key with a new request")
    if not isinstance(found, Stored):
        raise Problem(
            409, "the same request is being worked on", "send it again in a moment", headers={"Retry-After": "1"}
        )
    if found.body is None:
        raise Problem(
            409,
            "this was done already; the answer held a secret that is shown once, and is not kept",
            "if the answer was lost, revoke what was made and make another with a new key",
        )
    return Response(found.body, found.status, {**json.loads(found.headers), REPLAYED: "true"})
