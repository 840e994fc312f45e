"""What a task is bound by besides its limits: rules on commands, and hooks. Frozen with the task."""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("read-only", "workspace", "full")
"""What an agent may do, from the least: look, change the files of the workspace, anything (no sandbox)."""
HOOK_EVENTS = ("before_tool", "after_tool", "before_finish")


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule on commands, as it was when the task was made."""

    prefix: tuple[tuple[str, ...], ...]
    """For each word of the prefix those that may stand there."""
    decision: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """A command that is run in the box when something happens, and that can refuse it."""

    event: str
    """One of HOOK_EVENTS."""
    command: str
    """Run by `sh` from the top of the workspace, with a JSON object on its standard input."""
    tools: tuple[str, ...] = ()
    """Names of tools that it is about, with `*` for any part; empty for all."""
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Guard:
    """The person's rules and hooks, and those of a repository that the person trusts."""

    rules: tuple[KeptRule, ...] = ()
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """A text that a person gave along with a task and that is not their own words: an issue, a log."""

    source: str
    text: str
