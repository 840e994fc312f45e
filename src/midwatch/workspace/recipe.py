"""The environment recipe of a repository: `.midwatch/environment.toml`, as it is in the base commit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.domain import labels
from midwatch.domain.errors import InputError
from midwatch.domain.task import NeededSecret
from midwatch.workspace.location import is_url
from midwatch.workspace.names import without_secret
from midwatch.workspace.recipe_faults import FILE as FILE
from midwatch.workspace.recipe_faults import fault, name_of_variable

HOST = "host"
"""The base that every machine has: its own system, read-only."""
LARGEST = 128 << 10
"""Bytes of a recipe."""
MOST_DOTS = 500
"""On one line."""

_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = {"PATH", "HOME", "TMPDIR", "PWD"}
_HEADERS_OF_A_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"}

_EXAMPLE = """\
checks = ["python -m pytest -q"]

[variables]
NAME = "value\""""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Entries of an allowlist, as `sandbox.egress.rules` reads them."""

    setup: tuple[str, ...] = ()
    """While setup and maintenance run."""
    agent: tuple[str, ...] = ()
    """While the agent works and the checks run."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits that a repository asks for; None where it does not. They can only lower the person's own."""

    memory_mib: int | None = None
    cpus: float | None = None
    processes: int | None = None
    disk_mib: int | None = None
    command_seconds: int | None = None
    check_seconds: int | None = None
    setup_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What is checked out beside the repository's own files."""

    submodules: bool = False
    lfs: bool = False
    private_submodules: tuple[str, ...] = ()
    """Addresses of submodules that the credential of a connection may be lent for, besides those of repositories that
    the server has anyway."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a repository says about its own environment."""

    checks: tuple[str, ...] = ()
    """Shell commands, run in this order from the top of the tree; all must exit with 0."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables inside the box. Not for secrets: the file is in the repository."""
    base: str = HOST
    """The system of the box: `host`, or a name that the person's settings give to a root file system."""
    setup: tuple[str, ...] = ()
    """Shell commands, run once; what they leave is kept as layers for every attempt."""
    maintenance: tuple[str, ...] = ()
    """Shell commands, run on kept layers when they are used for another commit than they were made for."""
    network: Hosts = field(default_factory=Hosts)
    secrets: tuple[NeededSecret, ...] = ()
    limits: Caps = field(default_factory=Caps)
    repository: Extras = field(default_factory=Extras)
    lock_files: tuple[str, ...] = ()
    """Patterns of further files whose content decides whether kept layers still fit."""
    cache_by_commit: bool = False
    """Keep layers for one commit only."""
    labels: tuple[str, ...] = ()
    """What a worker must have that takes a task of this repository."""


def parse(data: bytes) -> Recipe:
    """The recipe in the file's bytes. Raises InputError that names the file, the key and the fix."""
    _require_readable(data)
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{FILE} is not UTF-8 (byte {error.start})", "save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{FILE} is not valid TOML: {error}", f"mend the line; the file may look like this:\n{_EXAMPLE}"
        ) from None
    recipe = _validated(values)
    for what, commands in (("check", recipe.checks), ("setup", recipe.setup), ("maintenance", recipe.maintenance)):
        _check_commands(what, commands)
    for name, value in recipe.variables:
        _check_variable(name, value)
    _check_base(recipe.base)
    _check_lock_files(recipe.lock_files)
    _check_network(recipe)
    return recipe


def _require_readable(data: bytes) -> None:
    """Anybody may hand one in, and the time that TOML takes grows with the square of a key's parts."""
    if len(data) > LARGEST:
        raise InputError(f"{FILE} is larger than {LARGEST >> 10} KiB", "put what is long into a script of its own")
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.count(b".") > MOST_DOTS:
            raise InputError(
                f"{FILE} has more than {MOST_DOTS} dots on a line (at line {number}, column 1)",
                "write it on several lines, or into a script of the repository",
            )


def _validated(values: dict[str, Any]) -> Recipe:
    from pydantic import ValidationError  # imported here: most runs have no recipe, and listing tasks never has

    model = _model()
    try:
        file = model.model_validate(values)
    except ValidationError as error:
        raise fault(dict(error.errors()[0]), model) from None
    return Recipe(
        checks=tuple(file.checks),
        variables=tuple(file.variables.items()),
        base=file.base,
        setup=tuple(file.setup),
        maintenance=tuple(file.maintenance),
        network=Hosts(tuple(file.network.setup), tuple(file.network.agent)),
        secrets=tuple(NeededSecret(name, **secret.model_dump()) for name, secret in file.secrets.items()),
        limits=Caps(**file.limits.model_dump()),
        repository=_extras(file.repository),
        lock_files=tuple(file.lock_files),
        cache_by_commit=file.cache_by_commit,
        labels=_labels(file.labels),
    )


def _model() -> Any:
    """The file's shape, as a pydantic model."""
    from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

    texts: list[str] = Field(default_factory=list)

    class Table(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    class Network(Table):
        setup: list[str] = texts
        agent: list[str] = texts

    class Secret(Table):
        host: str
        header: str = "Authorization"
        format: str = "{}"

    class Limits(Table):
        memory_mib: PositiveInt | None = None
        cpus: PositiveFloat | None = None
        processes: PositiveInt | None = None
        disk_mib: PositiveInt | None = None
        command_seconds: PositiveInt | None = None
        check_seconds: PositiveInt | None = None
        setup_seconds: PositiveInt | None = None

    class Repository(Table):
        submodules: bool = False
        lfs: bool = False
        private_submodules: list[str] = texts

    class File(Table):
        base: str = HOST
        setup: list[str] = texts
        maintenance: list[str] = texts
        checks: list[str] = texts
        variables: dict[str, str] = Field(default_factory=dict)
        network: Network = Network()
        secrets: dict[str, Secret] = Field(default_factory=dict)
        limits: Limits = Limits()
        repository: Repository = Repository()
        lock_files: list[str] = texts
        cache_by_commit: bool = False
        labels: list[str] = texts

    return File


def _extras(given: Any) -> Extras:
    key, private = f"{FILE}: repository.private_submodules", tuple(given.private_submodules)
    for address in private:
        if not is_url(address) or not address.isprintable() or without_secret(address) != address:
            raise InputError(
                f"{key}: {without_secret(address)!r} is no address of a repository",
                'write it like this: "https://git.example.org/owner/name"',
            )
    if private and not given.submodules:
        raise InputError(
            f"{key} says nothing without submodules", "write `submodules = true` beside it, or take it out"
        )
    return Extras(given.submodules, given.lfs, private)


def _labels(given: list[str]) -> tuple[str, ...]:
    try:
        return labels.parse(given)
    except InputError as error:
        raise InputError(f"{FILE}: labels: {error.message}", error.mend) from None


def _check_commands(what: str, commands: Sequence[str]) -> None:
    for number, command in enumerate(commands, 1):
        if not command.strip() or "\0" in command:
            raise InputError(
                f"{FILE}: {what} {number} is empty or holds a NUL", "give a command, or take the entry out"
            )


def _check_variable(name: str, value: str) -> None:
    name_of_variable(name, "a variable")
    if name in _OURS or name.startswith("MIDWATCH_"):
        raise InputError(
            f"{FILE}: the variable {name} is set by Midwatch itself",
            "take it out, or set it inside the check's command",
        )
    if "\0" in value:
        raise InputError(f"{FILE}: the value of {name} holds a NUL character", "take it out")


def _check_base(base: str) -> None:
    if not _BASE.fullmatch(base):
        raise InputError(
            f"{FILE}: base = {base!r} is no name",
            "a repository may not name folders of the machine: write `host`, or a name that [environments.bases] of "
            "the settings file gives to a root file system",
        )


def _check_lock_files(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not pattern.strip("/") or pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
            raise InputError(
                f"{FILE}: lock_files: {pattern!r} is no pattern of files in the repository",
                'write it relative to the top, such as "requirements/*.txt"',
            )


def _check_network(recipe: Recipe) -> None:
    """Each entry is understood, and each secret goes to one host that is allowed."""
    entries = (*recipe.network.setup, *recipe.network.agent)
    if not entries and not recipe.secrets:
        return
    from midwatch.sandbox.egress.rules import names_host, rules  # only for recipes that name hosts

    try:
        allowed = rules(entries)
    except InputError as error:
        raise InputError(f"{FILE}: network: {error.message}", error.mend) from None
    for secret in recipe.secrets:
        _check_secret(secret)
        if not any(names_host(rule, secret.host) for rule in allowed):
            raise InputError(
                f"{FILE}: secrets.{secret.name}: {secret.host} is not among the hosts of [network]",
                f'add "{secret.host}" to `setup` (or `agent`) of [network]',
            )


def _check_secret(secret: NeededSecret) -> None:
    where = f"{FILE}: secrets.{secret.name}"
    name_of_variable(secret.name, "a secret")
    if secret.host != secret.host.lower() or not re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", secret.host):
        raise InputError(
            f"{where}.host: {secret.host!r} is not one exact host", 'write it like this: host = "registry.example.com"'
        )
    if not _HEADER.fullmatch(secret.header) or secret.header.lower() in _HEADERS_OF_A_CONNECTION:
        raise InputError(
            f"{where}.header: {secret.header!r} cannot carry a secret", 'write it like this: header = "Authorization"'
        )
    if secret.format.count("{}") != 1 or not secret.format.isprintable() or not secret.format.isascii():
        raise InputError(
            f"{where}.format: {secret.format!r} must hold {{}} once, where the secret stands",
            'write it like this: format = "Bearer {}"',
        )
