"""Tasks that were given more than a member of their repository could give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.given import given
from midwatch.server.accounts.caller import may
from midwatch.server.problems import Problem

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.server.service import Visit


async def require_steerable(visit: Visit, task: Task, repository: Registered | None) -> None:
    """Raises Problem 403 for a member who would have a task go on that they could not have submitted: what they say to
    it reaches the hosts, the secrets or the files that a maintainer has let into its sandbox. Asked of the commit that
    the task stands on, as submitting it would. Raises InputError where the repository cannot be read."""
    if may(visit.who, repository.id if repository else "", "maintainer"):
        return
    found = await visit.service.aside.do(given(visit.service.home, task))
    if found:
        raise Problem(
            403,
            f"a maintainer has given this task {'; '.join(found)}",
            "ask one of them to say it, or submit a task of your own",
        )
