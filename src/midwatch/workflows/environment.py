"""The environment that every box of a task has: layers of a setup that ran once, hosts, secrets, caps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.observer import Observer
from midwatch.domain.task import Base, Task, Terms
from midwatch.engine.disk import full_or_broken
from midwatch.engine.store.records import now
from midwatch.sandbox.arguments import HOME
from midwatch.sandbox.base import WORKDIR, Box, BoxSpec, Sandbox
from midwatch.sandbox.network import Decision, Network
from midwatch.sandbox.spec import BoxLimits, Overlay
from midwatch.workflows.plan import Means, Plan, box_limits, make_plan, recipe_of, same_base
from midwatch.workflows.setup import Builder, CommandFailed, SetupLog, build, copy_home, run_commands, writable
from midwatch.workspace import secrets
from midwatch.workspace.extras import Wanted as Extras
from midwatch.workspace.layers.cache import Cache, Layers, Record
from midwatch.workspace.layers.key import digest
from midwatch.workspace.recipe import FILE, HOST, Recipe
from midwatch.workspace.repository import Repository
from midwatch.workspace.roots import Root, unpacked
from midwatch.workspace.toolchain import Toolchain

_PATHS = (
    ("workspace", f"{WORKDIR}/", (".venv/bin", "venv/bin", "node_modules/.bin", "vendor/bin")),
    ("home", f"{HOME}/", (".local/bin", ".cargo/bin", "go/bin", ".bun/bin")),
)
"""Where setups put programs."""
IN_PLACE = ("process", "landlock")
"""Drivers whose workspace and home have other paths in each box: what a setup leaves would not fit the next."""

OPEN = "process"
"""The driver that keeps nothing from the network; it was asked for by name."""


@dataclass(frozen=True, slots=True)
class EnvironmentParts:
    """What environments are made with."""

    means: Means
    repository: Repository
    sandbox: Sandbox
    overlay: bool
    """Whether the driver takes layers (`Protections.overlay`); without, everything is copied."""
    observer: Observer


@dataclass(frozen=True, slots=True)
class Environment:
    """What a box is given by the environment of its task."""

    limits: BoxLimits = field(default_factory=BoxLimits)
    key: str = ""
    workspace: tuple[Path, ...] = ()
    """Layers of the workspace, the lowest first. They belong below the checkout, so that a file of the repository is
    seen and not what an older commit's setup left in its place."""
    home: tuple[Path, ...] = ()
    root: tuple[Path, ...] = ()
    """The root file system and what was added to it; empty for the host's system."""
    path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    network: Network | None = None
    """For the agent and the checks."""
    commands: tuple[str, ...] = ()
    """Setup that could not be kept with this driver, and is run in each new box by `set_up`."""
    seconds: float = 3600.0
    """The longest that one of these may run."""
    notes: tuple[str, ...] = ()
    """For the model and the person: what did not go as the recipe says."""
    made: tuple[Layers, ...] = ()
    """The kept layers, with their records and logs."""
    built: bool = False
    """Whether some were made now."""


async def equip(
    environment: Environment,
    spec: BoxSpec,
    owner: tuple[int, int] | None,
    decided: Callable[[Decision], None] | None = None,
) -> BoxSpec:
    """The spec of a box with all of the environment in it but the layers of its workspace, which `Workspace.restore`
    takes. Makes what the box writes to beside its workspace: `spec.private` must be new or missing, and its home is
    copied there where the workspace is a plain folder. `decided` is told what the proxy does. Raises OperationError."""
    network = environment.network
    if network is not None and decided is not None:
        network = replace(network, decided=decided)
    layered = isinstance(spec.workspace, Overlay)
    try:
        if environment.home and not layered:
            await asyncio.to_thread(copy_home, environment.home, spec.private, owner)
        root = writable(environment.root, spec.private / "root", owner) if environment.root else None
    except OSError as error:
        raise full_or_broken(spec.private, error) from error
    return replace(
        spec,
        home=environment.home if layered else (),
        root=root,
        path=(*environment.path, *spec.path),
        environment={**spec.environment, **dict(environment.variables)},
        limits=environment.limits,
        network=network,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose environment it is."""

    terms: Terms
    base: Base
    tools: Toolchain
    """What the boxes are given of the host."""

    @classmethod
    def by(cls, task: Task) -> Wanted:
        """A task's."""
        mounts, masked = tuple(map(Path, task.mounts)), tuple(map(Path, task.masked))
        return cls(task.terms, task.base, Toolchain(mounts, masked, task.path, task.environment))


@asynccontextmanager
async def environment_layers(wanted: Wanted, parts: EnvironmentParts) -> AsyncIterator[Environment]:
    """The environment, whose layers are there as long as the context lasts; made when nobody has yet. Runs
    no process when they are there. Raises InputError (a secret is missing, the base has changed), OperationError (the
    setup fails; the error has the command, the end of its output and the log's place)."""
    terms, means = wanted.terms, parts.means
    network = None if parts.sandbox.name == OPEN else network_of(terms.hosts, terms, means)
    ready = Environment(limits=box_limits(terms, means.limits), network=network, seconds=means.settings.setup_seconds)
    if not terms.layers and terms.base == HOST:
        yield ready
        return
    root = await same_base(terms, means)
    making = _Making(parts, wanted, root)
    if not terms.layers or parts.sandbox.name in IN_PLACE:
        yield await _without_layers(ready, making)
        return
    async with AsyncExitStack() as stack:
        yield await _with_layers(ready, making, stack)


def extras_of(terms: Terms) -> Extras:
    """What the checkouts of a task hold beside the repository's own files."""
    return Extras(terms.submodules, terms.lfs, terms.private_submodules)


async def set_up(environment: Environment, box: Box, log: Path, observer: Observer) -> None:
    """Run what could not be kept as layers in a box that was just opened; nothing for most. `log` takes the output.
    Raises OperationError for a command that fails."""
    if environment.commands:
        observer.phase("running the setup of the environment")
        try:
            writer = SetupLog(log, observer)
            try:
                await run_commands(box, environment.commands, environment.seconds, writer, "setup")
            finally:
                writer.close()
        except OSError as error:
            raise full_or_broken(log, error) from error


def network_of(hosts: tuple[str, ...], terms: Terms, means: Means) -> Network | None:
    """The allowlist, with the secrets of the hosts that are on it. Raises InputError for a secret that is missing."""
    if not hosts:
        return None
    from midwatch.sandbox.egress.rules import names_host, rules

    allowed = rules(hosts)
    needed = [secret for secret in terms.secrets if any(names_host(rule, secret.host) for rule in allowed)]
    headers = secrets.headers(needed, means.settings, means.environ, means.given)
    return Network(allowed, headers, pinned=means.settings.addresses)


@dataclass(frozen=True, slots=True)
class _Making:
    """Everything that the layers of one task are made from."""

    parts: EnvironmentParts
    wanted: Wanted
    root: Root


async def _without_layers(ready: Environment, making: _Making) -> Environment:
    parts = making.parts
    root = await _root_folder(making)
    if not making.wanted.terms.layers:
        return replace(ready, root=root)
    recipe = await recipe_of(parts.repository, making.wanted.base.commit, making.wanted.terms.recipe)
    if recipe.network.setup and parts.sandbox.name != OPEN:
        raise _closed(parts.sandbox.name)
    return replace(ready, root=root, commands=recipe.setup)


async def _with_layers(ready: Environment, making: _Making, stack: AsyncExitStack) -> Environment:
    cache, key = Cache(making.parts.means.state), making.wanted.terms.layers

    def waiting() -> None:
        making.parts.observer.phase("waiting for the setup of the environment, which another attempt runs")

    async def first(folder: Path) -> Record:
        plan = await _plan(making)
        builder = await _builder(making, plan.recipe, cache.failed_log(key))
        return await build(folder, plan, builder, plan.recipe.setup, None)

    before = cache.look(key)
    layers = await stack.enter_async_context(cache.obtain(key, first, waiting))
    stacked, notes = [layers], []
    if making.wanted.terms.maintenance and layers.record.commit != making.wanted.base.commit:
        more = await _maintained(making, layers, cache, stack, waiting)
        if more.record.failure:
            notes.append(more.record.failure)
        else:
            stacked = [more] if more.record.whole else [layers, more]
    if before is None:  # something was added, so the oldest may have to go; what is held here stays
        settings = making.parts.means.settings
        await cache.collect(settings.keep_gib * (1 << 30), settings.keep_days * 86400)
    parts = {
        name: tuple(part for each in stacked for part in each.part(name)) for name in ("workspace", "home", "root")
    }
    return replace(
        ready,
        key=key,
        made=tuple(stacked),
        built=before is None,
        workspace=parts["workspace"],
        home=parts["home"],
        root=(*await _root_folder(making), *parts["root"]),
        path=_programs(parts),
        variables=_virtual_environment(parts["workspace"]),
        notes=tuple(notes),
    )


async def _maintained(
    making: _Making, below: Layers, cache: Cache, stack: AsyncExitStack, waiting: Callable[[], None]
) -> Layers:
    """The layer that maintenance adds for this commit. Its failure is kept like a result, so that all attempts have the
    same environment."""
    maintenance = making.wanted.terms.maintenance
    key = digest({"below": below.record.key, "created": below.record.created, "commit": making.wanted.base.commit,
                  "maintenance": list(maintenance), "whole": not making.parts.overlay})  # fmt: skip

    async def more(folder: Path) -> Record:
        plan = replace(await _plan(making), key=key)
        builder = await _builder(making, plan.recipe, cache.folder / key / "log")
        try:
            record = await build(folder, plan, builder, maintenance, below)
        except CommandFailed as error:
            failure = f"{error.message}; the environment is used without it. The log is {builder.log}"
            commit = making.wanted.base.commit
            record = Record(
                key, making.parts.repository.location, commit, now(), 0.0, 0, 0, maintenance, failure=failure
            )
        return replace(record, parent=below.record.key)

    return await stack.enter_async_context(cache.obtain(key, more, waiting))


async def _plan(making: _Making) -> Plan:
    """The plan again, from the commit. Raises InputError when what decides about the layers has changed since."""
    repository = making.parts.repository
    recipe = await recipe_of(repository, making.wanted.base.commit, making.wanted.terms.recipe)
    means = replace(making.parts.means, variables=dict(making.wanted.terms.variables))  # as they were
    plan = await make_plan(repository, making.wanted.base, recipe, making.wanted.tools, means)
    if plan.key != making.wanted.terms.layers:
        raise InputError(
            "the environment of the task can no longer be made as it was: the machine's system, its toolchain or the "
            "settings have changed since",
            "make the task anew",
        )
    return plan


async def _builder(making: _Making, recipe: Recipe, log: Path) -> Builder:
    parts, means = making.parts, making.parts.means
    protections = await parts.sandbox.probe()
    if recipe.network.setup and not protections.network:
        raise _closed(parts.sandbox.name)
    without = network_of(recipe.network.setup, making.wanted.terms, means)
    roots = await _root_folder(making)

    def network(decided: Callable[[Decision], None]) -> Network | None:
        return None if without is None else replace(without, decided=decided)

    own = means.settings.setup_seconds
    return Builder(
        repository=parts.repository,
        sandbox=parts.sandbox,
        observer=parts.observer,
        limits=box_limits(making.wanted.terms, means.limits),
        seconds=min(own, recipe.limits.setup_seconds or own),
        overlay=parts.overlay,
        network=network,
        root=roots[0] if roots else None,
        log=log,
    )


def _closed(driver: str) -> InputError:
    return InputError(
        f"{FILE} allows hosts for the setup, and the sandbox {driver!r} cannot let them through",
        "use another driver (`sandbox.driver` of the settings)",
    )


async def _root_folder(making: _Making) -> tuple[Path, ...]:
    if making.root.source is None:
        return ()
    return (await unpacked(making.root, making.parts.means.state),)


def _programs(parts: Mapping[str, tuple[Path, ...]]) -> tuple[str, ...]:
    """The folders of programs that the layers have, as a box sees them."""
    return tuple(
        prefix + name
        for part, prefix, names in _PATHS
        for name in names
        if any(os.path.lexists(layer / name) for layer in parts[part])
    )


def _virtual_environment(layers: tuple[Path, ...]) -> tuple[tuple[str, str], ...]:
    for name in (".venv", "venv"):
        if any(os.path.lexists(layer / name / "pyvenv.cfg") for layer in layers):
            return (("VIRTUAL_ENV", f"{WORKDIR}/{name}"),)
    return ()
