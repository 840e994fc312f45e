"""What a maintainer has let into a task's sandbox, that a member of its repository could not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.engine.recipes import Recipes
from midwatch.workflows.plan import recipe_of
from midwatch.workspace.bases import INCLUDED
from midwatch.workspace.repository import Repository
from midwatch.workspace.trust import is_trusted, wishes

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.wiring import Home


async def given(home: Home, task: Task) -> list[str]:
    """In words; empty when a member could have submitted it. Asked of the commit that the task stands on. Raises
    InputError where the repository cannot be read."""
    found = ["uncommitted files of the repository's folder"] if INCLUDED in task.base.note else []
    environments = home.settings.environments
    if is_trusted(task.repository, environments.trusted, home.environ.get("HOME", "/nonexistent")):
        return found
    if task.terms.recipe and task.terms.recipe == await Recipes(home.store.database).text_for(task.repository):
        return found  # what all members are given; one that was replaced since is as any other
    repository = await Repository.open(home.state, task.repository, refresh=False)
    return [*found, *wishes(await recipe_of(repository, task.base.commit, task.terms.recipe))]
