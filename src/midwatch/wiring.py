"""The only place that picks concrete classes. Each is imported where it is picked: `midwatch list` stays light."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch import __version__
from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.state import state_folder as state_folder
from midwatch.engine.store.sql import SqlStore

if TYPE_CHECKING:
    from midwatch.domain.observer import Observer
    from midwatch.domain.task import Task
    from midwatch.engine.blobs import Blobs
    from midwatch.forges.connected import Connected
    from midwatch.forges.several import Forges
    from midwatch.models.base import Model
    from midwatch.sandbox.base import Sandbox
    from midwatch.settings import Settings
    from midwatch.tools.approval import Approver
    from midwatch.workflows.parts import Inbox, Parts
    from midwatch.workflows.plan import Means
    from midwatch.workflows.report import Report
    from midwatch.workflows.start import Request
    from midwatch.workspace.repository import Repository

    Adjust = Callable[[Settings], Settings]

DEFAULT_MODEL = "repair"


@dataclass(frozen=True)
class Home:
    """The state folder and what lives in it."""

    state: Path
    environ: Mapping[str, str]
    store: SqlStore
    adjust: Adjust | None = None
    """What a command line says about settings, where it may."""
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    """Drivers that are made already, by name."""
    opened: dict[str, Repository] = field(default_factory=dict)
    """Those of tasks that were made and have not begun, by the task's id."""

    @cached_property
    def blobs(self) -> Blobs:
        """Large outputs, by digest."""
        from midwatch.engine import blobs

        return blobs.Blobs(self.state / "blobs")

    @cached_property
    def forge(self) -> Forges:
        """All forges: the local one, and those of connections."""
        from midwatch.forges.local import LocalForge
        from midwatch.forges.several import Forges

        return Forges(LocalForge(self.state), lambda location: self.connected.adapter(location))

    @cached_property
    def connected(self) -> Connected:
        """The connections to forges, and the vault with what they are let in by."""
        from midwatch.forges.connected import Connected

        return Connected(self.state, self.store.database, lambda: self.settings.forges, self.environ)

    async def repository(self, location: str, commit: str = "", *, plain: bool = False) -> Repository:
        """See `Repository.open`; where a connection has the location, it is fetched with what that lends."""
        from midwatch.workspace.repository import Repository

        return await Repository.open(self.state, location, commit=commit, plain=plain, lend=self.connected.lender)

    async def means(self, location: str) -> Means:
        """What environments of the repository at a location are made with."""
        own, kept = self.settings.means(self.state, self.environ), self.connected.beside
        return replace(own, given=await kept.values_at(location), variables=await kept.variables_at(location))

    @cached_property
    def settings(self) -> Settings:
        """The settings file and the environment, read once. Raises InputError for what is wrong in them."""
        from midwatch.settings import load

        settings = load(self.environ)
        return self.adjust(settings) if self.adjust else settings


@asynccontextmanager
async def home(environ: Mapping[str, str] | None = None, adjust: Adjust | None = None) -> AsyncIterator[Home]:
    """The state folder and the database, opened when first used, closed at the end. Raises InputError for a bad URL."""
    around = dict(os.environ if environ is None else environ)
    store = SqlStore(opened(around.get(VARIABLE, ""), state := state_folder(around)))
    try:
        yield Home(state, around, store, adjust)
    finally:
        await store.close()


async def start(home: Home, request: Request, keep: Callable[[Task], Awaitable[None]] | None = None) -> Task:
    """Make a task, durable when this returns (`keep`: instead of the store). Raises InputError for what cannot be."""
    from midwatch.workflows.kept import make_task

    own, name = home.settings, request.model or home.settings.models.model
    await (await named_model(home, name)).close()  # an unknown model or a missing key is said before anything is made
    repository = await home.repository(request.repository, plain=request.kind == "conversation")
    around = own.surroundings(home.state, home.environ, name, request.sandbox, own.limits.fill(request.limits))
    around = replace(around, means=await home.means(repository.location))
    await (keep or home.store.create)(task := await make_task(request, repository, around, home.store.database))
    home.opened[task.id] = repository
    return task


async def run(home: Home, task_id: str, observer: Observer, inbox: Inbox | None = None) -> Report:
    """Begin a task or go on with it; a finished one answers at once. Raises InputError for what is no plain task."""
    from midwatch.workflows.read import settled
    from midwatch.workflows.reopening import another_kind
    from midwatch.workflows.solve import solve

    task = (await home.store.find(task_id)).task
    if task.kind != "task":
        raise another_kind(task)
    if not await settled(home.store, home.state, home.forge, task):
        async with parts_of(home, task, task.model, observer) as parts:
            await solve(task, parts if inbox is None else replace(parts, inbox=inbox))
    return await report(home, task.id)


@asynccontextmanager
async def parts_of(
    home: Home, task: Task, model_name: str, observer: Observer, approver: Approver | None = None
) -> AsyncIterator[Parts]:
    """What the workflows of a task work with."""
    from midwatch.sandbox import drivers
    from midwatch.tools.approval import Nobody
    from midwatch.tools.toolset import default_tools
    from midwatch.workflows.parts import Parts

    if (model := await named_model(home, model_name)).wire not in ("repair", "replay"):
        from midwatch.models.transport import preload

        asyncio.get_running_loop().run_in_executor(None, preload)  # while the workspace is being prepared
    made, plain = home.opened.pop(task.id, None), task.kind == "conversation"
    try:
        yield Parts(
            state=home.state,
            store=home.store,
            blobs=home.blobs,
            repository=made or await home.repository(task.repository, task.base.commit, plain=plain),
            sandbox=drivers.shared(task.sandbox, home.sandboxes),
            model=model,
            tools=default_tools(home.settings.rules().beside(task.guard.rules)),
            forge=await home.forge.of(task.repository),
            observer=observer,
            support=Path(__file__).parent / "models/repair/box" if model_name == DEFAULT_MODEL else None,
            harness=f"midwatch {__version__}",
            means=await home.means(task.repository),
            personal=home.settings.instructions(),
            mcp=home.settings.mcp,
            approver=approver or Nobody(),
            purse=home.settings.purse(task, home.store.database),
            authorship=home.settings.commits.authorship(home.environ),
        )
    finally:
        await model.close()


async def report(home: Home, task_id: str) -> Report:
    """What a task has come to."""
    from midwatch.workflows.read import make_report

    return await make_report(home.store, home.state, home.forge, task_id)


async def named_model(home: Home, name: str) -> Model:
    """The model of that name, opened. Raises InputError for one that there is not, or that lacks a key."""
    if name == DEFAULT_MODEL:
        from midwatch.models.repair.model import RepairModel

        return RepairModel()
    if name.startswith("replay/"):
        return await _replay(home, name.removeprefix("replay/"))
    from midwatch.models.config import build

    return build(name, home.settings.models)


async def _replay(home: Home, wanted: str) -> Model:
    from midwatch.models.replay import ReplayModel

    attempts = [state.attempt for state in (await home.store.find(wanted)).attempts]
    attempt = wanted if wanted in attempts else attempts[0]
    return ReplayModel([e.body for e in await home.store.read(attempt) if e.kind == "model_replied"], attempt)
