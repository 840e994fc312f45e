"""What the modes of a task mean while it is worked on."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.sandbox.base import Box
from midwatch.tools.cut import harmless
from midwatch.workspace.checkout import Workspace

_NAMED = 10
WORDS = {
    "read-only": "read-only: look and run what you like, but leave every file as it is; a change is put back at once. "
    "There will be no pull request: your last answer is the result",
    "full": "full: there is no sandbox; commands run on the person's own machine with their files and network, so do "
    "nothing there that was not asked for",
}
"""For the model, of the modes that differ from what its instructions say."""


async def save(tree: Workspace, box: Box, mode: str) -> tuple[Checkpoint, str]:
    """Save the workspace after a call; in a read-only task put back what the call has changed instead. The checkpoint,
    and what the model must be told of it. Works with every sandbox, since it looks at the files. Raises as
    `Workspace.save`."""
    before = tree.checkpoint
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
