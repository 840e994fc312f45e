"""What a maintainer has let into a task's sandbox, that a member of its repository could not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.workflows.plan import read_recipe
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
    recipe = await read_recipe(await Repository.open(home.state, task.repository, refresh=False), task.base.commit)
    return [*found, *(wishes(recipe) if recipe else ())]
