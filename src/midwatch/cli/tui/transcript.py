"""The events of a conversation folded into what is on the screen. A conversation that is opened again is folded from
its log, so it looks as it did."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from midwatch.agent.course import course
from midwatch.cli import words
from midwatch.cli.steps import Steps
from midwatch.cli.tui.entries import Answer, Call, Edit, Entry, Note, Plan, Run, Said
from midwatch.domain.conversation import ToolCall
from midwatch.domain.events import (
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
from midwatch.domain.interventions import Interrupted, Undone

_PATCH = re.compile(r"\*\*\* Begin Patch\n.*?(\*\*\* End Patch|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """A place to go back to: after event `to`. Undoing a turn gives its words back to be written anew."""

    to: int
    text: str
    words: str = ""
    time: str = ""


class Transcript:
    """Grows event by event; `entries` is in the order of the screen."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.entries: dict[str, Entry] = {}
        self.events: list[Event] = []
        self._calls: dict[str, ToolCall] = {}
        self._steps = Steps()
        self._plan = ""
        for event in events:
            self.fold(event)

    def fold(self, event: Event) -> Sequence[Entry] | None:
        """Take one more event in. The entries that are new or have changed; None when everything may have."""
        self.events.append(event)
        if isinstance(event.body, Undone):
            before = Transcript(course(self.events[: event.body.to]))
            self.entries, self._calls, self._plan = before.entries, before._calls, before._plan
            self._put(Note(f"e{event.seq}", "undone: the conversation and the files are as they were here"))
            return None
        found = self._entry(event)
        if found is None:
            return ()
        self._put(found)
        return (found,)

    def _put(self, entry: Entry) -> None:
        self.entries[entry.key] = entry

    def _entry(self, event: Event) -> Entry | None:
        key = f"e{event.seq}"
        match event.body:
            case Message(author="person") as body:
                self._plan = ""
                return Said(key, body.text, len(body.images), event.seq)
            case Message() | TaskStarted():
                return None
            case ModelReplied() as body:
                self._calls |= {call.id: call for call in body.calls}
                thought = thoughts(body.items)
                return Answer(key, body.text, thought) if body.text.strip() or thought else None
            case ToolStarted() as body:
                return self._started(body)
            case ToolFinished() as body:
                return self._finished(body)
            case PlanUpdated() as body:
                self._plan = self._plan or key
                return Plan(self._plan, body.steps)
            case LimitReached() as body:
                return Note(key, body.text, ok=False)
            case Failed() as body:
                return Note(key, body.error, ok=False, mend=body.mend)
            case Interrupted():
                self._close_open()
                return Note(key, "interrupted; what was done so far stays")
        return self._other(key, event.body)

    def _other(self, key: str, body: Any) -> Entry | None:
        steps = self._steps.of(body)
        if not steps:
            return None
        facts = "".join(f" · {fact}" for fact in steps[0].facts)
        return Note(key, steps[0].text + facts, ok=steps[0].ok)

    def _started(self, body: ToolStarted) -> Entry | None:
        """How a call looks while it is open."""
        call = self._calls.get(body.call_id)
        arguments = _arguments(call.arguments if call else "")
        patch = _patch(body.tool, arguments)
        if patch:
            return Edit(body.call_id, body.summary, patch)
        if body.tool == "update_plan":
            return None
        if body.tool == "shell" and "command" in arguments:
            return Run(body.call_id, str(arguments["command"]))
        return Call(body.call_id, body.tool, body.summary)

    def _finished(self, body: ToolFinished) -> Entry | None:
        entry = self.entries.get(body.call_id)
        match entry:
            case Edit():
                return replace(entry, ok=body.ok, output=body.output)
            case Run() if not body.number:
                return replace(entry, ok=body.ok, ended=body.ended, output=body.output)
            case Call() if not body.number:
                return replace(entry, ok=body.ok, output=body.output)
        if body.number:
            command = entry.command if isinstance(entry, Run) else body.command
            ok = body.exit_code == 0 if body.exit_code is not None else body.ended == "running"
            return Run(
                body.call_id,
                command,
                ok,
                body.number,
                body.ended,
                body.duration_ms,
                body.lines,
                body.digest,
                body.output,
            )
        if body.tool == "update_plan" and body.ok:
            return None
        return Call(body.call_id, body.tool, body.output, body.ok, body.output)

    def _close_open(self) -> None:
        """Calls that have no result were interrupted."""
        for entry in list(self.entries.values()):
            match entry:
                case Run(ok=None):
                    self._put(replace(entry, ok=False, ended="interrupted"))
                case Edit(ok=None) | Call(ok=None):
                    self._put(replace(entry, ok=False, output="interrupted"))

    def steps(self) -> list[Step]:
        """Where one can go back to, the latest first: before each thing the person said, and after each call that has
        changed files."""
        alive = {entry.seq for entry in self.entries.values() if isinstance(entry, Said)}
        found: list[Step] = []
        tree = ""
        for event in self.events:
            body = event.body
            if isinstance(body, Message) and event.seq in alive and event.seq > 1:
                found.append(Step(event.seq - 1, f"before: {words.line(body.text)}", body.text, event.time))
            elif (
                isinstance(body, ToolFinished)
                and body.call_id in self.entries
                and tree not in ("", body.checkpoint.tree)
            ):
                found.append(Step(event.seq, f"after: {self._named(body)}", "", event.time))
            checkpoint = getattr(body, "checkpoint", None)
            tree = checkpoint.tree if checkpoint else body.task.base.tree if isinstance(body, TaskStarted) else tree
        return [step for step in reversed(found) if step.to < len(self.events)]

    def _named(self, body: ToolFinished) -> str:
        entry = self.entries.get(body.call_id)
        text = entry.summary if isinstance(entry, Edit | Call) else body.command
        return words.line(text).removeprefix("apply_patch: ")

    def said(self) -> list[str]:
        """What the person has said so far, also what was undone, each once."""
        texts = [e.body.text for e in self.events if isinstance(e.body, Message) and e.body.author == "person"]
        return list(dict.fromkeys(texts))


def _arguments(text: str) -> Mapping[str, Any]:
    """What a model gave a tool; nothing where that is no object."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _patch(tool: str, arguments: Mapping[str, Any]) -> str:
    """The patch that a call is about, also one that is a shell's here-document; empty when it is about none."""
    if tool not in ("apply_patch", "shell"):
        return ""
    values = [value for value in arguments.values() if isinstance(value, str)]
    found = next((match for value in values if (match := _PATCH.search(value))), None)
    return found[0] if found and (tool == "apply_patch" or "apply_patch" in "".join(values)) else ""


def thoughts(items: Sequence[Mapping[str, Any]]) -> str:
    """What a model showed of its reasoning, in any of the wires' forms."""
    found: list[str] = []
    for item in items:
        for key in ("reasoning_content", "thinking", "reasoning"):
            if isinstance(text := item.get(key), str) and text:
                found.append(text)
                break
        if item.get("type") == "reasoning" and isinstance(parts := item.get("summary"), list):
            found += [str(part.get("text", "")) for part in parts if isinstance(part, dict)]
    return "\n\n".join(text.strip() for text in found if text.strip())
