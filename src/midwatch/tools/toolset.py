"""The set of tools that an attempt has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from midwatch.domain.codec import to_json
from midwatch.domain.conversation import ToolCall, ToolSpec
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.names import Names
from midwatch.tools.patch.tool import ApplyPatch
from midwatch.tools.plan import UpdatePlan
from midwatch.tools.read_log import ReadLog
from midwatch.tools.rules import Rules
from midwatch.tools.session import SessionTool
from midwatch.tools.shell import Shell
from midwatch.tools.view_image import ViewImage


class ToolSet:
    """The tools of an attempt, by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = Names({tool.spec.name: tool for tool in tools})
        self._bytes = 0

    def plus(self, more: Sequence[Tool]) -> ToolSet:
        """These and more behind them; of two with one name the first stays."""
        return ToolSet([*self._tools.values(), *(tool for tool in more if tool.spec.name not in self._tools)])

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """In the order in which they were given; the same for every request of an attempt."""
        return tuple(tool.spec for tool in self._tools.values())

    @property
    def bytes(self) -> int:
        """About how much of a request the tools take. Asked several times a turn, so it is counted once."""
        if not self._bytes:
            self._bytes = len(json.dumps(to_json(self.specs)))
        return self._bytes

    def summary(self, call: ToolCall) -> str:
        """The call in one line."""
        tool = self._tools.get(call.name)
        return tool.summary(call.arguments) if tool else f"unknown tool {call.name!r}"

    def reads_only(self, call: ToolCall) -> bool:
        """As `Tool.reads_only`; an unknown tool does nothing at all."""
        return call.name not in self._tools or self._tools[call.name].reads_only(call.arguments)

    def repeatable(self, call: ToolCall) -> bool:
        """As `Tool.repeatable`."""
        tool = self._tools.get(call.name)
        return tool is None or tool.repeatable(call.arguments)

    async def run(self, call: ToolCall, bench: Bench) -> ToolResult:
        """Run the call; an unknown tool is a result that names the known ones."""
        if (tool := self._tools.get(call.name)) is None:
            text = f"There is no tool named {call.name!r}. The tools are: {', '.join(self._tools)}."
            return ToolResult(ok=False, output=text, ended="unknown tool")
        return await tool.run(call.arguments, bench)


def default_tools(rules: Rules | None = None) -> ToolSet:
    """In one order, so that the prefix of a prompt stays the same. `rules` are the person's, on commands. The tools
    keep nothing of an attempt: those without rules share them."""
    return _made(rules) if rules is not None and rules.rules else _usual()


@cache
def _usual() -> ToolSet:
    return _made(None)


def _made(rules: Rules | None) -> ToolSet:
    return ToolSet((Shell(rules), ApplyPatch(), UpdatePlan(), SessionTool(rules), ReadLog(), ViewImage()))
