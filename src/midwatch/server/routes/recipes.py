"""The recipe of a repository: its own, or the one that the server keeps in its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter

from midwatch.engine.recipes import Kept, Recipes
from midwatch.sandbox.egress.presets import PRESETS
from midwatch.server.accounts.desk import deed
from midwatch.server.accounts.forms import Repository as RepositoryName
from midwatch.server.environment_forms import (
    EditAsked,
    PresetAnswer,
    Presets,
    RecipeAnswer,
    RecipeAsked,
    RecipeChecked,
    RecipeEdited,
    SuggestionAnswer,
    checked_answer,
    version_of,
)
from midwatch.server.problems import Problem, answers
from midwatch.server.service import Visit, Visiting
from midwatch.server.views import text
from midwatch.workflows.start import clues
from midwatch.workspace import objects
from midwatch.workspace.recipe import FILE
from midwatch.workspace.recipe_edit import edited
from midwatch.workspace.recipe_lines import checked
from midwatch.workspace.suggest import Suggestion, suggest, wanted

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.wiring import Home

router = APIRouter(tags=["environments"])
_ONE = "/repositories/{repository_id}/recipe"


@router.get("/environments/presets")
async def presets() -> Presets:
    """Lists of hosts that a recipe can name as `preset:NAME`."""
    return Presets(presets=[PresetAnswer(name=name, hosts=list(PRESETS[name])) for name in sorted(PRESETS)])


@router.get(_ONE)
async def recipe(visiting: Visiting, repository_id: RepositoryName) -> RecipeAnswer:
    """The one that counts for new tasks, with what is wrong in it, and the versions that were kept here."""
    return await _told(visiting, await visiting.repository(repository_id, "viewer"))


@router.put(_ONE, responses=answers(409))
async def keep(visiting: Visiting, repository_id: RepositoryName, asked: RecipeAsked) -> RecipeAnswer:
    """Keep a recipe here, which counts for new tasks in place of the repository's own. For maintainers: what it names
    of hosts and secrets is trusted then, whoever submits the task. Refused (422) where something is wrong in it."""
    repository = await visiting.repository(repository_id, "maintainer")
    if not asked.text.strip():
        raise Problem(422, "the text is empty", "write what is needed; taking the recipe away is DELETE")
    fault = (await asyncio.to_thread(checked, asked.text))[1]
    if fault is not None:
        where = f"line {fault.line}: " if fault.line else ""
        raise Problem(422, f"{where}{fault.text}", fault.mend)
    await _put(visiting, repository, asked.text, asked.version)
    return await _told(visiting, repository)


@router.delete(_ONE, status_code=204)
async def forget(visiting: Visiting, repository_id: RepositoryName) -> None:
    """Let the repository's own recipe count again. For maintainers. Tasks that were made keep what they have."""
    repository = await visiting.repository(repository_id, "maintainer")
    kept = await Recipes(visiting.service.home.store.database).newest(repository.id)
    if kept is not None and kept.body is not None:
        await _put(visiting, repository, None, None)


@router.post(f"{_ONE}/check")
async def check(visiting: Visiting, repository_id: RepositoryName, asked: RecipeAsked) -> RecipeChecked:
    """What there is to say about a text, without keeping it."""
    await visiting.repository(repository_id, "viewer")
    return RecipeChecked(**checked_answer(*await asyncio.to_thread(checked, asked.text)))


@router.post(f"{_ONE}/edit")
async def edit(visiting: Visiting, repository_id: RepositoryName, asked: EditAsked) -> RecipeEdited:
    """A text with other values, and otherwise as it was written. Nothing is kept."""
    await visiting.repository(repository_id, "viewer")
    changes = {tuple(change.place): change.value for change in asked.changes}
    changed = await asyncio.to_thread(edited, asked.text, changes)
    return RecipeEdited(text=changed, **checked_answer(*await asyncio.to_thread(checked, changed)))


@router.post(f"{_ONE}/suggest")
async def suggestion(visiting: Visiting, repository_id: RepositoryName) -> SuggestionAnswer:
    """A recipe for what the repository's files say, as `midwatch env init` writes it. Nothing is run or kept."""
    repository = await visiting.repository(repository_id, "member")
    made = await visiting.service.aside.do(_suggested(visiting.service.home, repository.location))
    return SuggestionAnswer(
        text=text(made.text()), found=[text(one) for one in made.found], checks_from=text(made.checks_from)
    )


async def _put(visit: Visit, repository: Registered, body: str | None, expected: int | None) -> Kept:
    action = "recipe.set" if body is not None else "recipe.remove"
    told = deed(visit.who, action, repository.id, repository.id)
    kept = await Recipes(visit.service.home.store.database).put(repository.id, body, expected, told)
    if kept is None:
        raise Problem(409, "the recipe has been changed since", "look at the new one, then set yours again")
    return kept


async def _told(visit: Visit, repository: Registered) -> RecipeAnswer:
    versions = await Recipes(visit.service.home.store.database).versions(repository.id)
    commit, own = await visit.service.aside.do(_own(visit.service.home, repository.location))
    counts = versions[0].body if versions else None
    source: Literal["server", "repository", "none"] = (
        "server" if counts is not None else "none" if own is None else "repository"
    )
    shown = counts if counts is not None else own or ""
    return RecipeAnswer(
        **checked_answer(*await asyncio.to_thread(checked, shown)),
        source=source,
        text=shown,
        version=versions[0].version if versions else 0,
        own=own,
        commit=commit,
        versions=[version_of(one) for one in versions],
    )


async def _own(home: Home, location: str) -> tuple[str, str | None]:
    """The commit that a task would start from, and its recipe."""
    repository = await home.repository(location)
    base = await repository.resolve(None)
    content = await objects.read_files(repository.git, base.commit, [FILE])
    return base.commit, content[FILE].decode("utf-8", "replace") if FILE in content else None


async def _suggested(home: Home, location: str) -> Suggestion:
    repository = await home.repository(location)
    base = await repository.resolve(None)
    files = await objects.files(repository.git, base.commit)
    content = await objects.read_files(repository.git, base.commit, [*clues(files), *wanted(files)])
    return suggest(files, content.get)
