"""What the routes of organisations take and tell."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field, StringConstraints

from midwatch.engine.accounts.organisations import Member, Organisation
from midwatch.engine.accounts.words import Role
from midwatch.server.accounts.forms import time_of
from midwatch.server.bodies import Form

OrganisationId = Annotated[
    str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$", description="An organisation's id or name.")
]
Called = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")
]


class OrganisationNamed(Form):
    """An organisation to be made, or its new name."""

    name: Called = Field(description="Letters, digits and . _ -, such as `works`.")


class OrganisationAnswer(BaseModel):
    """Repositories that belong together."""

    id: str
    name: str
    created: str
    role: Role | None = Field(
        description="What the caller may in it; null for administrators without a role of their own."
    )


class OrganisationsAnswer(BaseModel):
    """A page of organisations."""

    organisations: list[OrganisationAnswer]
    next: str | None = Field(description="What `after` takes for the next page; null at the end.")


class MemberAnswer(BaseModel):
    """Somebody who has a role in an organisation."""

    user: str
    name: str = Field(description="The user's name.")
    organisation: str = Field(description="Its id.")
    role: Role


class Members(BaseModel):
    """All of an organisation."""

    roles: list[MemberAnswer]


def organisation_of(organisation: Organisation, role: Role | None) -> OrganisationAnswer:
    """An organisation as one who has that role is told of it."""
    return OrganisationAnswer(
        id=organisation.id, name=organisation.name, created=time_of(organisation.created), role=role
    )


def member_of(member: Member) -> MemberAnswer:
    """A role in an organisation as it is told of."""
    return MemberAnswer(user=member.account, name=member.name, organisation=member.organisation, role=member.role)
