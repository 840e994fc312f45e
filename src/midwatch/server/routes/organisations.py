"""`organisations`: repositories that belong together, and who may what on all of them."""

from __future__ import annotations

from fastapi import APIRouter

from midwatch.engine.accounts.organisations import NotEmpty, Organisation
from midwatch.server.accounts import found
from midwatch.server.accounts.caller import require_admin, require_server
from midwatch.server.accounts.desk import AtDesk, Who, deed
from midwatch.server.accounts.forms import After, Limit, RoleGiven, User
from midwatch.server.accounts.organised import (
    MemberAnswer,
    Members,
    OrganisationAnswer,
    OrganisationId,
    OrganisationNamed,
    OrganisationsAnswer,
    member_of,
    organisation_of,
)
from midwatch.server.problems import Problem, answers, missing
from midwatch.server.service import Wanted

router = APIRouter(tags=["organisations"], responses=answers(401, 403, 422, 429, 503))


@router.get("/organisations", summary="Organisations that one has a role in")
async def organisations(at: AtDesk, who: Who, after: After = "", limit: Limit = 100) -> OrganisationsAnswer:
    """In the order in which they were made; for administrators all."""
    listed = await at.organisations.all(None if who.everywhere else who.organisations, after, limit)
    return OrganisationsAnswer(
        organisations=[organisation_of(one, who.organisations.get(one.id)) for one in listed],
        next=listed[-1].id if len(listed) == limit else None,
    )


@router.post("/organisations", summary="Make an organisation", status_code=201, responses=answers(404, 409))
async def make(asked: OrganisationNamed, at: AtDesk, who: Who, operation: Wanted) -> OrganisationAnswer:
    """For administrators of the server. `PATCH /repositories/ID` has a repository belong to it."""
    require_admin(who, "path")
    name = operation.entry_id()
    told = deed(who, "organisation.create", name, name, name)
    return organisation_of(await at.organisations.create(Organisation(name, asked.name, 0.0), told), None)


@router.get("/organisations/{organisation_id}", summary="An organisation", responses=answers(404))
async def one(organisation_id: OrganisationId, at: AtDesk, who: Who) -> OrganisationAnswer:
    """For those who have a role in it. Its repositories are among those of `GET /repositories`."""
    organisation = await found.organisation(at, organisation_id, who)
    return organisation_of(organisation, who.organisations.get(organisation.id))


@router.patch("/organisations/{organisation_id}", summary="Rename an organisation", responses=answers(404))
async def rename(organisation_id: OrganisationId, asked: OrganisationNamed, at: AtDesk, who: Who) -> OrganisationAnswer:
    """For administrators of the server. Its repositories, roles and budgets stay."""
    organisation = await found.organisation(at, organisation_id, who)
    require_server(who)
    told = deed(who, "organisation.rename", organisation.id, organisation.id)
    renamed = await at.organisations.rename(organisation.id, asked.name, told)
    if renamed is None:
        raise missing("organisation")
    return organisation_of(renamed, who.organisations.get(renamed.id))


@router.delete(
    "/organisations/{organisation_id}",
    summary="Remove an organisation",
    status_code=204,
    responses=answers(404, 409),
)
async def remove(organisation_id: OrganisationId, at: AtDesk, who: Who) -> None:
    """For administrators of the server, when it has no repositories. The roles in it and its budgets go with it."""
    organisation = await found.organisation(at, organisation_id, who)
    require_server(who)
    try:
        if not await at.organisations.remove(
            organisation.id, deed(who, "organisation.remove", organisation.id, organisation.id)
        ):
            raise missing("organisation")
    except NotEmpty as error:
        raise Problem(409, error.message, error.mend) from None


@router.get("/organisations/{organisation_id}/roles", summary="Who may what in it", responses=answers(404))
async def members(organisation_id: OrganisationId, at: AtDesk, who: Who) -> Members:
    """For its maintainers."""
    organisation = await found.organisation(at, organisation_id, who, "maintainer")
    return Members(roles=[member_of(member) for member in await at.organisations.members(organisation.id)])


@router.put("/organisations/{organisation_id}/roles/{user_id}", summary="Give a role in it", responses=answers(404))
async def give(organisation_id: OrganisationId, user_id: User, asked: RoleGiven, at: AtDesk, who: Who) -> MemberAnswer:
    """For those who have the role admin in it. It is a role on all its repositories, also those that come later; where
    a user has another one on one of them, the higher counts."""
    organisation = await found.organisation(at, organisation_id, who, "admin")
    user = await found.anybody(at, user_id)
    told = deed(who, "organisation.give", user.id, organisation.id)
    if not await at.organisations.give(user.id, organisation.id, asked.role, told):
        raise missing("organisation")
    return MemberAnswer(user=user.id, name=user.name, organisation=organisation.id, role=asked.role)


@router.delete(
    "/organisations/{organisation_id}/roles/{user_id}",
    summary="Take it back",
    status_code=204,
    responses=answers(404),
)
async def take(organisation_id: OrganisationId, user_id: User, at: AtDesk, who: Who) -> None:
    """As giving it. Roles on single repositories stay."""
    organisation = await found.organisation(at, organisation_id, who, "admin")
    user = await found.anybody(at, user_id)
    if not await at.organisations.take(
        user.id, organisation.id, deed(who, "organisation.take", user.id, organisation.id)
    ):
        raise missing("role")
