"""Goes back in a finished task of `tests.crash.driver`, then forks it, and kills itself when told.

python -m tests.crash.revise_driver STATE REPO TASK_FILE [SCRIPT [N before|after]]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from midwatch.forges.local import LocalForge
from midwatch.workflows.forking import fork
from midwatch.workflows.reopening import Shelf
from midwatch.workflows.undoing import undo
from tests.crash.driver import DeadlyStore, death


async def main(arguments: Sequence[str]) -> None:
    """Do both, or die."""
    state, task = Path(arguments[0]), Path(arguments[2]).read_text()
    store = DeadlyStore(state, *death(arguments))
    shelf = Shelf(state, store, LocalForge(state))
    await undo(shelf, task, "cmd:2")
    print((await fork(shelf, task, "cmd:1", "", "crash driver")).id)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
