"""Tasks that were given more than a member of their repository could give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.engine.recipes import Recipes
from midwatch.server.accounts.caller import may
from midwatch.server.problems import Problem
from midwatch.workflows.plan import recipe_of
from midwatch.workspace.bases import INCLUDED
from midwatch.workspace.repository import Repository
from midwatch.workspace.trust import is_trusted, wishes

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
    found = await visit.service.aside.do(_given(visit, task))
    if found:
        raise Problem(
            403,
            f"a maintainer has given this task {'; '.join(found)}",
            "ask one of them to say it, or submit a task of your own",
        )


async def _given(visit: Visit, task: Task) -> list[str]:
    """In words; empty when a member could have submitted it."""
    home = visit.service.home
    found = ["uncommitted files of the repository's folder"] if INCLUDED in task.base.note else []
    environments = home.settings.environments
    if is_trusted(task.repository, environments.trusted, home.environ.get("HOME", "/nonexistent")):
        return found
    if task.terms.recipe and task.terms.recipe == await Recipes(home.store.database).text_for(task.repository):
        return found  # what all members are given; one that was replaced since is as any other
    repository = await Repository.open(home.state, task.repository, refresh=False)
    return [*found, *wishes(await recipe_of(repository, task.base.commit, task.terms.recipe))]
