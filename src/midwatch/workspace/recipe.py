"""The environment recipe of a repository: `.midwatch/environment.toml`, as it is in the base commit."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import InputError

FILE = ".midwatch/environment.toml"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = {"PATH", "HOME", "TMPDIR", "PWD"}

_EXAMPLE = """\
checks = ["python -m pytest -q"]

[variables]
NAME = "value\""""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a repository says about its own environment."""

    checks: tuple[str, ...] = ()
    """Shell commands, run in this order from the top of the tree; all must exit with 0."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables inside the box. Not for secrets: the file is in the repository."""


def parse(data: bytes) -> Recipe:
    """The recipe in the file's bytes. Raises InputError that names the file, the key and the fix."""
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{FILE} is not UTF-8 (byte {error.start})", "save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{FILE} is not valid TOML: {error}", f"mend the line; the file may look like this:\n{_EXAMPLE}"
        ) from None
    recipe = _validated(values)
    for number, check in enumerate(recipe.checks, 1):
        if not check.strip() or "\0" in check:
            raise InputError(f"{FILE}: check {number} is empty or holds a NUL", "give a command, or take the entry out")
    for name, value in recipe.variables:
        _check_variable(name, value)
    return recipe


def _validated(values: dict[str, Any]) -> Recipe:
    # Imported here: most runs have no recipe, and listing tasks never has.
    from pydantic import BaseModel, ConfigDict, ValidationError

    class File(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        checks: list[str] = []
        variables: dict[str, str] = {}

    try:
        file = File.model_validate(values)
    except ValidationError as error:
        raise _input_error(dict(error.errors()[0])) from None
    return Recipe(tuple(file.checks), tuple(file.variables.items()))


def _input_error(problem: dict[str, Any]) -> InputError:
    place = [str(part) for part in problem["loc"]]
    key, kind = place[0], str(problem["type"])
    if kind == "extra_forbidden":
        return InputError(
            f"{FILE}: unknown key {key!r}",
            "this version of Midwatch knows `checks` and `[variables]`; take the key out or correct its name",
        )
    found = type(problem["input"]).__name__
    if key == "checks":
        where = f"entry {int(place[1]) + 1} of `checks`" if len(place) > 1 else "`checks`"
        wanted = "a string" if len(place) > 1 else "a list of strings"
        return InputError(
            f"{FILE}: {where} must be {wanted}, not {found}", 'write it like this: checks = ["python -m pytest -q"]'
        )
    if len(place) == 1:
        return InputError(
            f"{FILE}: `variables` must be a table, not {found}", 'write it like this: [variables]\nNAME = "value"'
        )
    name = place[1]
    return InputError(
        f"{FILE}: the variable {name} must be a string, not {found}", f'put the value in quotes: {name} = "…"'
    )


def _check_variable(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{FILE}: {name!r} cannot be the name of a variable", "use letters, digits and _, and no digit first"
        )
    if name in _OURS or name.startswith("MIDWATCH_"):
        raise InputError(
            f"{FILE}: the variable {name} is set by Midwatch itself",
            "take it out, or set it inside the check's command",
        )
    if "\0" in value:
        raise InputError(f"{FILE}: the value of {name} holds a NUL character", "take it out")
