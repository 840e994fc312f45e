"""`session`, `me`: signing in and out, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Actor, Deed, record
from midwatch.engine.accounts.identity import new_secret, user_name
from midwatch.engine.accounts.people import Account, Change
from midwatch.server.accounts import cookies
from midwatch.server.accounts.desk import AtDesk, Desk, Who, deed
from midwatch.server.accounts.forms import Me, NewPassword, SignIn, SignInCode, UserAnswer, Ways, user_of
from midwatch.server.accounts.gate import address_of
from midwatch.server.accounts.provider import Provider, begun, flow_of
from midwatch.server.accounts.rates import neighbourhood, retry_after
from midwatch.server.connections import is_local
from midwatch.server.problems import Problem, answers

FLOW_SECONDS = 900
"""How long a sign-in with the provider may take."""

signing_in = APIRouter(tags=["session"], responses=answers(401, 403, 422, 429, 503))
router = APIRouter(tags=["session"], responses=answers(401, 403, 429, 503))


@signing_in.post("/session", summary="Sign in with a name and a password")
async def sign_in(asked: SignIn, request: Request, response: Response, at: AtDesk) -> UserAnswer:
    """The answer sets a cookie. Requests with it that change something must come from the server's own pages (`Origin`)
    or carry the header `X-Midwatch`. An Idempotency-Key is not looked at: signing in twice does no harm."""
    public_url = at.settings.public_url
    if "origin" in request.headers and not cookies.own(request, public_url):
        raise Problem(403, "this request does not come from this server's own pages")
    account = await _checked(at, asked.name, asked.password, address_of(request))
    await _begin(at, account, request, response, "password")
    return user_of(account)


@signing_in.post("/session/code", summary="Sign in with the link of a server's first start")
async def sign_in_by_code(asked: SignInCode, request: Request, response: Response, at: AtDesk) -> UserAnswer:
    """A code works once, for ten minutes, and from the server's own machine."""
    address = address_of(request)
    if "origin" in request.headers and not cookies.own(request, at.settings.public_url):
        raise Problem(403, "this request does not come from this server's own pages")
    if wait := at.logins.take(neighbourhood(address)):
        raise Problem(429, "too many wrong codes", "wait, then try again", headers=retry_after(wait))
    account = await at.people.find(at.codes.take(asked.code)) if is_local(address) else None
    if account is None or account.disabled:
        await record(at.database, Deed(Actor("", "", "code", address), "session.refuse", ""))
        mend = "sign in with the name and the password that stand beside it"
        raise Problem(401, "this link has been used, or is too old", mend, headers={"WWW-Authenticate": "Bearer"})
    at.logins.give_back(neighbourhood(address))
    await _begin(at, account, request, response, "code")
    return user_of(account)


@signing_in.get("/session/ways", summary="How people sign in here")
async def ways(at: AtDesk) -> Ways:
    """For those who are not known yet."""
    return Ways(password=True, provider=at.provider is not None)


@signing_in.get(
    "/session/oidc",
    summary="Sign in with the OpenID Connect provider",
    status_code=303,
    response_class=RedirectResponse,
    responses=answers(404),
)
async def to_provider(
    request: Request, at: AtDesk, onward: Annotated[str, Query(max_length=2000)] = "/"
) -> RedirectResponse:
    """Sends the browser to the provider. `onward`: the path to go to when it is done."""
    provider = _provider(at)
    flow = begun(onward)
    response = RedirectResponse(await provider.address(flow, _back(request, at)), 303)
    cookies.put(response, request, cookies.FLOW, flow.cookie(), at.settings.public_url, FLOW_SECONDS)
    return response


@signing_in.get(
    "/session/oidc/callback",
    summary="Where the provider sends the browser back to",
    status_code=303,
    response_class=RedirectResponse,
    responses=answers(404),
)
async def from_provider(request: Request, at: AtDesk) -> RedirectResponse:
    """Checks what the provider says, makes the user where there is none, and signs them in."""
    provider = _provider(at)
    flow = flow_of(cookies.read(request, cookies.FLOW, at.settings.public_url))
    if flow is None:
        raise Problem(403, "this sign-in was not begun in this browser, or long ago", "begin it again")
    person = await provider.person(flow, request.query_params, _back(request, at))
    who = Actor("", person.called[:64], "oidc", address_of(request))
    account = await at.people.of_subject(
        person.subject,
        person.called,
        at.settings.oidc.default_role or None,
        lambda made: Deed(who, "user.create", made),
    )
    if account.disabled:
        raise Problem(403, "this user is disabled", "an administrator of the server can enable them again")
    response = RedirectResponse(flow.onward, 303)
    cookies.drop(response, request, cookies.FLOW, at.settings.public_url)
    await _begin(at, account, request, response, "oidc")
    return response


@router.delete("/session", summary="Sign out", status_code=204)
async def sign_out(request: Request, response: Response, at: AtDesk, who: Who) -> None:
    """Ends the session that the request came with; with a token nothing ends."""
    public_url = at.settings.public_url
    if who.by == "session":
        secret = cookies.read(request, cookies.SESSION, public_url)
        await at.keys.close_session(secret, deed(who, "session.close", who.user_id))
        cookies.drop(response, request, cookies.SESSION, public_url)


@router.get("/me", summary="Who asks, and what they may")
async def me(who: Who) -> Me:
    """Of a session or a token."""
    return Me(
        id=who.user_id,
        name=who.name,
        admin=who.everywhere,
        scopes=sorted(who.scopes),
        by=who.by,
        roles=dict(who.roles),
        organisations=dict(who.organisations),
    )


@router.put("/me/password", summary="Change one's own password", status_code=204, responses=answers(404, 409, 422))
async def change_password(asked: NewPassword, request: Request, response: Response, at: AtDesk, who: Who) -> None:
    """All sessions end but the one that asks, which gets a new cookie."""
    found = await at.people.find(who.user_id)
    if found is None or not found.password:
        raise Problem(409, "you have no password here: you sign in elsewhere, or with tokens")
    await _checked(at, found.name, asked.current, who.address, status=403)
    hashed = await at.passwords.hashed(asked.new)
    changed = await at.people.change(who.user_id, Change(password=hashed), deed(who, "user.password", who.user_id))
    if changed is not None and who.by == "session":
        await _begin(at, changed, request, response, "password")


async def _checked(at: Desk, name: str, password: str, address: str, status: int = 401) -> Account:
    """Whose password this is. Raises Problem: 429 for one guess too many, `status` for a wrong one."""
    try:
        name = user_name(name)
    except InputError:
        name = ""
    guesses = ((at.names, name), (at.logins, neighbourhood(address)))
    waits = [rates.take(guess) for rates, guess in guesses]
    if any(waits):
        for (rates, guess), wait in zip(guesses, waits, strict=True):
            if not wait:
                rates.give_back(guess)
        headers = retry_after(max(waits))
        raise Problem(429, "too many wrong passwords", "wait, then try again", headers=headers)
    account = await at.people.named(name) if name else None
    usable = account is not None and not account.disabled
    right = await at.passwords.right(account.password if account is not None and usable else "", password)
    if account is None or not right:
        # For a name that there is not too, so that it takes as long; without the name, which may be a password that was
        # typed into the wrong field.
        subject = "" if account is None else account.id
        await record(at.database, Deed(Actor("", "", "password", address), "session.refuse", subject))
        raise Problem(status, "the name or the password is wrong", headers={"WWW-Authenticate": "Bearer"})
    for rates, guess in guesses:
        rates.give_back(guess)
    return account


async def _begin(at: Desk, account: Account, request: Request, response: Response, via: str) -> None:
    secret, hours = new_secret(), at.settings.session_hours
    who = Actor(account.id, account.name, via, address_of(request))
    await at.keys.open_session(account.id, secret, hours, Deed(who, "session.open", account.id))
    cookies.put(response, request, cookies.SESSION, secret, at.settings.public_url, int(hours * 3600))
    response.headers["Cache-Control"] = "no-store"


def _provider(at: Desk) -> Provider:
    if at.provider is None:
        raise Problem(404, "this server has no OpenID Connect provider", "server.oidc in the settings names one")
    return at.provider


def _back(request: Request, at: Desk) -> str:
    return f"{cookies.own_address(request, at.settings.public_url)}/api/v1/session/oidc/callback"
