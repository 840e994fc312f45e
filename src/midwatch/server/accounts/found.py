"""Things by the names that callers give them: 404 for what is not there and for what they may not see alike."""

from __future__ import annotations

from midwatch.engine.accounts.keys import Token
from midwatch.engine.accounts.organisations import Organisation
from midwatch.engine.accounts.people import Account
from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.accounts.words import Role
from midwatch.server.accounts.caller import Caller, require, require_within
from midwatch.server.accounts.desk import Desk
from midwatch.server.problems import Problem, missing


async def anybody(at: Desk, name: str) -> Account:
    """The user with that id or name, for one who may know who there is. Raises Problem 404."""
    found = await at.people.find(name) or await at.people.named(name)
    if found is None:
        raise missing("user")
    return found


async def user(at: Desk, name: str, who: Caller) -> Account:
    """The user with that id or name: oneself, or for an administrator anybody. Raises Problem 404, and 403 for an
    administrator whose token may not."""
    if name in (who.user_id, who.name):
        return await anybody(at, who.user_id)
    if not who.everywhere:
        raise missing("user")
    found = await anybody(at, name)
    if not who.admin and found.id != who.user_id:
        raise Problem(403, "this token lacks the scope 'admin'")
    return found


async def token(at: Desk, name: str, who: Caller) -> Token:
    """The token with that id: one's own, or for an administrator anybody's. Raises as `user`."""
    found = await at.keys.token(name)
    if found is None or (found.account != who.user_id and not who.everywhere):
        raise missing("token")
    if found.account != who.user_id and not who.admin:
        raise Problem(403, "this token lacks the scope 'admin'")
    return found


async def repository(at: Desk, name: str, who: Caller, role: Role) -> Registered:
    """The repository with that id or name, for one who has that role on it. Raises Problem 404, 403."""
    found = await at.repositories.find(name) or await at.repositories.named(name)
    if found is None:
        raise missing("repository")
    require(who, found.id, role)
    return found


async def organisation(at: Desk, name: str, who: Caller, role: Role = "viewer") -> Organisation:
    """The organisation with that id or name, for one who has that role in it. Raises Problem 404, 403."""
    found = await at.organisations.find(name) or await at.organisations.named(name)
    if found is None:
        raise missing("organisation")
    require_within(who, found.id, role)
    return found
