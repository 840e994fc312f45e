"""Before every route: nobody passes without a session or a token, and nobody too often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.requests import HTTPConnection

from midwatch.domain.errors import MidwatchError
from midwatch.engine.accounts.identity import PREFIX
from midwatch.engine.accounts.keys import Known
from midwatch.server.accounts import cookies
from midwatch.server.accounts.caller import Caller, scopes_up_to
from midwatch.server.accounts.desk import Desk
from midwatch.server.accounts.rates import neighbourhood, retry_after
from midwatch.server.bodies import SMALL, App, Bounded, Receive, Scope, Send
from midwatch.server.problems import Problem, answer, withheld

OPEN = frozenset({"/healthz", "/readyz"})
"""What answers everybody."""
SIGN_IN = frozenset(
    {
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/session/code"),
        ("GET", "/api/v1/session/ways"),
        ("GET", "/api/v1/session/oidc"),
        ("GET", "/api/v1/session/oidc/callback"),
    }
)
"""What a person who is not known yet can reach: it refuses all that is not right, and counts what is wrong."""
HOOKS = "/hooks/"
"""Below it forges tell of themselves: what they send is signed, and looked at by the route."""
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Gate:
    """Puts the Caller into the request's state (`caller.caller`), or answers 401, 403, 429 or 503 itself."""

    app: App
    desk: Desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        connection, app = HTTPConnection(scope), self.app
        try:
            if scope["method"] == "POST" and scope["path"].startswith(HOOKS):
                self._in_time(f"hooks {neighbourhood(address_of(connection))}")
            elif (scope["method"], scope["path"]) in SIGN_IN:
                self._in_time(f"address {neighbourhood(address_of(connection))}")
                app = Bounded(app, SMALL)
            else:
                state = scope.setdefault("state", {})
                state["caller"] = await self._admitted(connection, scope["method"])
                state["again"] = partial(self._again, connection)
        except Problem as problem:
            await answer(problem)(scope, receive, send)
            return
        except MidwatchError as error:
            await answer(withheld(error))(scope, receive, send)
            return
        await app(scope, receive, send)

    async def _admitted(self, connection: HTTPConnection, method: str) -> Caller:
        try:
            known = await self._known(connection, method)
        except Problem:
            self._in_time(f"address {neighbourhood(address_of(connection))}")
            raise
        self._in_time(f"account {known.account}")
        if method not in _LOOKING and "write" not in scopes_up_to(known.scope):
            raise Problem(403, "this token may only look: it has the scope 'read'")
        if known.stale:
            await self.desk.keys.used(known.token)
        return _caller(known, connection)

    async def _again(self, connection: HTTPConnection) -> Caller:
        """Who it is by now, with what they may by now, for an answer that takes long. Raises Problem when they would
        not be let in any more."""
        return _caller(await self._known(connection, "GET"), connection)

    async def _known(self, connection: HTTPConnection, method: str) -> Known:
        public_url = self.desk.settings.public_url
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            kind, _, token = authorization.partition(" ")
            found = None
            if kind.lower() == "bearer" and token.strip().startswith(PREFIX):
                found = await self.desk.keys.of_token(token.strip())
            if found is None:
                raise _unknown("this token is not known, or it has ended", 'Bearer error="invalid_token"')
            return found
        session = cookies.read(connection, cookies.SESSION, public_url)
        found = await self.desk.keys.of_session(session) if session else None
        if found is None:
            raise _unknown("sign in, or send a token" if not session else "this session has ended: sign in again")
        if method not in _LOOKING and not cookies.own(connection, public_url):
            raise Problem(
                403,
                "this request does not come from this server's own pages",
                f"a program that uses a session sends the header {cookies.OURS}: 1; a server behind a proxy is told "
                "its address with server.public_url",
            )
        return found

    def _in_time(self, name: str) -> None:
        wait = self.desk.requests.take(name)
        if wait > 0:
            raise Problem(429, "too many requests", "wait, then go on more slowly", headers=retry_after(wait))


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from. Behind a proxy it is what the proxy says, where the server trusts it."""
    return connection.client.host if connection.client is not None else ""


def _caller(known: Known, connection: HTTPConnection) -> Caller:
    return Caller(
        user_id=known.account,
        name=known.name,
        everywhere=known.admin,
        scopes=scopes_up_to(known.scope),
        roles=known.roles,
        by=f"token {known.token}" if known.token else "session",
        address=address_of(connection),
        organisations=known.organisations,
    )


def _unknown(detail: str, challenge: str = "Bearer") -> Problem:
    mend = "POST /api/v1/session signs in; a token is sent as Authorization: Bearer mw_…"
    return Problem(401, detail, mend, headers={"WWW-Authenticate": challenge})
