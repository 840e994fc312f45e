"""Where the boxes of a task are made: the sandbox, the environment of the recipe, and the workspaces in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.events import EnvironmentReady
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.disk import full_or_broken
from midwatch.sandbox.base import Box, BoxSpec, Protections, Sandbox
from midwatch.sandbox.network import Decision
from midwatch.workflows.environment import (
    OPEN,
    Environment,
    EnvironmentParts,
    Wanted,
    environment_layers,
    equip,
    extras_of,
    set_up,
)
from midwatch.workflows.plan import Means
from midwatch.workspace.checkout import PRIVATE, Workspace
from midwatch.workspace.deletion import discard, set_aside
from midwatch.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class Site:
    """One task's. Its layers are in use, and stay, as long as the context of `site` lasts."""

    task: Task
    repository: Repository
    sandbox: Sandbox
    protections: Protections
    environment: Environment
    observer: Observer
    ready: EnvironmentReady | None = None
    """For the log; None without a setup."""

    async def workspace(
        self, folder: Path, box_id: str, start: Checkpoint | None, *, work_only: bool = False
    ) -> Workspace:
        """The files of a checkpoint (of the base when None) in `folder`, for the box of that name; `work_only`:
        without those that git ignores."""
        owner = self.sandbox.owner(box_id)
        extras = extras_of(self.task.terms)
        tree = Workspace(self.repository, folder, owner, overlay=self.protections.overlay, wanted=extras)
        await self.restore(tree, start, work_only=work_only)
        return tree

    async def restore(self, tree: Workspace, start: Checkpoint | None, *, work_only: bool = False) -> None:
        """Put a workspace back to a checkpoint; no box may be open on it."""
        await tree.restore(self.task.base, start, self.environment.workspace, work_only=work_only)

    @asynccontextmanager
    async def box(
        self, tree: Workspace, box_id: str, decided: Callable[[Decision], None], support: Path | None = None
    ) -> AsyncIterator[Box]:
        """A box on a restored workspace, with a new /tmp and home. `decided` is told what the proxy does. Raises as
        `Sandbox.open`, and OperationError for a setup that fails in it."""
        try:
            left = await asyncio.to_thread(set_aside, tree.folder / PRIVATE)
        except OSError as error:
            raise full_or_broken(tree.folder, error) from error
        await discard(*filter(None, [left]))
        owner = self.sandbox.owner(box_id)
        spec = await equip(self.environment, self._spec(tree, box_id, support), owner, decided)
        async with self.sandbox.open(spec) as box:
            await set_up(self.environment, box, tree.folder / "setup.log", self.observer)
            yield box

    def _spec(self, tree: Workspace, box_id: str, support: Path | None) -> BoxSpec:
        assert tree.objects is not None
        return BoxSpec(
            id=box_id,
            workspace=tree.spec(),
            private=tree.folder / PRIVATE,
            support=support,
            read_only=(tree.objects, *map(Path, self.task.mounts)),
            masked=tuple(map(Path, self.task.masked)),
            environment=dict(self.task.environment),
            path=self.task.path,
        )


@dataclass(frozen=True, slots=True)
class SiteParts:
    """What `site` works with."""

    repository: Repository
    sandbox: Sandbox
    means: Means
    blobs: Blobs
    observer: Observer


@asynccontextmanager
async def site(task: Task, protections: Protections, parts: SiteParts) -> AsyncIterator[Site]:
    """Have the environment of the task ready; its setup is run when nobody has yet. `protections`: what the sandbox
    says of itself. Raises OperationError when the setup fails, InputError as `environment_layers`."""
    sandbox = parts.sandbox
    if task.terms.hosts and not protections.network and sandbox.name != OPEN:
        raise InputError(
            f"the repository's recipe allows hosts for the agent, and the sandbox {sandbox.name!r} lets none through",
            "use another driver (`--sandbox`), or take `agent` out of [network] in the recipe",
        )
    made_with = EnvironmentParts(parts.means, parts.repository, sandbox, protections.overlay, parts.observer)
    async with environment_layers(Wanted.by(task), made_with) as environment:
        ready = await asyncio.to_thread(_ready, environment, parts.blobs)
        yield Site(task, parts.repository, sandbox, protections, environment, parts.observer, ready)


def _ready(environment: Environment, blobs: Blobs) -> EnvironmentReady | None:
    """The event that tells of the layers, their log in the blob store; None without a setup."""
    if not environment.made:
        return None
    writer = blobs.writer()
    try:
        for layers in environment.made:
            with layers.log.open("rb") as file:
                while piece := file.read(1 << 20):
                    writer.write(piece)
    except BaseException:
        writer.discard()
        raise
    blob = writer.finish()
    return EnvironmentReady(
        key=environment.key,
        built=environment.built,
        commands=tuple(command for layers in environment.made for command in layers.record.commands),
        seconds=round(sum(layers.record.seconds for layers in environment.made), 3),
        digest=blob.digest,
        bytes=blob.bytes,
        lines=blob.lines,
        notes=environment.notes,
    )
