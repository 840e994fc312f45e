"""Whoever sent a request, and what they may. The gate has seen to it that there is one before a route runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from midwatch.engine.accounts.words import SCOPES, Role, Scope, includes, scope_for
from midwatch.server.problems import Problem

Right = tuple[str, Role, str]
"""The repository's or organisation's id (empty for the whole server), the role on it, and what was asked for (see
`require`; of an organisation always `organisation`, and nothing where only `require_trusted` was asked)."""

_ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class Caller:
    """A person with a session, or a program with a token of theirs."""

    user_id: str
    name: str
    everywhere: bool
    """An administrator of the server: has every role on every repository, as far as the scopes go."""
    scopes: frozenset[Scope]
    """A session has all."""
    roles: Mapping[str, Role]
    """By the repository's id: what follows from all that was given to the user."""
    by: str = "session"
    """`session`, or `token ID`."""
    address: str = ""
    """Where the request came from."""
    used: list[Right] = field(default_factory=list, compare=False)
    """What they had to be allowed for this request so far."""
    organisations: Mapping[str, Role] = field(default_factory=dict)
    """By the organisation's id: those that were given to the user. What follows for repositories is in `roles`."""

    @property
    def admin(self) -> bool:
        """Whether they may see and change users, workers and everything else that belongs to no repository."""
        return self.everywhere and "admin" in self.scopes

    @property
    def repositories(self) -> frozenset[str] | None:
        """The ids of those they may see; None for all, also what belongs to no registered repository."""
        return None if self.everywhere else frozenset(self.roles)


_token = HTTPBearer(auto_error=False, scheme_name="token", description="A token: `Authorization: Bearer mw_…`.")
_session = APIKeyCookie(
    name="midwatch_session",
    auto_error=False,
    scheme_name="session",
    description="Set by signing in; over TLS its name begins with `__Host-`.",
)


def caller(
    request: Request,
    _by_token: Annotated[Any, Security(_token)] = None,
    _by_session: Annotated[Any, Security(_session)] = None,
) -> Caller:
    """A dependency of routes: who calls. The ways to say it are there for the OpenAPI document; the gate has looked."""
    found = request.scope.get("state", {}).get("caller")
    if not isinstance(found, Caller):  # the route is behind no gate: a fault, and it must not open anything
        raise Problem(401, "sign in, or send a token", headers={"WWW-Authenticate": "Bearer"})
    return found


async def still_may(request: Request, repository_id: str, role: Role) -> bool:
    """Whether they would be let in by now, and have that role by now; for an answer that goes on for long. Raises
    MidwatchError when the database does not answer."""
    again: Callable[[], Awaitable[Caller]] = request.scope["state"]["again"]
    try:
        return may(await again(), repository_id, role)
    except Problem:
        return False


def may(who: Caller, repository_id: str, role: Role) -> bool:
    """Whether they have that role, or a higher one, on a repository (empty: one that is not registered)."""
    if scope_for(role) not in who.scopes:
        return False
    given = who.roles.get(repository_id)
    return who.everywhere or (given is not None and includes(given, role))


def require(who: Caller, repository_id: str, role: Role, what: str = "repository") -> None:
    """Raises Problem 404 for what they may not see, which is the same answer as for what is not there; 403 for what
    they may see and not do. `what` names the thing that was asked for."""
    if not may(who, repository_id, "viewer"):
        raise Problem(404, f"there is no such {what}")
    if not may(who, repository_id, role):
        if scope_for(role) not in who.scopes:
            raise Problem(403, f"this token lacks the scope {scope_for(role)!r}")
        raise Problem(403, f"this needs the role {role} on the repository")
    who.used.append((repository_id, role, what))


def require_within(who: Caller, organisation_id: str, role: Role) -> None:
    """The same for a role in an organisation."""
    given = who.organisations.get(organisation_id)
    if not who.everywhere and given is None:
        raise Problem(404, f"there is no such {_ORGANISATION}")
    if scope_for(role) not in who.scopes:
        raise Problem(403, f"this token lacks the scope {scope_for(role)!r}")
    if not who.everywhere and (given is None or not includes(given, role)):
        raise Problem(403, f"this needs the role {role} in the organisation")
    who.used.append((organisation_id, role, _ORGANISATION))


def require_server(who: Caller) -> None:
    """Raises Problem 403 for whoever sees a thing and is no administrator of the server, or has a token that may
    not."""
    if not who.everywhere:
        raise Problem(403, "this needs an administrator of the server")
    if not who.admin:
        raise Problem(403, "this token lacks the scope 'admin'")
    who.used.append(("", "admin", ""))


def require_admin(who: Caller, what: str = "path") -> None:
    """Raises Problem 404 for whoever is no administrator, 403 for one whose token may not do it."""
    if not who.everywhere:
        raise Problem(404, f"there is no such {what}")
    if not who.admin:
        raise Problem(403, "this token lacks the scope 'admin'")
    who.used.append(("", "admin", what))


def require_trusted(who: Caller, why: str) -> None:
    """Raises Problem 403 with these words for whoever is no administrator, about a thing that they may see."""
    if not who.admin:
        raise Problem(403, why)
    who.used.append(("", "admin", ""))


def require_again(who: Caller, rights: Iterable[Right]) -> None:
    """Raises Problem as it would be raised by now for a request that needs all of these."""
    for name, role, what in rights:
        if what == _ORGANISATION:
            require_within(who, name, role)
        elif what:  # of what belongs to no registered repository the name is empty: then it is an administrator's
            require(who, name, role, what)
        else:
            require_trusted(who, "this is for administrators of the server")


def scopes_up_to(scope: Scope) -> frozenset[Scope]:
    """The scope with those that it includes."""
    return frozenset(SCOPES[: SCOPES.index(scope) + 1])
