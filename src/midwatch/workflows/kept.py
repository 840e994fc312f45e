"""Making tasks with the recipe that the server keeps for their repository."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from midwatch.engine.recipes import Recipes
from midwatch.workflows import start
from midwatch.workflows.start import Request, Surroundings

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.database.base import Database
    from midwatch.workspace.repository import Repository


async def with_kept(request: Request, repository: Repository, database: Database) -> Request:
    """The same with the recipe that is kept for the repository, if there is one. In a conversation the person's own
    folder says how it is prepared."""
    if request.recipe or request.kind == "conversation":
        return request
    return replace(request, recipe=await Recipes(database).text_for(repository.location))


async def make_task(request: Request, repository: Repository, around: Surroundings, database: Database) -> Task:
    """As `start.make_task`."""
    return await start.make_task(await with_kept(request, repository, database), repository, around)
