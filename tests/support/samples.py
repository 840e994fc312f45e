"""Small tasks and events for tests that need some."""

from __future__ import annotations

from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.events import Message, ModelReplied, TaskStarted, ToolFinished, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.ids import new_task_id
from midwatch.domain.limits import Limits
from midwatch.domain.task import Base, Task


def task(
    prompt: str = "Fix the sum", *, attempts: int = 1, limits: Limits | None = None, checks: tuple[str, ...] = ()
) -> Task:
    """A task on a repository that does not exist."""
    name = new_task_id()
    return Task(
        id=name,
        prompt=prompt,
        repository="/nowhere/repo",
        base=Base("c" * 40, "t" * 40, "main", "main"),
        branch=f"midwatch/fix-{name}",
        model="fake",
        checks=checks,
        checks_from="option" if checks else "none",
        limits=limits or Limits(),
        attempts=attempts,
        created="2026-01-01T00:00:00.000Z",
    )


def started(of: Task) -> TaskStarted:
    """The first event of its first attempt."""
    return TaskStarted(of, 1, "fake", ("nothing is isolated",), "midwatch test")


def person(text: str) -> Message:
    """Words of a person."""
    return Message("person", text)


def reply(
    text: str = "", *calls: ToolCall, usage: Usage | None = None, cost: int | None = 0, stop: str = ""
) -> ModelReplied:
    """A model's reply."""
    return ModelReplied(
        model="fake",
        wire="fake",
        text=text,
        calls=calls,
        items=(),
        usage=usage or Usage(input_tokens=100, output_tokens=10),
        cost_microusd=cost,
        latency_ms=5,
        stop=stop or ("calls" if calls else "end"),
    )


def call(name: str = "c1", tool: str = "shell", arguments: str = '{"command": "true"}') -> ToolCall:
    """A tool call."""
    return ToolCall(name, tool, arguments)


def tool_started(of: ToolCall) -> ToolStarted:
    """The start of a call."""
    return ToolStarted(of.id, of.name, "true")


def tool_finished(of: ToolCall, number: int = 1, tree: str = "a" * 40, output: str = "exit 0") -> ToolFinished:
    """The end of a call."""
    return ToolFinished(of.id, of.name, True, output, "exit 0", 3, Checkpoint(tree, "b" * 40), number, "true", 0)
