"""`repositories/ID/branches`: what a task may start from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from midwatch.server.accounts.forms import Limit
from midwatch.server.accounts.forms import Repository as RepositoryName
from midwatch.server.branched import BranchesAnswer, chosen
from midwatch.server.service import Visiting

router = APIRouter(tags=["repositories"])
Part = Annotated[str, Query(max_length=1000, pattern=r"^[^\x00]*$", description="A part of their names.")]


@router.get("/repositories/{repository_id}/branches")
async def branches(
    visiting: Visiting, repository_id: RepositoryName, q: Part = "", limit: Limit = 100
) -> BranchesAnswer:
    """Its branches as they were half a minute ago at most: a folder's, or what an address says within ten seconds (503
    where it does not). For its viewers."""
    repository = await visiting.repository(repository_id, "viewer")
    return chosen(await visiting.service.branching.of(repository), q, limit)
