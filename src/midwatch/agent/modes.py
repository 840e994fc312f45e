"""What the modes of a task mean while it is worked on."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.domain import witness
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.task import Task
from midwatch.sandbox.base import Box
from midwatch.tools.cut import harmless
from midwatch.workspace.checkout import Workspace

_NAMED = 10
WORDS = {
    "read-only": "look and run what you like, but leave every file as it is; a change is put back at once",
    "workspace": "change the files of the workspace as the work needs it",
    "full": "there is no sandbox; commands run on the person's own machine with their files and network, so do nothing "
    "there that was not asked for",
}
"""What each mode means, for the model."""
_NO_PULL_REQUEST = "There will be no pull request: your last answer is the result"


def told(task: Task) -> str:
    """A mode that differs from what the model's instructions say, in a line; empty for the usual one."""
    if task.mode == "workspace" or task.mode not in WORDS:
        return ""
    line = f"{task.mode}: {WORDS[task.mode]}"
    return f"{line}. {_NO_PULL_REQUEST}" if task.mode == "read-only" and task.kind == "task" else line


async def save(tree: Workspace, box: Box, mode: str) -> tuple[Checkpoint, str]:
    """Save the workspace after a call; in a read-only task put back what the call has changed instead. The checkpoint,
    and what the model must be told of it. Works with every sandbox, since it looks at the files. Raises as
    `Workspace.save`."""
    before = tree.checkpoint
    with witness.lasting("checkpoint"):
        after = await tree.save()
    if mode != "read-only" or after.tree == before.tree:
        return after, ""
    changes = await tree.repository.stat(before.tree, after.tree)
    await box.park()
    await tree.put_back(before)
    return before, f"\n[this task is read-only, so these files are as they were before: {_names(changes)}]"


def _names(changes: Sequence[FileChange]) -> str:
    named = [harmless(change.path, newlines=False)[:200] for change in changes[:_NAMED]]
    more = len(changes) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
