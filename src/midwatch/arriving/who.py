"""Who may have work done: known users of this server by their roles, and, where a repository wants it, whoever may
write to it at the forge. Never a program, and never ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.engine.accounts.logins import Logins
from midwatch.engine.accounts.words import includes
from midwatch.forges.marks import is_ours

if TYPE_CHECKING:
    from midwatch.arriving.case import Case

_MAY = ("write", "admin")
_ANOTHER = "by another than the one whose login that was: link it anew if that is right"
_UNSAID = "the forge does not say whether it is the one whose login that was"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may."""

    name: str
    """Whose the turns are: a user of this server, else `@CONNECTION/LOGIN`, which no user is called."""
    login: str
    maintainer: bool
    """May steer what only a maintainer could have submitted."""


async def asking(case: Case) -> Person | None:
    """Whoever did this; None for all who may not: then nothing else is to be done, and why is in the arrival's row.
    Raises MidwatchError when that cannot be told."""
    found = await _person(case)
    if isinstance(found, Person):
        return found
    await case.ignore(found)
    return None


async def may(case: Case) -> bool:
    """Whether whoever did this may have work done. Raises as `asking`."""
    return isinstance(await _person(case), Person)


async def _person(case: Case) -> Person | str:
    """Or why it is nobody."""
    told, nobody = case.told, "by somebody who may not"
    if told.bot or not told.actor or ourselves(case):
        return nobody
    known = await Logins(case.home.store.database).find(case.heard.id, told.actor, told.actor_id)
    if known is not None and not known.same:  # the login went to another: they may what the forge says, no more
        known, nobody = None, _ANOTHER if told.actor_id else _UNSAID
    if known is not None and known.disabled:
        return nobody
    if known is not None:
        role = "admin" if known.admin else known.roles.get(case.repository.id)
        if role is not None and includes(role, "member"):
            return Person(known.name, told.actor, includes(role, "maintainer"))
    if case.rules.write_may_start and await case.home.forge.access(case.location, told.actor) in _MAY:
        return Person(known.name if known else f"@{case.heard.name}/{told.actor}", told.actor, maintainer=False)
    return nobody


def ourselves(case: Case) -> bool:
    """Whether it was this server that wrote or did it: such a thing must never be answered."""
    return bool(case.heard.login and case.told.actor.lower() == case.heard.login.lower()) or is_ours(case.told.text)
