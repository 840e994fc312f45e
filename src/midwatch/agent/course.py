"""The events of a log that still count: what was undone is left out."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.domain.events import Event, Message, ModelReplied, PlanUpdated, ToolFinished
from midwatch.domain.interventions import FilesImported, Undone


def course(events: Sequence[Event]) -> list[Event]:
    """The events as if nothing else had ever happened. The numbers are those of the log."""
    found, number = [], len(events)
    while number:
        event = events[number - 1]
        if isinstance(event.body, Undone):
            number = min(event.body.to, number - 1)
        else:
            found.append(event)
            number -= 1
    return found[::-1]


def introduced(events: Sequence[Event]) -> int:
    """The number of the event that gave the model its task: the earliest that one can go back to; 0 when the attempt
    has not come that far."""
    first = next((e.seq for e in events if isinstance(e.body, ModelReplied)), len(events) + 1)
    said = [e.seq for e in events if e.seq < first and isinstance(e.body, Message) and e.body.author == "person"]
    return said[0] if said else 0


def is_step(event: Event) -> bool:
    """Whether the state right after the event is whole: files and conversation belong together there."""
    body = event.body
    return isinstance(body, Message | ToolFinished | PlanUpdated | FilesImported) or _is_answer(body)


def _is_answer(body: object) -> bool:
    return isinstance(body, ModelReplied) and not body.calls and body.stop != "length"


def steps(events: Sequence[Event]) -> list[Event]:
    """The events that one can go back to, the latest last: what was appended together is one step."""
    begin = introduced(events)
    found = [event for event in course(events) if begin and event.seq >= begin and is_step(event)]
    return [e for e, later in zip(found, [*found[1:], None], strict=False) if not _same_append(e, later)]


def _same_append(event: Event, later: Event | None) -> bool:
    return isinstance(event.body, ToolFinished) and later is not None and isinstance(later.body, PlanUpdated)


def follow_ups(events: Sequence[Event]) -> list[Message]:
    """What a person said after the task was given, as far as it still counts."""
    begin = introduced(events)
    said = [e.body for e in course(events) if e.seq > begin and isinstance(e.body, Message)]
    return [message for message in said if message.author == "person"]
