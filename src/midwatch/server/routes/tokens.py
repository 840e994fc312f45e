"""`tokens`: what programs send instead of a password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from midwatch.engine.accounts.identity import PREFIX, new_id, new_secret
from midwatch.engine.accounts.keys import Token
from midwatch.server.accounts import found
from midwatch.server.accounts.desk import AtDesk, Who, deed
from midwatch.server.accounts.forms import After, Id, Limit, NewToken, TokenAnswer, TokenMade, Tokens, token_of
from midwatch.server.problems import Problem, answers, missing

router = APIRouter(tags=["tokens"], responses=answers(401, 403, 422, 429, 503))

OfUser = Annotated[
    str, Query(pattern=r"^[0-9a-f]{0,20}$|^\*$", description="A user's id; `*` for all. Empty: one's own.")
]


@router.get("/tokens", summary="Tokens, without their secrets", responses=answers(404))
async def tokens(at: AtDesk, who: Who, user: OfUser = "", after: After = "", limit: Limit = 100) -> Tokens:
    """One's own, or for an administrator those of a user or of all."""
    account = user or who.user_id
    if user == "*":
        if not who.admin:
            raise missing("user") if not who.everywhere else Problem(403, "this token lacks the scope 'admin'")
        account = ""
    elif account != who.user_id:
        await found.user(at, account, who)
    listed = await at.keys.tokens(account, after, limit)
    return Tokens(
        tokens=[TokenAnswer(**token_of(t)) for t in listed], next=listed[-1].id if len(listed) == limit else None
    )


@router.post("/tokens", summary="Make a token", status_code=201, responses=answers(404, 409))
async def make(asked: NewToken, response: Response, at: AtDesk, who: Who) -> TokenMade:
    """The secret is in the answer and nowhere else. Only in a session: a token that leaked makes no further ones."""
    if who.by != "session":
        raise Problem(403, "tokens are made in a session", "sign in with a password: POST /api/v1/session")
    account = who.user_id
    if asked.user is not None and asked.user != account:
        account = (await found.user(at, asked.user, who)).id
    secret, name = new_secret(PREFIX), new_id()
    wanted = Token(name, account, asked.name, asked.scope, 0.0, None, None)
    made = await at.keys.make_token(wanted, secret, asked.days, deed(who, "token.create", name))
    response.headers["Cache-Control"] = "no-store"
    return TokenMade(**token_of(made), secret=secret)


@router.get("/tokens/{token_id}", summary="A token, without its secret", responses=answers(404))
async def one(token_id: Id, at: AtDesk, who: Who) -> TokenAnswer:
    """One's own, or for an administrator anybody's."""
    return TokenAnswer(**token_of(await found.token(at, token_id, who)))


@router.delete("/tokens/{token_id}", summary="Revoke a token", status_code=204, responses=answers(404))
async def revoke(token_id: Id, at: AtDesk, who: Who) -> None:
    """It opens nothing from now on."""
    token = await found.token(at, token_id, who)
    if not await at.keys.revoke(token.id, deed(who, "token.revoke", token.id)):
        raise missing("token")
