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
    from midwatch.forges.local import LocalForge
    from midwatch.models.base import Model
    from midwatch.sandbox.base import Sandbox
    from midwatch.settings import Settings
    from midwatch.tools.approval import Approver
    from midwatch.workflows.conversation import Conversation
    from midwatch.workflows.parts import Inbox, Parts
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
    def forge(self) -> LocalForge:
        """The local forge."""
        from midwatch.forges.local import LocalForge

        return LocalForge(self.state)

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
    from midwatch.workspace.repository import Repository

    own = home.settings
    name = request.model or own.models.model
    await (await named_model(home, name)).close()  # an unknown model or a missing key is said before anything is made
    repository = await Repository.open(home.state, request.repository, plain=request.kind == "conversation")
    around = own.surroundings(home.state, home.environ, name, request.sandbox, own.limits.fill(request.limits))
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
async def converse(
    home: Home, task_id: str, observer: Observer, approver: Approver, mode: str = "", model: str = ""
) -> AsyncIterator[Conversation]:
    """A conversation, open while the context lasts, in this `mode` and with this `model` from now on (empty: as they
    were last). Raises as `workflows.conversation.converse`."""
    from midwatch.agent.log import History
    from midwatch.workflows import conversation as talks

    row = await home.store.find(task_id)
    history = History(await home.store.read(row.attempts[0].attempt))
    task = talks.as_chosen(row.task, history, home.settings.sandbox.driver, mode)
    name = model or history.model or task.model
    async with parts_of(home, task, name, observer, approver) as parts, talks.converse(task, parts) as talk:
        await talk.settle_on(task.mode, name, parts.model)
        yield talk


@asynccontextmanager
async def parts_of(
    home: Home, task: Task, model_name: str, observer: Observer, approver: Approver | None = None
) -> AsyncIterator[Parts]:
    """What the workflows of a task work with."""
    from midwatch.sandbox import drivers
    from midwatch.tools.approval import Nobody
    from midwatch.tools.toolset import default_tools
    from midwatch.workflows.parts import Parts
    from midwatch.workspace.repository import Repository

    if (model := await named_model(home, model_name)).wire not in ("repair", "replay"):
        from midwatch.models.transport import preload

        asyncio.get_running_loop().run_in_executor(None, preload)  # while the workspace is being prepared
    made, plain = home.opened.pop(task.id, None), task.kind == "conversation"
    try:
        yield Parts(
            state=home.state,
            store=home.store,
            blobs=home.blobs,
            repository=made or await Repository.open(home.state, task.repository, commit=task.base.commit, plain=plain),
            sandbox=drivers.shared(task.sandbox, home.sandboxes),
            model=model,
            tools=default_tools(home.settings.rules().beside(task.guard.rules)),
            forge=home.forge,
            observer=observer,
            support=Path(__file__).parent / "models/repair/box" if model_name == DEFAULT_MODEL else None,
            harness=f"midwatch {__version__}",
            means=home.settings.means(home.state, home.environ),
            personal=home.settings.instructions(),
            mcp=home.settings.mcp,
            approver=approver or Nobody(),
            purse=home.settings.purse(task, home.store.database),
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
    replies = [e.body for e in await home.store.read(attempt) if e.kind == "model_replied"]
    return ReplayModel(replies, attempt)
