"""The person's folder in a conversation, and how far it agrees with the copy that the agent works on.

Nothing is kept about that: the log's checkpoints tell. A folder that is as an earlier checkpoint had it, wholly or in
all files that differ, has only not been reached by what was done since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from midwatch.agent.log import History
from midwatch.domain.errors import MidwatchError
from midwatch.domain.events import ToolStarted
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.interventions import FilesImported
from midwatch.domain.task import Task
from midwatch.workspace.repository import Repository

_LOOKED_AT = 3
"""Checkpoints back to which a folder that was reached in part is looked for."""


@dataclass
class Folder:
    """The folder of one conversation."""

    repository: Repository
    task: Task
    history: History
    notes: list[str] = field(default_factory=list)
    """What could not be brought, a sentence each."""
    _there: str = ""
    """The tree that the folder had last, of what is known to both; empty when that is not known."""

    async def bring(self, checkpoint: Checkpoint) -> tuple[FileChange, ...]:
        """Change the folder to what the checkpoint is. What does not fit is noted, and nothing is touched then. Nothing
        happens in mode read-only."""
        try:
            return await self.turn_back(Checkpoint(self._there, ""), checkpoint)
        except MidwatchError as error:
            self.notes.append(error.message)
            return ()

    async def turn_back(self, now: Checkpoint, then: Checkpoint) -> tuple[FileChange, ...]:
        """Change in the folder what lies between two checkpoints. Raises InputError when that does not fit what the
        person has changed there; then nothing has been touched."""
        if self.task.mode == "read-only" or not now.tree or now.tree == then.tree:
            return ()
        changes = await self.repository.apply_to_user_tree(now.tree, then.tree)
        self._there = then.tree
        return changes

    async def settle(self, ours: Checkpoint) -> Checkpoint | None:
        """Bring what had not reached the folder. What it holds, when that is something else than the copy does because
        the person has changed it. Raises InputError for a file that cannot be read."""
        first, earlier = _first_tree(self.history), _earlier_trees(self.history, self.task.base.tree)
        theirs = await self.repository.snapshot(self.task.base, ours.commit, first)
        if theirs.tree != ours.tree and await self._behind(theirs.tree, ours.tree, earlier):
            self._there = theirs.tree
            await self.bring(ours)
            if self.task.mode == "read-only" or self._there == ours.tree:
                return None
        self._there = theirs.tree
        return theirs if theirs.tree != ours.tree else None

    async def reach(self, ours: Checkpoint) -> None:
        """Bring what had not reached the folder, for a turn that goes on: what the person has changed there meanwhile
        stays, and is seen at their next words. Raises as `settle`."""
        await self.settle(ours)
        self._there = ours.tree

    async def _behind(self, theirs: str, ours: str, earlier: Sequence[str]) -> bool:
        """Whether the folder is what the copy was, in all files in which they differ."""
        if theirs in earlier:
            return True
        differ = {change.path for change in await self.repository.stat(theirs, ours)}
        for tree in [tree for tree in reversed(earlier) if tree != ours][:_LOOKED_AT]:
            if not differ & {change.path for change in await self.repository.stat(tree, theirs)}:
                return True
        return False


def _first_tree(history: History) -> str:
    """What the person's folder was before anything had been done there; empty when that was the base."""
    for event in history.events:
        if isinstance(event.body, FilesImported):
            return event.body.checkpoint.tree
        if isinstance(event.body, ToolStarted):
            break
    return ""


def _earlier_trees(history: History, base: str) -> list[str]:
    """The trees of the copy since the folder was last read, the oldest first."""
    trees = [base]
    for event in history.events:
        if isinstance(event.body, FilesImported):
            trees = []
        checkpoint = getattr(event.body, "checkpoint", None)
        if isinstance(checkpoint, Checkpoint):
            trees.append(checkpoint.tree)
    return trees
