"""Hooks: commands of the person that run in the box around tool calls and before the end, and that can refuse.

A hook has no more power than the agent's own commands, and the box is all that it sees. What it says no to is told to
the model; when it breaks, that is noted and the work goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from midwatch.agent.log import History
from midwatch.domain.conversation import ToolCall
from midwatch.domain.events import Message, ModelReplied
from midwatch.domain.guard import Hook
from midwatch.domain.interventions import HookRan
from midwatch.domain.task import Task
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.cut import harmless
from midwatch.tools.toolset import ToolSet

MOST_REFUSALS = 3
"""Times that the model is sent back to work; a finish that is refused once more stands, and a person is told."""
OUTPUT = 1 << 20
"""Bytes that a hook may print."""
REASON = 2000
"""Characters of a reason that are kept."""
REFUSES = 2
"""The exit code that refuses, as in other agents; every other one but 0 is only noted."""
_NO = ("refuse", "block", "deny")


def concerning(hooks: Sequence[Hook], event: str, tool: str = "") -> tuple[Hook, ...]:
    """The hooks of an event that are about that tool."""
    return tuple(
        hook
        for hook in hooks
        if hook.event == event and (not hook.tools or any(fnmatchcase(tool, pattern) for pattern in hook.tools))
    )


def around_it(task: Task, call: ToolCall) -> bool:
    """Whether there are hooks about this call; it then runs alone, since a hook may change what others read."""
    return bool(concerning(task.guard.hooks, "before_tool", call.name)) or bool(
        concerning(task.guard.hooks, "after_tool", call.name)
    )


async def around(call: ToolCall, tools: ToolSet, bench: Bench, task: Task) -> ToolResult:
    """Run a tool call between its hooks. A refusal before it means that it is not run; one after it is added to what
    the model reads. The runs are among the result's events."""
    hooks = task.guard.hooks
    before = await _run(concerning(hooks, "before_tool", call.name), _about(task, bench, call), bench)
    if before.refused:
        output = f"A hook refused this call, so nothing was done: {before.refused}"
        return ToolResult(ok=False, output=output, ended="refused by a hook", events=before.events)
    result = await tools.run(call, bench)
    about = _about(task, bench, call) | {
        "result": {"ok": result.ok, "output": result.output, "ended": result.ended, "exit_code": result.exit_code}
    }
    after = await _run(concerning(hooks, "after_tool", call.name), about, bench)
    output = result.output + (f"\n[a hook objects: {after.refused}]" if after.refused else "")
    return replace(result, output=output, events=(*before.events, *result.events, *after.events))


def due(history: History, task: Task) -> bool:
    """Whether the model is done and the hooks before the finish have not run on that yet."""
    if history.outcome is None or history.outcome.kind != "done":
        return False
    return bool(concerning(task.guard.hooks, "before_finish")) and not _at_the_end(history)


async def before_finish(history: History, task: Task, bench: Bench) -> list[Any]:
    """Run the hooks on a finish: the events to append. The last one sends the model back to work when a hook refused,
    unless that has happened `MOST_REFUSALS` times since a person last said something."""
    about = _about(task, bench, None) | {"result": {"text": history.last_reply.text if history.last_reply else ""}}
    runs = await _run(concerning(task.guard.hooks, "before_finish"), about, bench)
    if not runs.refused or _refusals(history) >= MOST_REFUSALS:
        return list(runs.events)
    words = f"A hook refuses that you finish: {runs.refused}\nGo on until it has no objection, or say why it is wrong."
    return [*runs.events, Message("harness", words)]


def standing_refusal(history: History) -> str:
    """Why a hook objected to the finish that stands; empty when none did."""
    return next((run.refused for run in _at_the_end(history) if run.refused), "")


def _at_the_end(history: History) -> list[HookRan]:
    """The runs before a finish since the model's last reply."""
    found: list[HookRan] = []
    for event in reversed(history.events):
        if isinstance(event.body, ModelReplied | Message):
            break
        if isinstance(event.body, HookRan) and event.body.hook == "before_finish":
            found.append(event.body)
    return found


def _refusals(history: History) -> int:
    count = 0
    for event in reversed(history.events):
        if isinstance(event.body, Message) and event.body.author == "person":
            break
        count += isinstance(event.body, HookRan) and event.body.hook == "before_finish" and bool(event.body.refused)
    return count


def _about(task: Task, bench: Bench, call: ToolCall | None) -> dict[str, Any]:
    """What a hook reads on its standard input."""
    about: dict[str, Any] = {"task": task.id, "mode": task.mode, "folder": bench.box.workdir}
    if call is not None:
        try:
            arguments = json.loads(call.arguments or "{}", strict=False)
        except (ValueError, RecursionError):
            arguments = call.arguments
        about |= {"call_id": call.id, "tool": call.name, "arguments": arguments}
    return about


@dataclass(frozen=True, slots=True)
class _Runs:
    events: tuple[HookRan, ...]
    refused: str
    """By the last of them; those behind it did not run."""


async def _run(hooks: Sequence[Hook], about: dict[str, Any], bench: Bench) -> _Runs:
    """One after the other, until one refuses."""
    events: list[HookRan] = []
    for hook in hooks:
        events.append(await _run_one(hook, about, bench))
        if events[-1].refused:
            return _Runs(tuple(events), events[-1].refused)
    return _Runs(tuple(events), "")


async def _run_one(hook: Hook, about: dict[str, Any], bench: Bench) -> HookRan:
    pieces: list[bytes] = []
    stdin = json.dumps({"event": hook.event, **about}).encode()
    # one that has no time left still gets a second, so that a finish comes to its end
    seconds = max(1.0, min(hook.timeout_seconds, bench.seconds_left()))
    result = await bench.box.exec(
        ["sh", "-c", hook.command], timeout=seconds, output_bytes=OUTPUT, stdin=stdin, sink=pieces.append
    )
    output = b"".join(pieces)
    blob = bench.blobs.put(output)
    return HookRan(
        hook=hook.event,
        command=hook.command,
        call_id=bench.call_id if hook.event != "before_finish" else "",
        exit_code=result.exit_code,
        ended=result.ended,
        refused=_objection(result.exit_code, output.decode("utf-8", "replace")),
        duration_ms=result.duration_ms,
        digest=blob.digest,
        bytes=blob.bytes,
        lines=blob.lines,
    )


def _objection(exit_code: int | None, output: str) -> str:
    """Why a hook says no: by its exit code with what it printed, or by a JSON object among its output."""
    said = _decision(output) if exit_code in (0, REFUSES) else None
    if exit_code != REFUSES and said is None:
        return ""
    reason = harmless((output if said is None else said).strip())
    return (reason or "it gave no reason")[:REASON]


def _decision(output: str) -> str | None:
    """The reason of a JSON object that refuses; None without one. Output and errors come together, so that each line
    may be it, and the whole."""
    for text in (output, *reversed(output.splitlines()[-50:])):
        if not text.lstrip().startswith("{"):
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value.get("decision") in _NO:
            return str(value.get("reason") or "")
    return None
