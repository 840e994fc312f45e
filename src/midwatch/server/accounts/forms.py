"""What the routes of accounts take and tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field, StringConstraints

from midwatch.engine.accounts.audit import Entry
from midwatch.engine.accounts.keys import Token
from midwatch.engine.accounts.organisations import Organisation
from midwatch.engine.accounts.people import Account
from midwatch.engine.accounts.repositories import Given, Registered
from midwatch.engine.accounts.words import Role, Scope
from midwatch.server.bodies import Form

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="Its id.")]
Repository = Annotated[
    str, Path(pattern=r"^[^\x00-\x1f/]{1,200}$", description="Its id, or its name where that has no slash.")
]
User = Annotated[str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z._@+-]{0,63}$", description="A user's id or name.")]
After = Annotated[str, Query(pattern=r"^[0-9a-f]{0,20}$", description="The page after this: `next` of the one before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A password: shown nowhere."""


class SignIn(Form):
    """Who signs in."""

    name: Annotated[str, StringConstraints(max_length=64)]
    password: Secret


class SignInCode(Form):
    """The code of a link that the server has printed."""

    code: Secret


class Ways(BaseModel):
    """How people sign in here."""

    password: bool
    provider: bool = Field(description="With the OpenID Connect provider: `GET session/oidc`.")


class NewPassword(Form):
    """One's own."""

    current: Secret
    new: Secret


class NewUser(Form):
    """A user to be made."""

    name: Line
    password: Secret | None = Field(None, description="At least 12 characters; null for one who uses tokens only.")
    admin: bool = False


class UserChange(Form):
    """What is to be changed of a user; what is left out or null stays."""

    admin: bool | None = None
    disabled: bool | None = Field(None, description="Ends their sessions, and their tokens open nothing any more.")
    password: Secret | None = Field(None, description="A new one; ends their sessions.")


class NewToken(Form):
    """A token to be made."""

    name: Line = Field(description="What it is for.")
    scope: Scope = Field("write", description="`read` looks, `write` does what a maintainer may, `admin` the rest.")
    days: Annotated[float, Field(gt=0, le=3650)] | None = Field(90, description="Until it ends; null for never.")
    user: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")] | None = Field(
        None, description="The id of whose it is, when an administrator makes it for another user."
    )


class NewRepository(Form):
    """A repository to be registered."""

    name: Line = Field(description="Such as `team/service`.")
    location: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f]+$")] = Field(
        description="An absolute path on the server's machine, or a URL that git can fetch from."
    )
    organisation: Line | None = Field(None, description="The id or name of the one that it belongs to; null for none.")


class RepositoryChange(Form):
    """What is to be changed of a repository; what is left out or null stays."""

    name: Line | None = None
    organisation: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f]*$")] | None = Field(
        None, description="The id or name of the one that it is to belong to; empty for none."
    )


class RoleGiven(Form):
    """A role to be given."""

    role: Role


class UserAnswer(BaseModel):
    """A user."""

    id: str
    name: str
    admin: bool
    disabled: bool
    password: bool = Field(description="Whether they can sign in with one.")
    oidc: bool = Field(description="Whether they sign in with the OpenID Connect provider.")
    created: str


class Users(BaseModel):
    """A page of users."""

    users: list[UserAnswer]
    next: str | None = Field(description="What `after` takes for the next page; null at the end.")


class RoleAnswer(BaseModel):
    """A role that somebody has."""

    user: str
    name: str = Field(description="The user's name.")
    repository: str = Field(description="Its id; `*` for every registered repository.")
    role: Role


class Roles(BaseModel):
    """All that were asked for."""

    roles: list[RoleAnswer]


class Me(BaseModel):
    """Whoever asks."""

    id: str
    name: str
    admin: bool = Field(description="Whether they administer the server; the scopes may allow less.")
    scopes: list[Scope]
    by: str = Field(description="`session`, or `token` and its id.")
    roles: dict[str, Role] = Field(description="By the repository's id: the highest of all that were given.")
    organisations: dict[str, Role] = Field(description="By the organisation's id.")


class TokenAnswer(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    user: str
    scope: Scope
    created: str
    expires: str | None
    used: str | None = Field(description="When it was last used, to a minute.")


class TokenMade(TokenAnswer):
    """A token with its secret, which is shown this once."""

    secret: str


class Tokens(BaseModel):
    """A page of tokens."""

    tokens: list[TokenAnswer]
    next: str | None = Field(description="What `after` takes for the next page; null at the end.")


class RepositoryAnswer(BaseModel):
    """A repository that tasks may be submitted for."""

    id: str
    name: str
    location: str
    created: str
    role: Role | None = Field(
        description="What the caller may on it; null for administrators without a role of their own."
    )
    organisation: str = Field(description="The id of the one that it belongs to; empty for none.")
    organisation_name: str = Field(description="Its name.")


class Repositories(BaseModel):
    """A page of repositories."""

    repositories: list[RepositoryAnswer]
    next: str | None = Field(description="What `after` takes for the next page; null at the end.")


class EntryAnswer(BaseModel):
    """One change, by whom, from where."""

    id: str
    time: str
    user: str = Field(description="Id of whoever did it; empty for the server itself.")
    name: str
    via: str = Field(description="`session`, `token` and its id, `password`, `oidc` or `server`.")
    address: str
    action: str
    object: str = Field(description="The id of what was changed.")
    repository: str = Field(description="The id of the repository or organisation that it belongs to; empty for none.")
    was: dict[str, Any]
    became: dict[str, Any]


class Audit(BaseModel):
    """A page of the audit log, the newest first."""

    entries: list[EntryAnswer]
    next: str | None = Field(description="What `before` takes for the next page; null at the end.")


def time_of(seconds: float, *, exactly: bool = False) -> str:
    """As it is told: UTC, ISO 8601; `exactly`: with milliseconds."""
    timespec = "milliseconds" if exactly else "seconds"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def user_of(account: Account) -> UserAnswer:
    """A user as they are told of."""
    return UserAnswer(
        id=account.id,
        name=account.name,
        admin=account.admin,
        disabled=account.disabled,
        password=bool(account.password),
        oidc=account.subject is not None,
        created=time_of(account.created),
    )


def token_of(token: Token) -> dict[str, Any]:
    """The fields of a TokenAnswer."""
    return {
        "id": token.id,
        "name": token.name,
        "user": token.account,
        "scope": token.scope,
        "created": time_of(token.created),
        "expires": None if token.expires is None else time_of(token.expires),
        "used": None if token.used is None else time_of(token.used),
    }


def repository_of(
    repository: Registered, role: Role | None, organisation: Organisation | None = None
) -> RepositoryAnswer:
    """A repository as one who has that role is told of it."""
    return RepositoryAnswer(
        id=repository.id,
        name=repository.name,
        location=repository.location,
        created=time_of(repository.created),
        role=role,
        organisation=organisation.id if organisation else "",
        organisation_name=organisation.name if organisation else "",
    )


def role_of(given: Given) -> RoleAnswer:
    """A role as it is told of."""
    return RoleAnswer(user=given.account, name=given.name, repository=given.repository, role=given.role)


def entry_of(entry: Entry) -> EntryAnswer:
    """An entry of the audit log as it is told."""
    return EntryAnswer(
        id=entry.id,
        time=time_of(entry.time),
        user=entry.account,
        name=entry.name,
        via=entry.via,
        address=entry.address,
        action=entry.action,
        object=entry.object,
        repository=entry.repository,
        was=dict(entry.was),
        became=dict(entry.became),
    )
