"""The only place that picks concrete classes, from the command, the environment and the settings file.

Heavy modules are imported where they are picked: `midwatch list` must not pay for a model's HTTP client.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch import __version__
from midwatch.domain.observer import Observer
from midwatch.engine.blobs import Blobs
from midwatch.engine.state import state_folder as state_folder
from midwatch.engine.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from midwatch.domain.evidence import FileChange
    from midwatch.domain.task import Task
    from midwatch.forges.local import LocalForge
    from midwatch.models.base import Model
    from midwatch.sandbox.base import Sandbox
    from midwatch.sandbox.probe import Finding
    from midwatch.settings import Settings
    from midwatch.workflows.report import Report
    from midwatch.workflows.start import Request
    from midwatch.workflows.summary import Summary
    from midwatch.workflows.verify import Verification

DEFAULT_MODEL = "repair"


@dataclass(frozen=True)
class Home:
    """The state folder and what lives in it."""

    state: Path
    environ: Mapping[str, str]
    store: SqliteStore
    blobs: Blobs

    @cached_property
    def forge(self) -> LocalForge:
        """The local forge."""
        from midwatch.forges.local import LocalForge

        return LocalForge(self.state)

    @cached_property
    def settings(self) -> Settings:
        """The settings file and the environment, read once. Raises InputError for what is wrong in them."""
        from midwatch.settings import load

        return load(self.environ)


@asynccontextmanager
async def home(environ: Mapping[str, str] | None = None) -> AsyncIterator[Home]:
    """The state folder, opened when first used and closed at the end."""
    around = dict(os.environ if environ is None else environ)
    state = state_folder(around)
    store = SqliteStore(state / "state.db")
    try:
        yield Home(state, around, store, Blobs(state / "blobs"))
    finally:
        await store.close()


async def start(home: Home, request: Request) -> Task:
    """Make a task, durable when this returns. Raises InputError for what cannot be done as asked."""
    from midwatch.workflows.start import Surroundings, make_task
    from midwatch.workspace.repository import Repository

    settings = home.settings
    name = request.model or settings.models.model
    model = await _model(home, name)  # an unknown model or a missing key is said before anything is made
    await model.close()
    request = replace(request, limits=settings.limits.fill(request.limits))
    repository = await Repository.open(home.state, request.repository)
    driver = request.sandbox or settings.sandbox.driver
    around = Surroundings(name, driver, settings.sandbox.read_only, home.environ, (home.state,))
    task = await make_task(request, repository, around)
    await home.store.create(task)
    return task


async def run(home: Home, task_id: str, observer: Observer) -> Report:
    """Begin a task or go on with it; a finished one answers at once."""
    from midwatch.tools.toolset import default_tools
    from midwatch.workflows.solve import Parts, solve
    from midwatch.workspace.repository import Repository

    task = (await home.store.find(task_id)).task
    before = await report(home, task.id)
    if before.finished:
        return before
    model = await _model(home, task.model)
    if model.wire in ("responses", "chat"):
        from midwatch.models.transport import preload

        asyncio.get_running_loop().run_in_executor(None, preload)  # while the workspace is being prepared
    try:
        parts = Parts(
            state=home.state,
            store=home.store,
            blobs=home.blobs,
            repository=await Repository.open(home.state, task.repository),
            sandbox=_sandbox(task.sandbox),
            model=model,
            tools=default_tools(),
            forge=home.forge,
            observer=observer,
            support=Path(__file__).parent / "models/repair/box" if task.model == DEFAULT_MODEL else None,
            harness=f"midwatch {__version__}",
        )
        await solve(task, parts)
    finally:
        await model.close()
    return await report(home, task.id)


async def report(home: Home, task_id: str) -> Report:
    """What a task has come to."""
    from midwatch.workflows.read import make_report

    return await make_report(home.store, home.state, home.forge, task_id)


async def reports(home: Home, limit: int = 50) -> Sequence[Summary]:
    """The newest tasks in a line each."""
    from midwatch.workflows.summary import summaries

    return await summaries(home.store, home.state, limit)


async def diff(home: Home, task_id: str) -> bytes:
    """The unified diff of the chosen attempt against the base; empty when nothing changed."""
    from midwatch.workflows.read import difference

    return await difference(home.store, home.state, home.forge, task_id)


async def apply(home: Home, task_id: str, repository: str | None = None) -> tuple[FileChange, ...]:
    """Put a task's change into a working tree. Refused whole, with the files named, when it does not fit."""
    from midwatch.workflows import read

    return await read.apply(home.store, home.state, home.forge, task_id, repository)


async def verify(home: Home, task_id: str) -> Verification:
    """Re-compute a task's chain, blobs and trees."""
    from midwatch.workflows.verify import verify_task

    return await verify_task(home.store, home.blobs, home.state, home.forge, task_id)


async def findings(home: Home) -> Sequence[Finding]:
    """What `midwatch doctor` says about this machine."""
    from midwatch.doctor import examine

    return await examine(home.state, lambda: _model(home, home.settings.models.model))


async def _model(home: Home, name: str) -> Model:
    if name == DEFAULT_MODEL:
        from midwatch.models.repair.model import RepairModel

        return RepairModel()
    if name.startswith("replay/"):
        return await _replay(home, name.removeprefix("replay/"))
    from midwatch.models.config import build

    return build(name, home.settings.models)


async def _replay(home: Home, wanted: str) -> Model:
    from midwatch.domain.events import ModelReplied
    from midwatch.models.replay import ReplayModel

    row = await home.store.find(wanted)
    attempt = next((a.attempt for a in row.attempts if a.attempt == wanted), row.attempts[0].attempt)
    events = await home.store.read(attempt)
    return ReplayModel([e.body for e in events if isinstance(e.body, ModelReplied)], attempt)


def _sandbox(driver: str) -> Sandbox:
    if driver == "process":
        from midwatch.sandbox.process import Process

        return Process()
    from midwatch.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap()
