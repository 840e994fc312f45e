"""`budgets`: the most that tasks may spend together."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from midwatch.engine.accounts.organisations import Organisations
from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.accounts.words import Role
from midwatch.engine.budgets.ledger import Ledger
from midwatch.engine.budgets.scopes import Cap, Scope, address
from midwatch.server import capped
from midwatch.server.accounts.caller import require_admin, require_server, require_within
from midwatch.server.accounts.desk import deed
from midwatch.server.answers import BudgetAnswer, Budgets
from midwatch.server.asked import CapAsked, Word
from midwatch.server.problems import Problem, missing
from midwatch.server.recorded import Recorded
from midwatch.server.service import Visit, Visiting

router = APIRouter(prefix="/budgets", tags=["budgets"])

Kind = Literal["organisation", "repository", "task", "user"]


@router.get("")
async def budgets(visiting: Visiting) -> Budgets:
    """Those of the caller, of the organisations they have a role in and of the repositories they see; all of them for
    administrators."""
    return Budgets(budgets=await capped.seen(visiting))


@router.put("")
async def put(visiting: Visiting, asked: CapAsked) -> BudgetAnswer:
    """Set a cap, in the place of the one before. For maintainers of the repository or of the task's; those of users and
    organisations for administrators of the server. What is spent already stays spent."""
    if asked.microusd is None and asked.tokens is None:
        raise Problem(422, "a budget without microusd and tokens caps nothing; delete it instead")
    scope, repository = await _scope(visiting, asked.kind, asked.name)
    cap = Cap(scope, asked.period, asked.microusd, asked.tokens)
    await _recorded(visiting, "budget.set", scope, repository).put(cap)
    (answer,) = await capped.told(visiting.service.home.store.database, [cap])
    return answer


@router.delete("", status_code=204)
async def remove(
    visiting: Visiting, kind: Kind, name: Word, period: Annotated[Literal["whole", "day"], Query()] = "day"
) -> None:
    """Take a cap away. For whom `PUT` is."""
    scope, repository = await _scope(visiting, kind, name)
    known = await Ledger(visiting.service.home.store.database).caps([scope])
    if not any(cap.period == period for cap in known):
        raise missing("budget")
    await _recorded(visiting, "budget.remove", scope, repository).remove(scope, period)


async def _scope(visiting: Visit, kind: Kind, name: str) -> tuple[Scope, Registered | None]:
    """What a caller means and may change, with its repository. Raises Problem 404 or 403."""
    role: Role = "maintainer"
    match kind:
        case "repository":
            found = await visiting.repository(name, role)
            return Scope(kind, address(found.location)), found
        case "task":
            row, repository = await visiting.task(name, role)
            return Scope(kind, row.task.id), repository
        case "organisation":
            return await _organisation(visiting, name), None
    require_admin(visiting.who, "budget")
    user = await People(visiting.service.home.store.database).named(name)
    if user is None:
        raise missing("user")  # a name that nobody has would cap nothing
    return Scope(kind, user.name), None


async def _organisation(visiting: Visit, name: str) -> Scope:
    """One that there is: a name that nobody has would cap nothing."""
    known = Organisations(visiting.service.home.store.database)
    found = await known.find(name) or await known.named(name)
    if found is None:
        raise missing("organisation")
    require_within(visiting.who, found.id, "viewer")
    require_server(visiting.who)
    return Scope("organisation", found.id, found.name)


def _recorded(visiting: Visit, action: str, scope: Scope, repository: Registered | None) -> Ledger:
    where = repository.id if repository else scope.name if scope.kind == "organisation" else ""
    done = deed(visiting.who, action, f"{scope.kind} {scope.name}", where)
    return Ledger(Recorded(visiting.service.home.store.database, done))
