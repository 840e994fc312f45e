"""What the environment of a repository comes to now, and what is kept for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from midwatch.domain.errors import InputError
from midwatch.engine.recipes import Recipes
from midwatch.server.environment_forms import EnvironmentState
from midwatch.server.routes.kept import environment_answer
from midwatch.server.views import text
from midwatch.workflows.kept import with_kept
from midwatch.workflows.plan import make_plan, recipe_of
from midwatch.workflows.start import Request, resolve
from midwatch.workspace import secrets
from midwatch.workspace.layers.cache import Cache, Layers
from midwatch.workspace.recipe import Recipe
from midwatch.workspace.trust import is_trusted, wishes

if TYPE_CHECKING:
    from midwatch.domain.task import NeededSecret
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.wiring import Home
    from midwatch.workflows.plan import Means
    from midwatch.workflows.start import Resolved, Surroundings
    from midwatch.workspace.repository import Repository

_SAME = {
    "setup": "the commands of the setup have changed",
    "variables": "the variables have changed",
    "variables of the server": "the variables that the server keeps have changed",
    "hosts": "the hosts of the setup have changed",
    "secrets": "the secrets have changed",
    "base": "the base is another, or its files have changed",
    "toolchain": "the toolchain of the machine has changed",
    "architecture": "the machine is of another kind",
    "commit": "layers are kept for one commit only",
    "format": "this version of Midwatch makes layers otherwise",
}


async def state(home: Home, repository: Registered, base: str | None) -> EnvironmentState:
    """As a task would have it. Reads git objects; runs nothing of the repository. Raises InputError for a recipe that
    cannot be used, or a base that there is not."""
    opened = await home.repository(repository.location)
    around = home.settings.surroundings(home.state, home.environ, "", None, home.settings.limits.fill({}))
    around = replace(around, means=await home.means(opened.location))
    request = await with_kept(Request("", repository.location, base), opened, home.store.database)
    found = await resolve(request, opened, around)
    versions = await Recipes(home.store.database).counting([repository.id])
    recipe, cache = found.plan.recipe, Cache(home.state)
    kept = [entry for entry in cache.kept() if entry[0].record.repository == opened.location]
    told = [environment_answer(layers, used, repository.id) for layers, used in reversed(kept)]
    cached = next((one for one in told if one.key == found.plan.key), None)
    rebuild: list[str] = []
    if found.plan.key and cached is None:
        whole = [layers for layers, _ in kept if not layers.record.parent]
        rebuild = await _why(opened, request, found, around, whole)
    trusted = bool(request.recipe) or is_trusted(opened.location, around.means.settings.trusted, around.means.home)
    return EnvironmentState(
        source="server" if request.recipe else "none" if recipe == Recipe() else "repository",
        version=versions.get(repository.id, 0),
        commit=found.base.commit,
        ref=text(found.base.ref),
        sandbox=around.sandbox,
        key=found.plan.key,
        cached=cached,
        rebuild=rebuild,
        kept=told,
        wishes=[text(wish) for wish in wishes(recipe)],
        trusted=trusted or not wishes(recipe),
        missing=[one.name for one in recipe.secrets if not _has(one, around.means)],
        terminals=[],
    )


async def reset(home: Home, location: str) -> int:
    """Delete all layers of the repository at that place; the bytes that they took. Raises InputError while somebody
    uses some of them; the others are gone then."""
    cache = Cache(home.state)
    kept = [layers.record for layers, _ in cache.kept() if layers.record.repository == location]
    taken, refused = 0, list[InputError]()
    for record in sorted(kept, key=lambda one: not one.parent):  # those that stand on others first
        try:
            taken += await cache.drop(record.key)
        except InputError as error:
            refused.append(error)
    if refused:
        raise refused[0]
    return taken


async def _why(
    repository: Repository, request: Request, found: Resolved, around: Surroundings, kept: Sequence[Layers]
) -> list[str]:
    """Why the newest of what is kept does not fit: it is planned once more, for the commit that it was made for."""
    if not kept:
        return ["nothing was built yet"]
    newest = max(kept, key=lambda layers: layers.record.created).record
    if newest.commands != found.plan.recipe.setup:
        return [_SAME["setup"]]
    try:
        before = await repository.resolve(newest.commit)
        recipe = await recipe_of(repository, newest.commit, request.recipe)
        plan = await make_plan(repository, before, recipe, found.plan.tools, around.means)
    except InputError:  # a base that was rewritten, and what it replaced is gone
        return ["what was built last was of a commit that cannot be read any more"]
    return _changed(plan.inputs, found.plan.inputs) or ["the machine or the recipe is not what it was then"]


def _has(secret: NeededSecret, means: Means) -> bool:
    """Whether there is a value for it; which one is nobody's to know here."""
    return secret.name in means.given or bool(secrets.source(secret, means.settings, means.environ))


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    words = [_SAME[name] for name in _SAME if was.get(name) != now.get(name)]
    before, after = was.get("files", {}), now.get("files", {})
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    verbs = {(True, False): "is gone", (False, True): "is new"}
    words += [f"{text(name)} {verbs.get((name in before, name in after), 'has changed')}" for name in names[:20]]
    return words
