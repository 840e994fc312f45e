"""What a recipe comes to on this machine: the base, the key of its layers, the caps. Nothing is run for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.domain.limits import Limits
from midwatch.domain.task import Base, Terms
from midwatch.sandbox.spec import MIB, BoxLimits
from midwatch.workspace import objects
from midwatch.workspace.config import EnvironmentSettings
from midwatch.workspace.layers import key as keys
from midwatch.workspace.location import repository_key
from midwatch.workspace.recipe import FILE, HOST, Recipe, parse
from midwatch.workspace.repository import Repository
from midwatch.workspace.roots import Root, root_of
from midwatch.workspace.toolchain import Toolchain


@dataclass(frozen=True, slots=True)
class Means:
    """The person's part: what the settings, the environment and the machine give to environments."""

    state: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    settings: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    limits: BoxLimits = field(default_factory=BoxLimits)
    """Caps of a box, before a recipe lowers them."""
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Secrets of the repository that a server keeps, by name; they come before what the environment has."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables of the repository that a server keeps; those of the recipe come before them."""

    @property
    def home(self) -> str:
        """The person's home, for `~`."""
        return self.environ.get("HOME", "/nonexistent")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the environment of one commit is made."""

    recipe: Recipe
    base: Base
    tools: Toolchain
    """What boxes are given of the host; nothing with a root file system."""
    root: Root
    held: keys.Tracked
    inputs: Mapping[str, Any]
    """What the key is made of."""
    key: str
    """Of the layers that the setup leaves; empty when there is no setup."""
    variables: tuple[tuple[str, str], ...] = ()
    """Of the server, for the repository."""


async def read_recipe(repository: Repository, commit: str) -> Recipe | None:
    """The recipe of a commit; None when it has none. Raises InputError for what is wrong in it."""
    content = await objects.read_files(repository.git, commit, [FILE])
    return parse(content[FILE]) if FILE in content else None


async def recipe_of(repository: Repository, commit: str, kept: str) -> Recipe:
    """The recipe that counts for a commit: the text that was `kept` elsewhere, or the commit's own where that is empty.
    Raises InputError for what is wrong in it."""
    return parse(kept.encode()) if kept else await read_recipe(repository, commit) or Recipe()


async def make_plan(repository: Repository, base: Base, recipe: Recipe, tools: Toolchain, means: Means) -> Plan:
    """Resolve the base and compute the key. Lists the commit's files. Raises InputError for a base that the settings do
    not have."""
    root = await root_of(recipe.base, means.settings.bases, means.state, means.home)
    if recipe.base != HOST:
        tools = Toolchain(variables=tools.variables)  # programs of the host do not run on another system
    variables = tuple(sorted(means.variables.items()))
    if not recipe.setup:
        return Plan(recipe, base, tools, root, keys.Tracked({}, {}, frozenset()), {}, "", variables)
    held = await keys.tracked(repository.git, base.commit, base.tree)
    around = {
        "repository": repository_key(repository.location),
        "base": root.identity,
        "toolchain": keys.toolchain_identity([str(mount) for mount in tools.read_only], tools.path),
    }
    around |= {"variables of the server": repr(variables)} if variables else {}
    inputs = keys.inputs(recipe, held, base.commit, around)
    return Plan(recipe, base, tools, root, held, inputs, keys.digest(inputs), variables)


def terms(plan: Plan, kept: str = "") -> Terms:
    """What a task keeps of the plan; `kept`: the recipe's text where it is not the commit's."""
    recipe = plan.recipe
    return Terms(
        base=recipe.base,
        base_identity=plan.root.identity,
        layers=plan.key,
        maintenance=recipe.maintenance,
        hosts=recipe.network.agent,
        secrets=recipe.secrets,
        memory_mib=recipe.limits.memory_mib,
        cpus=recipe.limits.cpus,
        processes=recipe.limits.processes,
        disk_mib=recipe.limits.disk_mib,
        submodules=recipe.repository.submodules,
        lfs=recipe.repository.lfs,
        private_submodules=recipe.repository.private_submodules,
        variables=plan.variables,
        recipe=kept,
    )


def notes(plan: Plan) -> tuple[str, ...]:
    """What a person should know about the environment when the task begins, a line each."""
    recipe, found = plan.recipe, []
    if recipe.base != HOST:
        found.append(f"environment: the base {recipe.base} instead of this machine's system")
    if plan.key:
        count = len(recipe.setup)
        found.append(f"environment: setup of {count} command{'' if count == 1 else 's'}, kept as {plan.key[:12]}")
    if recipe.network.agent:
        found.append(f"network: the agent and the checks reach {', '.join(recipe.network.agent)}")
    return tuple(found)


def lowered(limits: Limits, recipe: Recipe) -> Limits:
    """The person's limits of an attempt, lowered where the recipe asks for less."""
    asked = recipe.limits
    return replace(
        limits,
        command_seconds=min(limits.command_seconds, asked.command_seconds or limits.command_seconds),
        check_seconds=min(limits.check_seconds, asked.check_seconds or limits.check_seconds),
    )


def box_limits(asked: Terms, own: BoxLimits) -> BoxLimits:
    """The person's caps of a box, lowered where the recipe asks for less."""
    cpus = [cap for cap in (asked.cpus, own.cpus) if cap is not None]
    return replace(
        own,
        memory_bytes=min(own.memory_bytes, (asked.memory_mib or own.memory_bytes) * MIB),
        processes=min(own.processes, asked.processes or own.processes),
        disk_bytes=min(own.disk_bytes, (asked.disk_mib or own.disk_bytes) * MIB),
        cpus=min(cpus) if cpus else None,
    )


async def same_base(asked: Terms, means: Means) -> Root:
    """The base of a task that was made earlier. Raises InputError when the name means something else by now."""
    root = await root_of(asked.base, means.settings.bases, means.state, means.home)
    if asked.base != HOST and root.identity != asked.base_identity:
        raise InputError(
            f"the base {asked.base!r} has changed since the task was made", "put it back, or make the task anew"
        )
    return root
