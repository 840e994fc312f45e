"""What a repository sets for the tasks in it: files in its `.midwatch/`, read from the base commit and only when the
person trusts the repository. They can only make a task narrower: forbid, ask, object, lower a limit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.agent.config import read_hooks
from midwatch.domain.errors import InputError
from midwatch.domain.guard import Guard, Hook
from midwatch.tools.rules import Rule, Rules
from midwatch.tools.rules import parse as parse_rules
from midwatch.workflows import prompts
from midwatch.workflows.config import LimitSettings
from midwatch.workflows.plan import Means
from midwatch.workspace import objects
from midwatch.workspace.names import shown
from midwatch.workspace.repository import Repository
from midwatch.workspace.trust import is_trusted

SETTINGS = ".midwatch/settings.toml"
RULES = ".midwatch/rules.toml"
HOOKS = ".midwatch/hooks.toml"
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Project:
    """What was read."""

    rules: tuple[Rule, ...] = ()
    hooks: tuple[Hook, ...] = ()
    limits: LimitSettings = field(default_factory=LimitSettings)
    prompts: tuple[prompts.Prompt, ...] = ()
    unread: tuple[str, ...] = ()
    """Files that are there and were not read, because the repository is not trusted."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it when the task begins."""
        found = []
        if self.unread:
            named = ", ".join(map(shown, self.unread[:MOST_NAMED]))
            more = len(self.unread) - MOST_NAMED
            found.append(
                f"{named}{f' and {more} more' if more > 0 else ''}: there and not read, because you have not said that "
                "you trust this repository (--trust-project, or `trusted` in [environments] of the settings file)"
            )
        if self.hooks:
            found.append(f"the repository has {len(self.hooks)} hook{'' if len(self.hooks) == 1 else 's'} of its own")
        return tuple(found)

    def guard(self, rules: Rules, hooks: Sequence[Hook]) -> Guard:
        """The person's rules and hooks with the repository's: all of them count, and the strictest rule wins."""
        return Guard(Rules((*rules.rules, *self.rules)).kept(), (*hooks, *self.hooks))


def trusts(location: str, means: Means, *, asked: bool) -> bool:
    """Whether the person trusts a repository: by the command, or by an entry of their settings."""
    return asked or is_trusted(location, means.settings.trusted, means.home)


async def read_project(repository: Repository, commit: str, files: Sequence[str], *, trusted: bool) -> Project:
    """What the commit, which has these files, sets. Raises InputError that names the file and what is wrong in it; what
    is not trusted is not looked into."""
    there = [path for path in files if path in (SETTINGS, RULES, HOOKS) or prompts.name_of(path)]
    if not trusted:
        return Project(unread=tuple(there))
    contents = await objects.read_files(repository.git, commit, there)
    if large := next((path for path in there if path not in contents), ""):
        raise InputError(
            f"{shown(large)} is larger than {objects.LARGEST_READ >> 20} MiB",
            "make it smaller, or work without --trust-project",
        )
    hooks = _toml(contents, HOOKS, ("hooks",)).get("hooks")
    return Project(
        rules=parse_rules(contents[RULES], RULES).rules if RULES in contents else (),
        hooks=read_hooks(hooks, HOOKS),
        limits=_limits(_toml(contents, SETTINGS, ("limits",)).get("limits")),
        prompts=prompts.of_repository(contents),
    )


async def offered_prompts(repository: Repository, commit: str, *, trusted: bool) -> tuple[prompts.Prompt, ...]:
    """The prompts of the commit, when the person trusts the repository."""
    if not trusted:
        return ()
    files = await objects.files(repository.git, commit, prompts.FOLDER)
    return prompts.of_repository(await objects.read_files(repository.git, commit, prompts.wanted(files)))


def _toml(contents: Mapping[str, bytes], path: str, keys: Sequence[str]) -> dict[str, Any]:
    try:
        values = tomllib.loads(contents.get(path, b"").decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}", "mend it, or work without --trust-project") from None
    odd = next((key for key in values if key not in keys), None)
    if odd is not None:
        raise InputError(
            f"{path}: a repository cannot set {odd!r}", f"take it out; what can be set there is: {', '.join(keys)}"
        )
    return values


def _limits(values: Any) -> LimitSettings:
    if values is None:
        return LimitSettings()
    from pydantic import TypeAdapter, ValidationError  # most repositories have none

    try:
        return TypeAdapter(LimitSettings).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("limits", *first["loc"])))
        raise InputError(f"{SETTINGS}: {key}: {first['msg']}", "mend or remove that line") from None
