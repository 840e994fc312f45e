"""Going back to an earlier step of an attempt: the conversation and the files as they were then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.agent.course import course, introduced, is_step, steps
from midwatch.agent.log import History, Log
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event, ToolFinished
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.interventions import Undone
from midwatch.domain.task import Task
from midwatch.workflows.reopening import Shelf, meant, reopened, require_begun, start_of

ASKED = "a person asked for it"


@dataclass(frozen=True, slots=True)
class WentBack:
    """What an undo has done."""

    task: Task
    attempt: str
    to: int
    """The event after which the attempt is now."""
    checkpoint: Checkpoint
    files: tuple[FileChange, ...]
    """How the files changed by it."""
    commands: int
    """Commands that no longer count."""


async def choices(shelf: Shelf, name: str) -> tuple[Task, str, Sequence[Event]]:
    """The task, its attempt, and all its events, of which `course.steps` are those that one can go back to. Changes
    nothing. Raises InputError for an unknown task and for one that has not begun."""
    row, attempt = await meant(shelf, name)
    events = await shelf.store.read(attempt)
    require_begun(History(events), attempt)
    return row.task, attempt, events


async def undo(shelf: Shelf, name: str, to: str, reason: str = ASKED) -> WentBack:
    """Go back to a step (see `step`), also to one that was undone itself; the next `solve` goes on from there. The
    pull request stays as it is until then. Raises InputError as `reopened`, and when there is no such step or nothing
    came after it."""
    async with reopened(shelf, name) as found:
        log, task = found.log, found.task
        seq, before = later_than(log.events, to), tuple(log.events)
        files, now = History(before[:seq]).checkpoint or start_of(task), found.files
        changes = await (await shelf.repository(task)).stat(now.tree, files.tree)
        await log.append(Undone(seq, files, reason))
    return went_back(task, log, before, changes)


def later_than(events: Sequence[Event], to: str) -> int:
    """As `step`; also raises InputError when nothing came after it."""
    seq = step(events, to)
    if course(events)[-1].seq == seq:
        raise InputError(f"nothing came after event {seq}", "there is nothing to undo")
    return seq


def went_back(task: Task, log: Log, before: Sequence[Event], files: tuple[FileChange, ...]) -> WentBack:
    """What the `undone` at the end of a log has done; `before`: the events that were there then."""
    undone = log.events[-1].body
    left = _commands(course(before)) - _commands(course(log.events))
    return WentBack(task, log.attempt, undone.to, undone.checkpoint, files, max(0, left))


def step(events: Sequence[Event], wanted: str) -> int:
    """The number of the event that is meant: `start` (the task has just been given), `cmd:7` (command 7 has ended), or
    the number of an event as `midwatch log` shows it. Raises InputError when there is no whole state after it."""
    begin = introduced(events)
    if wanted == "start":
        return begin
    if found := re.fullmatch(r"cmd:([0-9]{1,9})", wanted):
        return _command(events, int(found[1]))
    if not re.fullmatch(r"[0-9]{1,9}", wanted):
        raise InputError(f"{wanted!r} is no step", "give the number of an event, such as 12, or cmd:3, or start")
    number = int(wanted)
    if not 1 <= number <= len(events):
        raise InputError(f"there is no event {number}", f"the log has {len(events)}")
    if number < begin or not is_step(events[number - 1]):
        usable = [e.seq for e in steps(events)]
        near = ", ".join(map(str, sorted(usable, key=lambda seq: abs(seq - number))[:3]))
        kind = events[number - 1].kind
        raise InputError(f"event {number} ({kind}) is no step that one can go back to", f"near it are: {near}")
    return number


def _command(events: Sequence[Event], number: int) -> int:
    found = next((e for e in events if isinstance(e.body, ToolFinished) and e.body.number == number), None)
    if found is None or not number:
        raise InputError(f"there is no command {number}", "`midwatch show` lists the commands")
    return found.seq


def _commands(events: Sequence[Event]) -> int:
    return sum(isinstance(event.body, ToolFinished) and event.body.number > 0 for event in events)
