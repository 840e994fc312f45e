"""Tools that are called by names they have elsewhere."""

from __future__ import annotations

from midwatch.domain.conversation import ToolCall
from midwatch.tools.toolset import default_tools


def test_a_tool_is_found_by_a_name_that_models_know_and_offered_by_its_own_alone() -> None:
    tools = default_tools()
    assert tools.summary(ToolCall("c", "exec_command", '{"cmd": "ls"}')) == "ls"
    assert tools.summary(ToolCall("c", "no_such_tool", "{}")) == "unknown tool 'no_such_tool'"
    assert {"exec_command", "shell_command"}.isdisjoint(spec.name for spec in tools.specs)
