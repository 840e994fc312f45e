"""Events as an editor is told of them. Pure: an event in, updates out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    AvailableCommandsUpdate,
    CurrentModeUpdate,
    PlanEntry,
    SessionInfoUpdate,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    UsageUpdate,
    UserMessageChunk,
)

from midwatch.cli import words
from midwatch.cli.acp.contents import sound
from midwatch.cli.acp.differences import fenced, text_content
from midwatch.domain.conversation import ToolCall
from midwatch.domain.events import (
    Compacted,
    EnvironmentReady,
    Event,
    Failed,
    LimitReached,
    Message,
    ModelReplied,
    PlanUpdated,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from midwatch.domain.interventions import FilesImported, HookRan, Interrupted, McpConnected, ModelChosen, Undone

Update = (
    UserMessageChunk
    | AgentMessageChunk
    | AgentThoughtChunk
    | ToolCallStart
    | ToolCallProgress
    | AgentPlanUpdate
    | AvailableCommandsUpdate
    | CurrentModeUpdate
    | SessionInfoUpdate
    | UsageUpdate
)
Kind = Literal["read", "edit", "search", "execute", "think", "fetch", "other"]

KINDS: Mapping[str, Kind] = {
    "shell": "execute",
    "session": "execute",
    "apply_patch": "edit",
    "view_image": "read",
    "log": "read",
}
"""Of our tools; an MCP server's and all else are `other`."""
PLAN = "update_plan"
"""The tool that shows itself as a plan."""
MOST_OUTPUT = 24 << 10
"""Characters of a command's output that an editor is shown."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An update that is to have the difference of two trees in it besides its own content."""

    update: ToolCallProgress
    before: str
    after: str


@dataclass
class Translator:
    """Turns the events of one conversation into updates. `replay`: the editor has seen none of it yet."""

    replay: bool = False
    tree: str = ""
    """The files that the agent has, as of the last event."""
    open: dict[str, str] = field(default_factory=dict)
    """Calls that are being worked on, and their tools, in the order in which they began."""
    streamed: bool = False
    """Something of the next reply has been shown already."""
    _calls: dict[str, ToolCall] = field(default_factory=dict)

    def of(self, event: Event) -> list[Update | Changed]:
        """What the editor is to be told."""
        match event.body:
            case TaskStarted() as body:
                self.tree = body.task.base.tree
            case FilesImported() | Undone() as body:
                self.tree = body.checkpoint.tree
            case Message() as body:
                return [said(body.text)] if self.replay and body.author == "person" else []
            case ModelReplied() as body:
                return list(self._reply(body))
            case ToolStarted() as body:
                return list(self._started(body))
            case ToolFinished() as body:
                return self._finished(body)
            case PlanUpdated() as body:
                return [plan(body)]
            case Interrupted() as body:
                self.tree = body.checkpoint.tree if body.checkpoint else self.tree
                return list(self.drop("interrupted"))
            case _:
                return list(self._told(event.body))
        return []

    def _told(self, body: Any) -> list[Update]:
        """What is only said."""
        match body:
            case LimitReached():
                return [answered(f"\n\n{body.text}\n")]
            case Compacted():
                return [thought("The conversation was summed up to make room.\n")]
            case EnvironmentReady() if body.notes:
                return [thought("".join(f"{note}\n" for note in body.notes))]
            case McpConnected() if body.error:
                return [thought(f"The MCP server {body.server} cannot be used: {body.error}\n")]
            case ModelChosen():
                return [thought(f"The model is {body.model} now.\n")] if self.replay else []
            case HookRan() if body.refused:
                return [thought(f"A hook refused: {body.refused}\n")]
            case Failed():
                return [answered(f"\n\n{body.error}\n"), *self.drop("failed")] if self.replay else []
        return []

    def _reply(self, body: ModelReplied) -> list[Update]:
        self._calls = {call.id: call for call in body.calls}
        shown, self.streamed = self.streamed, False
        if shown:
            return []
        thoughts = [thought(f"{text}\n") for text in reasoning(body.items)]
        return [*thoughts, *([answered(body.text)] if body.text.strip() else [])]

    def _started(self, body: ToolStarted) -> list[Update]:
        self.open[body.call_id] = body.tool
        if body.tool == PLAN:
            return []
        call = self._calls.get(body.call_id)
        return [
            ToolCallStart(
                session_update="tool_call",
                tool_call_id=body.call_id,
                title=title(body.tool, body.summary),
                kind=kind(body.tool),
                status="in_progress",
                raw_input=_arguments(call.arguments) if call else None,
            )
        ]

    def _finished(self, body: ToolFinished) -> list[Update | Changed]:
        self.open.pop(body.call_id, None)
        before, self.tree = self.tree, body.checkpoint.tree
        if body.tool == PLAN:
            return []
        ok = body.ok and body.exit_code in (0, None)
        update = ToolCallProgress(
            session_update="tool_call_update",
            tool_call_id=body.call_id,
            status="completed" if ok else "failed",
            content=[] if body.tool == "apply_patch" and ok else [output(body.output)],
            raw_output={
                "ended": body.ended,
                "exit_code": body.exit_code,
                "duration_ms": body.duration_ms,
                "command_number": body.number or None,
                "truncated": body.truncated,
            },
        )
        return [Changed(update, before, self.tree) if before and before != self.tree else update]

    def drop(self, why: str) -> list[Update]:
        """Calls that have not come to an end, which nobody works on any more."""
        left, self.open = self.open, {}
        return [
            ToolCallProgress(
                session_update="tool_call_update",
                tool_call_id=call_id,
                status="failed",
                raw_output={"ended": why},
            )
            for call_id, tool in left.items()
            if tool != PLAN
        ]


def course(events: Sequence[Event]) -> list[Event]:
    """The events that still count: what was undone is left out."""
    found: list[Event] = []
    for event in events:
        if isinstance(event.body, Undone):
            found = course(events[: event.body.to])
        found.append(event)
    return found


def kind(tool: str) -> Kind:
    """What sort of thing a tool does."""
    return KINDS.get(tool, "other")


def title(tool: str, summary: str) -> str:
    """A call in a line."""
    text = words.line(summary)
    return text if not text or kind(tool) == "execute" or text.startswith(tool) else f"{words.line(tool)}: {text}"


def reasoning(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a model said that it thought, where its provider tells."""
    found: list[Any] = []
    for item in items:
        if item.get("type") == "reasoning" and isinstance(item.get("summary"), list | tuple):
            found += [part.get("text") for part in item["summary"] if isinstance(part, Mapping)]
        elif item.get("type") == "thinking":
            found.append(item.get("thinking"))
    return [text for text in found if isinstance(text, str) and text.strip()]


def output(text: str) -> Any:
    """A command's output, or what a tool answered, as content."""
    shown = words.clean(text)
    if len(shown) > MOST_OUTPUT:
        half = MOST_OUTPUT // 2
        shown = f"{shown[:half]}\n[… {len(shown) - 2 * half} characters left out …]\n{shown[-half:]}"
    return text_content(fenced(shown, "text"))


def plan(body: PlanUpdated) -> AgentPlanUpdate:
    """The plan, whole."""
    statuses: Mapping[str, Literal["pending", "in_progress", "completed"]] = {
        "in_progress": "in_progress",
        "completed": "completed",
    }
    entries = [
        PlanEntry(content=words.clean(step.step), priority="medium", status=statuses.get(step.status, "pending"))
        for step in body.steps
    ]
    return AgentPlanUpdate(session_update="plan", entries=entries)


def said(text: str) -> UserMessageChunk:
    """Words of the person."""
    return UserMessageChunk(session_update="user_message_chunk", content=_text(text))


def answered(text: str) -> AgentMessageChunk:
    """Words of the model, or of the harness in its place."""
    return AgentMessageChunk(session_update="agent_message_chunk", content=_text(text))


def thought(text: str) -> AgentThoughtChunk:
    """What a person may leave unread."""
    return AgentThoughtChunk(session_update="agent_thought_chunk", content=_text(text))


def _text(text: str) -> TextContentBlock:
    return TextContentBlock(type="text", text=sound(text))


def _arguments(text: str) -> Any:
    """The arguments of a call as JSON where they are."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return words.clean(text)
    return json.loads(json.dumps(value).encode("utf-8", "replace")) if isinstance(value, dict) else words.clean(text)
