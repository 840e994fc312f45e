"""The tools that an attempt has unless it is told otherwise."""

from __future__ import annotations

from midwatch.tools.base import ToolSet
from midwatch.tools.patch.tool import ApplyPatch
from midwatch.tools.plan import UpdatePlan
from midwatch.tools.rules import Rules
from midwatch.tools.shell import Shell


def default_tools(rules: Rules | None = None) -> ToolSet:
    """shell, apply_patch, update_plan; in this order, so that the prefix of a prompt stays the same. `rules` are the
    person's, on commands."""
    return ToolSet((Shell(rules), ApplyPatch(), UpdatePlan()))
