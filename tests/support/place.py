"""A real repository, a state folder and the parts of a workflow, for tests that run one."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midwatch.agent.log import History
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Observer, Silent
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import Store
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.forges.base import Forge
from midwatch.forges.local import LocalForge
from midwatch.models.base import Model
from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.rules import Rules
from midwatch.tools.toolset import ToolSet, default_tools
from midwatch.workflows.plan import Means
from midwatch.workflows.read import make_report
from midwatch.workflows.report import Report
from midwatch.workflows.solve import Parts, solve
from midwatch.workflows.start import Request, Surroundings, make_task
from midwatch.workspace.repository import Repository


def git(repository: Path, *arguments: str) -> str:
    """git as a person with a name; what it printed, stripped."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *who, "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository with one commit on main."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@dataclass
class Place:
    """Where a test's tasks happen."""

    root: Path
    repository: Path
    sandbox: Sandbox = field(default_factory=Bubblewrap)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the surroundings: what the person has set."""
    approver: Approver = field(default_factory=Nobody)
    tools: ToolSet | None = None
    """Instead of those that every attempt has."""
    mcp: McpSettings = field(default_factory=McpSettings)
    read_only: tuple[str, ...] = ()
    """Folders that boxes may read."""

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.root / "state"

    @property
    def forge(self) -> LocalForge:
        """The local forge of that state folder."""
        return LocalForge(self.state)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        """The store, closed at the end."""
        store = SqliteStore(self.state / "state.db")
        try:
            yield store
        finally:
            await store.close()

    async def task(
        self,
        checks: Sequence[str] = (),
        *,
        attempts: int = 1,
        limits: Limits | None = None,
        prompt: str = "Count further",
        mcp: Sequence[str] = (),
    ) -> Task:
        """A new task, as a person would make it."""
        request = Request(prompt, str(self.repository), None, None, tuple(checks), attempts, mcp=tuple(mcp))
        return await self.begin(request, limits)

    async def begin(self, request: Request, limits: Limits | None = None) -> Task:
        """A new task of any kind."""
        plain = request.kind == "conversation"
        repository = await Repository.open(self.state, request.repository, plain=plain)
        means = Means(self.state, {"PATH": "/usr/bin:/bin", "HOME": str(self.root)})
        further = {"mcp": self.mcp, **self.settings}
        around = Surroundings("fake", self.sandbox.name, self.read_only, means, limits or Limits(), **further)
        task = await make_task(request, repository, around)
        async with self.store() as store:
            await store.create(task)
        return task

    async def solve(
        self,
        task: Task,
        model: Model,
        observer: Observer | None = None,
        forge: Forge | None = None,
        tools: ToolSet | None = None,
    ) -> Report:
        """Work on it to its end, and what came of it."""
        async with self.store() as store:
            parts = await self.parts(store, task, model, observer, forge)
            parts = dataclasses.replace(parts, tools=tools) if tools else parts
            await solve(task, parts)
            return await make_report(store, self.state, self.forge, task.id)

    async def parts(
        self, store: Store, task: Task, model: Model, observer: Observer | None = None, forge: Forge | None = None
    ) -> Parts:
        """What a workflow works with."""
        plain = task.kind == "conversation"
        return Parts(
            state=self.state,
            store=store,
            blobs=Blobs(self.state / "blobs"),
            repository=await Repository.open(self.state, task.repository, plain=plain),
            sandbox=self.sandbox,
            model=model,
            tools=self.tools or default_tools(Rules().beside(task.guard.rules)),
            forge=forge or self.forge,
            observer=observer or Silent(),
            support=None,
            harness="midwatch test",
            approver=self.approver,
            means=Means(self.state, {"PATH": "/usr/bin:/bin", "HOME": str(self.root)}),
            mcp=self.mcp,
        )

    async def report(self, task: Task) -> Report:
        """What it has come to."""
        async with self.store() as store:
            return await make_report(store, self.state, self.forge, task.id)

    async def history(self, task: Task, number: int = 1) -> History:
        """The folded log of an attempt."""
        async with self.store() as store:
            return History(await store.read(f"{task.id}.{number}"))
