"""Whether a repository's recipe may name hosts and secrets: only when the person says so."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.workspace.location import is_url
from midwatch.workspace.names import shown, without_secret
from midwatch.workspace.recipe import FILE, Recipe


def wishes(recipe: Recipe) -> tuple[str, ...]:
    """What of a recipe needs trust, in words; empty when nothing does. Commands do not: they run in a box that reaches
    nothing, as the agent's own do."""
    found = []
    if recipe.network.setup:
        found.append(f"hosts for setup ({', '.join(recipe.network.setup)})")
    if recipe.network.agent:
        found.append(f"hosts for the agent ({', '.join(recipe.network.agent)})")
    if recipe.secrets:
        found.append(f"secrets ({', '.join(secret.name for secret in recipe.secrets)})")
    if recipe.repository.submodules:
        private = ", ".join(map(shown, recipe.repository.private_submodules))
        lent = f", with the credential of a connection for {private}" if private else ""
        found.append(f"submodules, which are fetched from addresses in .gitmodules{lent}")
    return tuple(found)


def is_trusted(location: str, trusted: Sequence[str], home: str) -> bool:
    """Whether one of the person's entries covers the repository: a folder that holds it (`~` is `home`), or an address
    in which `*` stands for any part of the path."""
    if is_url(location):
        return any(_matches(location, entry) for entry in trusted)
    place = Path(os.path.realpath(location))
    folders = (entry if not entry.startswith("~/") else f"{home}/{entry[2:]}" for entry in trusted)
    return any(place.is_relative_to(os.path.realpath(folder)) for folder in folders if folder.startswith("/"))


def require_trust(recipe: Recipe, location: str) -> None:
    """Raises InputError that says what the recipe asks for and how to allow it. For recipes that are not trusted."""
    wanted = wishes(recipe)
    if not wanted:
        return
    where = without_secret(location) if is_url(location) else shown(location)
    raise InputError(
        f"{FILE} of {where} asks for {'; '.join(wanted)}, and you have not said that you trust it",
        f"look at the file; then give --trust-recipe, or name {where} under `trusted` in [environments] of the "
        "settings file",
    )


def _matches(location: str, entry: str) -> bool:
    if not is_url(entry) or ".." in location.split("/") or "%" in location or "\\" in location:
        return False
    pattern = r"[A-Za-z0-9._/~-]*".join(map(re.escape, entry.rstrip("/").split("*")))
    return re.fullmatch(pattern, location.removesuffix("/")) is not None and _authority(location) == _authority(entry)


def _authority(address: str) -> str:
    """What stands before the path: no `*` may stand for a part of it."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if separator else address.partition(":")[0]
