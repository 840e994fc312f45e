"""As `tests.crash.driver`, with a task that hands parts of its work over."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence

from midwatch.domain.conversation import Delta, Replied, Reply, ToolCall, ToolSpec, Usage, View
from tests.crash.driver import Script, ScriptedModel, main, shell


def _hand_over(number: int, **arguments: object) -> ToolCall:
    return ToolCall(f"call_{number}", "delegate", json.dumps(arguments))


TASK: Script = (
    ("Begin.", (shell(1, "echo one >> count.txt"),)),
    ("Share.", (_hand_over(2, prompt="count two parts"), shell(3, "echo three >> count.txt; cat count.txt"))),
    ("Ask.", (_hand_over(4, prompt="look, and spoil it", read_only=True),)),
    ("Count in parts", ()),
)
COUNTS: Script = (
    ("First.", (shell(1, "echo part one >> count.txt; echo $(wc -l < count.txt) lines"),)),
    ("Second.", (shell(2, "echo part two >> count.txt; rm keep.txt; false"),)),
    ("Two parts counted.", ()),
)
SPOILS: Script = (
    ("Spoil.", (shell(1, "rm count.txt; echo bad > bad.txt"),)),
    ("All looks well.", ()),
)


class ScriptedPair(ScriptedModel):
    """Plays the script of the task, or of the subtask that the view is of."""

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """The next reply of the script."""
        prompt = view.brief.prompt
        script = COUNTS if prompt == "count two parts" else SPOILS if prompt.startswith("look") else self._script
        text, calls = script[sum(isinstance(item, Replied) for item in view.items)]
        yield Delta("text", text)
        yield Reply(self.name, self.wire, text, calls, (), Usage(10, 0, 0, 5, 0), "calls" if calls else "end")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:], ScriptedPair(TASK)))
