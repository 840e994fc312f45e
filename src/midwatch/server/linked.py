"""What the routes of forge connections, secrets and variables take and tell."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field, StringConstraints, model_validator

from midwatch.engine.forges.beside import LONGEST, Kept, read
from midwatch.engine.forges.connections import Auth, Connection, Kind
from midwatch.engine.forges.rules import RepositoryForge
from midwatch.server.accounts.forms import time_of
from midwatch.server.bodies import Form

ForgeId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="The id or the name of a connection.")
]
Name = Annotated[str, Path(pattern=r"^[A-Z_][A-Z0-9_]{0,63}$", description="Of a secret or a variable.")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Token = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096, pattern=r"^[!-~]+$")]
Pem = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16384, pattern=r"^[\n\r -~]+$")]
Signing = Annotated[str, StringConstraints(max_length=256, pattern=r"^([!-~]{16,})?$")]
Login = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x20\x7f]+$")]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]


class _Credentials(Form):
    token: Token | None = Field(None, description="Of a user of the forge. Never answered.")
    app_id: Line | None = Field(None, description="Of a GitHub App: its id or client id.")
    private_key: Pem | None = Field(None, description="Of that App, as PEM. Never answered.")
    webhook_secret: Signing | None = Field(
        None,
        description="What the forge signs its webhooks with, at least 16 characters; empty for none. Never answered.",
    )
    insecure: bool = Field(
        False,
        description="Whether an address given here may begin with http:// on another machine: the credential then "
        "crosses the network in the clear.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> _Credentials:
        if self.token is not None and (self.app_id is not None or self.private_key is not None):
            raise ValueError("it has both a token and an App: leave one of them out")
        return self

    def credential(self) -> str | None:
        """What is to be kept; None where nothing was given."""
        return self.token if self.token is not None else self.private_key


class ForgeAsked(_Credentials):
    """A connection to be made: with a token, or with a GitHub App's id and private key."""

    name: Line = Field(description="What it is called here: letters, digits and . _ -")
    kind: Kind = Field(description="`github` is Enterprise too, `forgejo` is Gitea too.")
    web: Line = Field("", description="The address its repositories are below; empty for github.com and gitlab.com.")
    api: Line = Field("", description="Where its API begins; empty for where it usually does.")

    @model_validator(mode="after")
    def _some_way(self) -> ForgeAsked:
        if self.token is None and (not self.app_id or self.private_key is None):
            raise ValueError("it needs a token, or an App's app_id and private_key")
        if self.app_id is not None and self.kind != "github":
            raise ValueError("only GitHub has Apps: give a token")
        return self


class ForgeChange(_Credentials):
    """What is to be changed of a connection; what is left out or null stays."""

    name: Line | None = None
    web: Line | None = Field(None, description="A new one needs the credential anew.")
    api: Line | None = Field(None, description="A new one needs the credential anew.")


class ForgeAnswer(BaseModel):
    """A connection to a forge; none of its secrets."""

    id: str
    name: str
    kind: Kind
    web: str
    api: str
    auth: Auth
    app_id: str
    login: str = Field(description="Whom the forge takes us for; empty when it was not asked yet.")
    webhooks: bool = Field(description="Whether there is a secret for its webhooks, so that they are taken.")
    hook_path: str = Field(description="Where the forge's webhooks go, below the server's address.")
    settings: bool = Field(description="Whether it comes from the settings file, and cannot be changed here.")
    created: str


class Forges(BaseModel):
    """All connections."""

    forges: list[ForgeAnswer]


class StandingAnswer(BaseModel):
    """What a forge says of our credential."""

    login: str
    scopes: list[str] = Field(description="What it may, as the forge calls it; empty where the forge does not say.")
    missing: list[str] = Field(description="What it must be given besides.")
    note: str = Field(description="What could not be found out.")


class RepositoryForgeAsked(Form):
    """What a repository wants of its forge."""

    labels: list[Label] = Field([], max_length=20, description="Put on every pull request of ours.")
    reviewers: list[Login] = Field([], max_length=20, description="Asked for on every one: logins, `team:NAME`.")
    write_may_start: bool = Field(
        False, description="Whether anybody to whom the forge grants `write` may start work, without being a user here."
    )
    trigger_label: Line = Field("midwatch", description="An issue that gets this label becomes a task; empty for none.")
    mention: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$")] = Field(
        "midwatch", description="The name by which it is called, without the `@`."
    )
    auto_review: bool = Field(False, description="Whether every pull request is reviewed when it is opened.")
    review_all: bool = Field(False, description="Whether such a review tells of everything, not only P0 and P1.")
    fix_runs: Annotated[int, Field(ge=0, le=10)] = Field(
        2, description="How many failed CI runs on one pull request of ours are taken up."
    )

    def rules(self) -> RepositoryForge:
        """As it is kept."""
        return read(self.model_dump())


class RepositoryForgeAnswer(RepositoryForgeAsked):
    """What a repository wants of its forge, and which that is."""

    connection: str = Field(description="The name of the connection that its location belongs to; empty for none.")
    slug: str = Field(description="What it is called there.")


class SecretAsked(Form):
    """The value of a secret."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)] = Field(description="Never answered.")


class SecretAnswer(BaseModel):
    """A secret that there is; never its value."""

    name: str
    changed: str
    changed_by: str


class Secrets(BaseModel):
    """All secrets of a repository."""

    secrets: list[SecretAnswer]


class VariableAsked(Form):
    """The value of a variable."""

    value: Annotated[str, StringConstraints(max_length=LONGEST)]


class VariableAnswer(SecretAnswer):
    """A variable."""

    value: str


class Variables(BaseModel):
    """All variables of a repository."""

    variables: list[VariableAnswer]


def forge_of(one: Connection) -> ForgeAnswer:
    """A connection as it is told."""
    return ForgeAnswer(
        id=one.id, name=one.name, kind=one.kind, web=one.web, api=one.api, auth=one.auth, app_id=one.app,
        login=one.login, webhooks=bool(one.secret), hook_path=f"/hooks/{one.name}",
        settings=one.id.startswith("settings:"), created=time_of(one.created),
    )  # fmt: skip


def secret_of(one: Kept) -> SecretAnswer:
    """A secret as it is told."""
    return SecretAnswer(name=one.name, changed=time_of(one.changed), changed_by=one.changed_by)


def variable_of(one: Kept) -> VariableAnswer:
    """A variable as it is told."""
    return VariableAnswer(name=one.name, changed=time_of(one.changed), changed_by=one.changed_by, value=one.value)
