"""The spans of an attempt, folded from its events, named as OpenTelemetry's conventions for generative AI have it.

All ids are made of the attempt's id and of numbers in its log: whoever goes on with an attempt after a crash adds to
the same trace. An attempt is one trace; its subtasks are in it. Each time it is worked on until it ends is a span
`invoke_agent`, with `chat` for each model call and `execute_tool` for each tool call below it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from midwatch.domain.conversation import Usage
from midwatch.domain.events import (
    Compacted,
    Event,
    Failed,
    ModelReplied,
    Proposed,
    Stopped,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from midwatch.domain.ids import task_of
from midwatch.domain.interventions import Reviewed

AGENT = "midwatch"
Value = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work. Times are nanoseconds since 1970."""

    trace: int
    """128 bits."""
    id: int
    """64 bits."""
    parent: int | None
    name: str
    outside: bool
    """Whether it asks another system."""
    begin: int
    end: int
    attributes: Mapping[str, Value]
    error: str = ""
    """The kind of what went wrong; empty for nothing."""


@dataclass
class Fold:
    """One attempt's. Events come in their order; those that are known already must be given too."""

    attempt: str
    content: bool = False
    """Whether the spans carry what models and commands have said."""
    parent: Fold | None = None
    """Of the attempt that a subtask is a part of, where that is at work here."""
    _of: str = ""
    """The attempt that the trace is of."""
    _turn: int = 0
    _begun: int = 0
    _open: bool = False
    _model: str = ""
    _usage: Usage = field(default_factory=Usage)
    _failures: int = 0
    _running: dict[str, int] = field(default_factory=dict)
    """Since when each tool call that has no result runs."""
    _arguments: dict[str, str] = field(default_factory=dict)

    @property
    def trace(self) -> int:
        """The trace that all of this belongs to."""
        return _number(f"trace {self._of or self.attempt}", 16)

    @property
    def turn(self) -> int:
        """The id of the span of what is being done. A subtask has none of its own: it is a part of its parent's."""
        if self._of:
            return self.parent.turn if self.parent is not None else _number(f"{self._of} turn 1", 8)
        return _number(f"{self.attempt} turn {max(1, self._turn)}", 8)

    def add(self, event: Event) -> list[Span]:
        """The spans that end with this event."""
        now = _nanoseconds(event.time)
        if not self._open:
            self._open, self._begun, self._usage, self._failures = True, now, Usage(), 0
            self._turn += 1
        match event.body:
            case TaskStarted() as body:
                self._model = body.task.model
                self._of = body.task.parent if body.task.kind == "subtask" else ""
            case ModelReplied() as body:
                return [self._call(event, now, body)]
            case Compacted() as body if body.model:
                return [self._call(event, now, body)]
            case ToolStarted() as body:
                self._running.setdefault(body.call_id, now)
            case ToolFinished() as body:
                return [self._tool(event, now, body)]
            case Failed():
                self._failures += 1
            case Proposed() | Stopped() | Reviewed() if self._of:
                self._open = False
            case Proposed() as body:
                return [self._end(now, "draft" if body.draft else "proposed")]
            case Stopped() as body:
                return [self._end(now, body.reason)]
            case Reviewed():
                return [self._end(now, "reviewed")]
        return []

    def _call(self, event: Event, now: int, body: ModelReplied | Compacted) -> Span:
        self._usage += body.usage
        provider, _, model = body.model.partition("/")
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider if model else AGENT,
            "gen_ai.request.model": model or body.model,
            **_spent(body.usage),
            "gen_ai.usage.cache_read.input_tokens": body.usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": body.usage.cache_write_tokens,
        }
        if body.cost_microusd is not None:
            attributes["midwatch.cost_microusd"] = body.cost_microusd
        if isinstance(body, Compacted):
            attributes["midwatch.purpose"] = "compaction"
        else:
            attributes["gen_ai.response.finish_reasons"] = (body.stop,)
            if self.content:
                self._arguments.update({call.id: call.arguments for call in body.calls})
                attributes["gen_ai.output.messages"] = _said(body)
        return self._span(
            event, f"chat {model or body.model}", now - body.latency_ms * 1_000_000, now, attributes, outside=True
        )

    def _tool(self, event: Event, now: int, body: ToolFinished) -> Span:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": body.tool,
            "gen_ai.tool.call.id": body.call_id,
            "gen_ai.tool.type": "function",
        }
        if body.exit_code is not None:
            attributes["midwatch.exit_code"] = body.exit_code
        arguments = self._arguments.pop(body.call_id, "")
        if self.content:
            attributes["gen_ai.tool.call.arguments"] = arguments
            attributes["gen_ai.tool.call.result"] = body.output
        begin = self._running.pop(body.call_id, now - body.duration_ms * 1_000_000)
        error = "" if body.ok else body.ended or "failed"
        return self._span(event, f"execute_tool {body.tool}", begin, now, attributes, error=error)

    def _end(self, now: int, outcome: str) -> Span:
        self._open = False
        self._running.clear()
        self._arguments.clear()
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": AGENT,
            "gen_ai.request.model": self._model,
            **_spent(self._usage),
            "midwatch.outcome": outcome,
            "midwatch.failures": self._failures,
        }
        return Span(
            self.trace, self.turn, None, f"invoke_agent {AGENT}", False, self._begun, now, self._about(attributes)
        )  # fmt: skip

    def _span(
        self, event: Event, name: str, begin: int, end: int, attributes: dict[str, Value], **more: Any
    ) -> Span:  # fmt: skip
        number = _number(f"{self.attempt} event {event.seq}", 8)
        more = {"outside": False, **more}
        return Span(
            self.trace, number, self.turn, name, begin=begin, end=end, attributes=self._about(attributes), **more
        )

    def _about(self, attributes: dict[str, Value]) -> Mapping[str, Value]:
        return {
            **attributes,
            "gen_ai.conversation.id": task_of(self._of or self.attempt),
            "midwatch.attempt": self.attempt,
        }


def _spent(usage: Usage) -> dict[str, Value]:
    return {"gen_ai.usage.input_tokens": usage.input_tokens, "gen_ai.usage.output_tokens": usage.output_tokens}


def _said(body: ModelReplied) -> str:
    parts: list[dict[str, Any]] = [{"type": "text", "content": body.text}] if body.text else []
    parts += [{"type": "tool_call", "id": c.id, "name": c.name, "arguments": c.arguments} for c in body.calls]
    return json.dumps([{"role": "assistant", "parts": parts, "finish_reason": body.stop}])


def _number(name: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:size], "big") or 1


def _nanoseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000
