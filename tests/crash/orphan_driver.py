"""Works on a scripted task in a chosen sandbox, and waits in the middle of it.

    python -m tests.crash.orphan_driver STATE REPO TASK_FILE DRIVER MARK

runs a command that lasts and carries MARK; without MARK it makes a change, says `waiting`, and waits with its box open
for a line on standard input before it ends the task.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from midwatch.domain.conversation import Delta, Replied, Reply, ToolSpec, View
from tests.crash.driver import ScriptedModel, main, shell

CHANGE = ("Change.", (shell(1, "echo one >> count.txt; echo three >> count.txt"),))


class Waiting(ScriptedModel):
    """Waits for a line before its last reply."""

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """See `ScriptedModel.reply`."""
        if any(isinstance(item, Replied) for item in view.items):
            print("waiting", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        async for piece in super().reply(view, tools, max_output=max_output):
            yield piece


def lasting(mark: str) -> ScriptedModel:
    """A command with another in a session of its own, which both last."""
    return ScriptedModel((("Last.", (shell(1, f"setsid sleep {mark} & echo one >> count.txt; sleep {mark}"),)),))


if __name__ == "__main__":
    state, repository, task_file, driver, mark = sys.argv[1:]
    model = lasting(mark) if mark else Waiting((CHANGE, ("Count further", ())))
    Path(state).mkdir(exist_ok=True)
    asyncio.run(main([state, repository, task_file, "steps"], model, driver))
