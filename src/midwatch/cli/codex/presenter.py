"""A turn as Codex's events: eight kinds, nine types of items. Pure: events of the log in, lines out.

An item holds Codex's fields alone. What we know beyond them stands beside the item, in the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.cli.codex.calls import Fields, Ground, begun, broken_off, ended
from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.events import Event, ModelReplied, PlanUpdated, ToolFinished, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import HookRan


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the stream."""

    type: str
    fields: Mapping[str, Any]
    """Codex's own."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further ones."""
    trees: tuple[str, str] = ("", "")
    """Before and after a change of files, where the difference is of interest."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An item that has begun."""

    id: str
    fields: Fields


class Presenter:
    """Makes the lines of one turn. `output` reads what a command printed."""

    def __init__(self, ground: Ground, output: Callable[[ToolFinished], str]) -> None:
        self._ground, self._output = ground, output
        self._count = 0
        self._calls: dict[str, ToolCall] = {}
        self._open: dict[str, _Open] = {}
        self._plan: _Open | None = None
        self._tree = ""
        self._printed = bytearray()

    def started(self, tree: str) -> list[Line]:
        """The turn begins, on files that are those of `tree`."""
        self._tree = tree
        return [Line("turn.started", {})]

    def event(self, event: Event) -> list[Line]:
        """What an event of the log comes to."""
        lines = self._lines(event)
        return [Line(one.type, one.fields, {"seq": event.seq, **one.extra}, one.trees) for one in lines]

    def _lines(self, event: Event) -> list[Line]:
        match event.body:
            case ModelReplied() as body:
                return self._reply(body)
            case ToolStarted() as body:
                return self._start(body)
            case ToolFinished() as body:
                return self._finish(body, event.attempt)
            case PlanUpdated() as body:
                return self._planned(body)
            case HookRan() as body if body.refused:
                return [self.note(f"the hook {body.hook} refused: {body.refused}")]
            case _:
                checkpoint = getattr(event.body, "checkpoint", None)
                if isinstance(checkpoint, Checkpoint):
                    self._tree = checkpoint.tree
                return []

    def printed(self, chunk: bytes) -> None:
        """What the command that runs prints, in case that it does not end by itself."""
        room = MOST_OUTPUT - len(self._printed)
        self._printed += chunk[: max(0, room)]

    def note(self, message: str) -> Line:
        """Something that a person should know and that does not end the turn."""
        return Line("item.completed", {"item": {"id": self._id(), "type": "error", "message": message}})

    def close(self) -> list[Line]:
        """Complete what has begun and will not end by itself, and the plan."""
        printed = self._printed.decode("utf-8", "replace")
        lines = [_completed(one.id, broken_off(one.fields, printed)) for one in self._open.values()]
        self._open = {}
        if self._plan is not None:
            lines.append(_completed(self._plan.id, self._plan.fields))
            self._plan = None
        return lines

    def _id(self) -> str:
        self._count += 1
        return f"item_{self._count - 1}"

    def _reply(self, body: ModelReplied) -> list[Line]:
        self._calls = {call.id: call for call in body.calls}
        said = parts(body)
        return [_completed(self._id(), {"type": kind, "text": text}) for kind, text in said]

    def _start(self, body: ToolStarted) -> list[Line]:
        self._printed.clear()
        call = self._calls.get(body.call_id) or ToolCall(body.call_id, body.tool, "")
        fields = begun(call, body, self._ground)
        if fields is None:
            return []
        item = self._open[body.call_id] = _Open(self._id(), fields)
        return [Line("item.started", {"item": _item(item.id, fields)})]

    def _finish(self, body: ToolFinished, attempt: str) -> list[Line]:
        before, self._tree = self._tree, body.checkpoint.tree
        item = self._open.pop(body.call_id, None)
        printed = self._output(body) if body.digest else ""
        fields = ended(item.fields if item else None, body, self._ground, printed)
        if fields is None:
            return []
        extra: Fields = {"duration_ms": body.duration_ms}
        if body.number:
            extra["citation"] = {"attempt": attempt, "command": body.number}
        line = _completed(item.id if item else self._id(), fields)
        changed = fields["type"] == "file_change" and before != self._tree
        return [Line(line.type, line.fields, extra, (before, self._tree) if changed else ("", ""))]

    def _planned(self, body: PlanUpdated) -> list[Line]:
        steps = [{"text": step.step, "completed": step.status == "completed"} for step in body.steps]
        kind = "item.started" if self._plan is None else "item.updated"
        self._plan = _Open(self._plan.id if self._plan else self._id(), {"type": "todo_list", "items": steps})
        return [Line(kind, {"item": _item(self._plan.id, self._plan.fields)})]


MOST_OUTPUT = 1 << 20
"""Bytes of a command's output in an item; the log has all of it."""


def parts(body: ModelReplied) -> list[tuple[str, str]]:
    """What a model has said, in order: pairs of `reasoning` or `agent_message` and a text that is not blank."""
    found: list[tuple[str, str]] = []
    for item in body.items:
        kind = item.get("type")
        if kind == "reasoning":
            found.append(("reasoning", _joined(item.get("summary"))))
        elif kind == "thinking":
            found.append(("reasoning", str(item.get("thinking") or "")))
        elif body.wire == "responses" and kind == "message":
            found.append(("agent_message", _joined(item.get("content"), "")))
        else:
            found.append(("reasoning", str(item.get("reasoning_content") or item.get("reasoning") or "")))
    if body.text.strip() and not any(kind == "agent_message" and text.strip() for kind, text in found):
        found.append(("agent_message", body.text))
    return [(kind, text) for kind, text in found if text.strip()]


def _joined(pieces: Any, between: str = "\n") -> str:
    listed = pieces if isinstance(pieces, list) else []
    texts = [str(one.get("text") or one.get("refusal") or "") for one in listed if isinstance(one, Mapping)]
    return pieces if isinstance(pieces, str) else between.join(texts)


def _item(number: str, fields: Fields) -> Fields:
    return {"id": number, **fields}


def _completed(number: str, fields: Fields) -> Line:
    return Line("item.completed", {"item": _item(number, fields)})


def usage_fields(usage: Usage) -> dict[str, int]:
    """Tokens under Codex's names."""
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_input_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_output_tokens": usage.reasoning_tokens,
    }
