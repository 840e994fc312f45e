"""What is wrong in a recipe, said with the key and the way to mend it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from midwatch.domain.errors import InputError

FILE = ".midwatch/environment.toml"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_LISTS = {
    "checks": 'checks = ["python -m pytest -q"]',
    "setup": 'setup = ["npm ci"]',
    "maintenance": 'maintenance = ["npm install --offline"]',
    "labels": 'labels = ["gpu"]',
    "lock_files": 'lock_files = ["requirements/*.txt"]',
    "repository.private_submodules": 'private_submodules = ["https://git.example.org/owner/name"]',
    "network.setup": '[network]\nsetup = ["preset:python"]',
    "network.agent": '[network]\nagent = ["docs.example.org read-only"]',
}
_TABLES = {
    "variables": '[variables]\nNAME = "value"',
    "network": '[network]\nsetup = ["preset:python"]',
    "secrets": '[secrets]\nNAME = { host = "registry.example.com", header = "Authorization", format = "Bearer {}" }',
    "limits": "[limits]\nmemory_mib = 4096",
    "repository": "[repository]\nsubmodules = true",
}


def name_of_variable(name: str, what: str) -> None:
    """Raises InputError for what cannot be the name of a variable (or of a secret, which may come from one)."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{FILE}: {name!r} cannot be the name of {what}", "use letters, digits and _, and no digit first"
        )


def fault(problem: dict[str, Any], model: Any) -> InputError:
    """The first problem that pydantic found in a file of the shape `model`, as an error for a person."""
    place = [str(part) for part in problem["loc"]]
    kind, found = str(problem["type"]), type(problem["input"]).__name__
    if kind == "extra_forbidden":
        return _unknown(place, model)
    if kind == "missing":
        return InputError(f"{FILE}: `{'.'.join(place)}` is missing", f"write it like this:\n{_TABLES[place[0]]}")
    if place[0] == "variables" and len(place) > 1:
        name = place[1]
        return InputError(
            f"{FILE}: the variable {name} must be a string, not {found}", f'put the value in quotes: {name} = "…"'
        )
    number = int(place.pop()) + 1 if place[-1].isdecimal() and len(place) > 1 else 0
    key = ".".join(place)
    if key in _LISTS:
        where, wanted = f"`{key}`", "a list of strings"
        if number:
            where, wanted = f"entry {number} of `{key}`", "a string"
        return InputError(f"{FILE}: {where} must be {wanted}, not {found}", f"write it like this: {_LISTS[key]}")
    if key in _TABLES or (place[0] == "secrets" and len(place) == 2):
        return InputError(f"{FILE}: `{key}` must be a table, not {found}", f"write it like this: {_TABLES[place[0]]}")
    return InputError(f"{FILE}: `{key}` must be {_wanted(kind, problem)}", "mend or remove that line")


def _wanted(kind: str, problem: dict[str, Any]) -> str:
    words = {
        "bool_type": "true or false",
        "int_type": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "string_type": "a string",
        "greater_than": "more than 0",
    }
    return f"{words.get(kind, str(problem['msg']))}, not {problem['input']!r:.80}"


def _unknown(place: list[str], model: Any) -> InputError:
    known, prefix = sorted(model.model_fields), ""
    if len(place) > 1:
        field = model.model_fields[place[0]].annotation
        prefix = ".".join(place[:-1]) + "."
        table = field if hasattr(field, "model_fields") else field.__args__[1]  # a table of tables: dict[str, Table]
        known = sorted(table.model_fields)
    near = get_close_matches(place[-1], known, 1, 0.5)
    hint = f"did you mean `{prefix}{near[0]}`? " if near else ""
    return InputError(
        f"{FILE}: unknown key {prefix + place[-1]!r}",
        f"{hint}this version of Midwatch knows here: {', '.join(known)}; take the key out or correct its name",
    )
