"""The tools that an attempt has unless it is told otherwise."""

from __future__ import annotations

from midwatch.tools.base import ToolSet
from midwatch.tools.patch.tool import ApplyPatch
from midwatch.tools.plan import UpdatePlan
from midwatch.tools.read_log import ReadLog
from midwatch.tools.rules import Rules
from midwatch.tools.session import SessionTool
from midwatch.tools.shell import Shell
from midwatch.tools.view_image import ViewImage


def default_tools(rules: Rules | None = None) -> ToolSet:
    """In one order, so that the prefix of a prompt stays the same. `rules` are the person's, on commands."""
    return ToolSet((Shell(rules), ApplyPatch(), UpdatePlan(), SessionTool(), ReadLog(), ViewImage()))
