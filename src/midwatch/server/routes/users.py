"""`users`: for administrators; everybody else sees themselves."""

from __future__ import annotations

from fastapi import APIRouter

from midwatch.engine.accounts.people import Change, LastAdmin
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.desk import AtDesk, Who, deed
from midwatch.server.accounts.forms import After, Limit, NewUser, User, UserAnswer, UserChange, Users, user_of
from midwatch.server.accounts.found import user
from midwatch.server.problems import Problem, answers, missing
from midwatch.server.service import Wanted

router = APIRouter(tags=["users"], responses=answers(401, 403, 422, 429, 503))


@router.get("/users", summary="Users")
async def users(at: AtDesk, who: Who, after: After = "", limit: Limit = 100) -> Users:
    """In the order in which they were made."""
    if who.admin:
        found = await at.people.all(after, limit)
        return Users(users=[user_of(a) for a in found], next=found[-1].id if len(found) == limit else None)
    me = await at.people.find(who.user_id)
    return Users(users=[user_of(me)] if me is not None and me.id > after else [], next=None)


@router.post("/users", summary="Make a user", status_code=201, responses=answers(404, 409))
async def make(asked: NewUser, at: AtDesk, who: Who, operation: Wanted) -> UserAnswer:
    """They may see nothing until they are given a role."""
    require_admin(who)
    hashed = "" if asked.password is None else await at.passwords.hashed(asked.password)
    name = operation.entry_id()
    told = deed(who, "user.create", name, entry=name)
    return user_of(await at.people.create(asked.name, hashed, asked.admin, lambda _: told, name))


@router.get("/users/{user_id}", summary="A user", responses=answers(404))
async def one(user_id: User, at: AtDesk, who: Who) -> UserAnswer:
    """Of others than oneself for administrators."""
    found = await user(at, user_id, who)
    return user_of(found)


@router.patch("/users/{user_id}", summary="Change a user", responses=answers(404, 409))
async def change(user_id: User, asked: UserChange, at: AtDesk, who: Who) -> UserAnswer:
    """There is always one administrator left."""
    require_admin(who, "user")
    found = await user(at, user_id, who)
    hashed = None if asked.password is None else await at.passwords.hashed(asked.password)
    wanted = Change(asked.admin, asked.disabled, hashed)
    try:
        changed = await at.people.change(found.id, wanted, deed(who, "user.change", found.id))
    except LastAdmin as error:
        raise Problem(409, error.message, error.mend) from None
    if changed is None:
        raise missing("user")
    return user_of(changed)
