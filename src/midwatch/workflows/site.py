"""Where the boxes of a task are made: the sandbox, the environment of the recipe, and the workspaces in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.events import EnvironmentReady
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.disk import full_or_broken
from midwatch.sandbox.base import SUPPORT, WORKDIR, Box, BoxSpec, Protections, Sandbox
from midwatch.sandbox.network import Decision
from midwatch.workflows.environment import (
    IN_PLACE,
    OPEN,
    Environment,
    EnvironmentParts,
    Wanted,
    environment_layers,
    equip,
    extras_of,
    set_up,
)
from midwatch.workflows.late import LateBox
from midwatch.workflows.plan import Means
from midwatch.workflows.setup import gather, own_files
from midwatch.workspace.checkout import PRIVATE, Workspace
from midwatch.workspace.deletion import discard, set_aside
from midwatch.workspace.layers import key as keys
from midwatch.workspace.repository import Repository

_KEPT = "setup"
"""In a workspace's folder: the layers of a setup that was run in it."""


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
        self, folder: Path, box_id: str, start: Checkpoint | None, *, work_only: bool = False, later: bool = False
    ) -> Workspace:
        """The files of a checkpoint (of the base when None) in `folder`, for the box of that name; `work_only`:
        without those that git ignores; `later`: made when its `late_box` is first used. Raises OperationError for a
        setup that is run here and fails."""
        owner = self.sandbox.owner(box_id)
        extras, here = extras_of(self.task.terms), bool(self.environment.commands)
        tree = Workspace(
            self.repository,
            folder,
            owner,
            overlay=self.protections.overlay,
            fuse=False if here else None,
            wanted=extras,
        )
        if here:
            await self._set_up(tree, box_id)
        if later:
            tree.later(self.task.base, start, self._layers(tree))
        else:
            await self.restore(tree, start, work_only=work_only)
        return tree

    async def _set_up(self, tree: Workspace, box_id: str) -> None:
        """Run the setup that could not be kept for all boxes on the base, in the very folder, and make layers of what
        it leaves, so that nothing that it did to the repository's own files is taken for work or checked."""
        base, kept = self.task.base, tree.folder / _KEPT
        await self._afresh(kept)
        await tree.restore(base)
        held = await keys.tracked(self.repository.git, base.commit, base.tree)
        spec = await equip(self.environment, self._spec(tree, box_id, None), self.sandbox.owner(box_id))
        own = await own_files(held, tree, spec)
        async with self.sandbox.open(spec) as box:
            await set_up(self.environment, box, tree.folder / "setup.log", self.observer)
        try:
            await asyncio.to_thread(kept.mkdir)
            await asyncio.to_thread(gather, kept, spec, own, above=False)
        except OSError as error:
            raise full_or_broken(kept, error) from error

    async def restore(self, tree: Workspace, start: Checkpoint | None, *, work_only: bool = False) -> None:
        """Put a workspace back to a checkpoint; no box may be open on it."""
        await tree.restore(self.task.base, start, self._layers(tree), work_only=work_only)

    async def go_to(self, tree: Workspace, box: Box, checkpoint: Checkpoint) -> None:
        """Put a workspace back to a checkpoint, with its box parked meanwhile: what runs there is ended; /tmp and the
        home stay."""
        await box.park()
        await tree.put_back(checkpoint)
        await box.unpark()

    @asynccontextmanager
    async def box(
        self,
        tree: Workspace,
        box_id: str,
        decided: Callable[[Decision], None],
        support: Path | None = None,
        *,
        later: bool = False,
    ) -> AsyncIterator[Box]:
        """A box on a restored workspace, with a new /tmp and home. `decided` is told what the proxy does; `later`: not
        started before it is needed. Raises as `Sandbox.open`."""
        await self._afresh(tree.folder / PRIVATE)
        environment = replace(self.environment, home=(*self.environment.home, *self._left(tree, "home")))
        spec = await equip(environment, self._spec(tree, box_id, support), self.sandbox.owner(box_id), decided)
        async with self.sandbox.open(replace(spec, later=later)) as box:
            yield box

    @asynccontextmanager
    async def late_box(
        self, tree: Workspace, box_id: str, decided: Callable[[Decision], None], support: Path | None = None
    ) -> AsyncIterator[Box]:
        """A box on a workspace of `later`: both are made at its first use, which raises as `Sandbox.open` and
        `Workspace.restore`."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[Box]:
            await tree.ready()
            async with self.box(tree, box_id, decided, support) as box:
                yield box

        here = self.sandbox.name in IN_PLACE
        inside = "" if support is None else str(support) if here else SUPPORT
        late = LateBox(str(tree.tree) if here else WORKDIR, inside, opening)
        try:
            yield late
        finally:
            await late.close()

    def _layers(self, tree: Workspace) -> tuple[Path, ...]:
        return (*self.environment.workspace, *self._left(tree, "workspace"))

    def _left(self, tree: Workspace, part: str) -> tuple[Path, ...]:
        """The layer of what a setup has left in this folder."""
        return (tree.folder / _KEPT / part,) if (tree.folder / _KEPT / part).is_dir() else ()

    async def _afresh(self, folder: Path) -> None:
        """Let nothing be there."""
        try:
            left = await asyncio.to_thread(set_aside, folder)
        except OSError as error:
            raise full_or_broken(folder, error) from error
        await discard(*filter(None, [left]))

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
