"""Budgets as callers are told of them: which they may see, and what is spent of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from midwatch.engine.accounts.organisations import Organisations
from midwatch.engine.budgets.ledger import Ledger
from midwatch.engine.budgets.scopes import Cap, Scope, address, scopes_of
from midwatch.server.answers import BudgetAnswer

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.database.base import Database
    from midwatch.engine.turns import Turn
    from midwatch.server.accounts.caller import Caller
    from midwatch.server.service import Visit


async def seen(visiting: Visit) -> list[BudgetAnswer]:
    """Those of the caller, their organisations and the repositories they see; all of them for administrators."""
    database, who = visiting.service.home.store.database, visiting.who
    scopes: list[Scope] | None = None
    if not who.everywhere:
        repositories = await visiting.visible()
        scopes = [Scope("user", who.name), *(Scope("organisation", one) for one in who.organisations)]
        scopes += [Scope("repository", address(one.location)) for one in repositories]
    return await told(database, await Ledger(database).caps(scopes))


async def of_task(visiting: Visit, task: Task, turn: Turn | None, repository: Registered | None) -> list[BudgetAnswer]:
    """Those that its next call counts for: of the person who wants it and of the organisation only where the caller
    may see what these have spent elsewhere."""
    database, who = visiting.service.home.store.database, visiting.who
    within = await Organisations(database).of_repositories([repository.id] if repository else [])
    owner = turn.owner if turn else ""
    organisation = within[repository.id].id if repository and within else ""
    scopes = [scope for scope in scopes_of(task, owner, organisation) if _shown(who, scope)]
    return await told(database, await Ledger(database).caps(scopes))


def _shown(who: Caller, scope: Scope) -> bool:
    own = {"user": scope.name == who.name, "organisation": scope.name in who.organisations}
    return who.everywhere or own.get(scope.kind, True)


async def told(database: Database, caps: Sequence[Cap]) -> list[BudgetAnswer]:
    """Caps with what is spent and reserved below each; organisations by their names."""
    called = await _names(database, (cap.scope for cap in caps))
    return [await _told(Ledger(database), cap, called.get(cap.scope.name, cap.scope.name)) for cap in caps]


async def _names(database: Database, scopes: Iterable[Scope]) -> dict[str, str]:
    wanted = {scope.name for scope in scopes if scope.kind == "organisation"}
    if not wanted:
        return {}
    return {one.id: one.name for one in await Organisations(database).all(wanted, limit=len(wanted))}


async def _told(ledger: Ledger, cap: Cap, name: str) -> BudgetAnswer:
    since = datetime.now(UTC).date().isoformat() if cap.period == "day" else ""
    rows = await ledger.spending(cap.scope.kind, cap.scope.name, since, limit=1)
    spent = rows[0] if rows else None
    return BudgetAnswer(
        kind=cap.scope.kind,
        name=name,
        period=cap.period,
        microusd=cap.microusd,
        tokens=cap.tokens,
        spent_microusd=spent.microusd if spent else 0,
        spent_tokens=spent.tokens if spent else 0,
        reserved_microusd=spent.reserved_microusd if spent else 0,
        reserved_tokens=spent.reserved_tokens if spent else 0,
    )
