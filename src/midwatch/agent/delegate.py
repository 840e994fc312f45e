"""The tool `delegate`: a part of an attempt's work, done by an attempt of its own with a log and a share of the limits.

It works in the same box on the same files, one at a time, and cannot delegate further. Its log is its only state, as
everywhere: after a crash the open call runs again, finds the subtask by the place of its call in the log, makes the
files those of its last checkpoint, and goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from midwatch.agent import budget, context
from midwatch.agent.log import History, Log
from midwatch.agent.loop import Workplace, work
from midwatch.domain.conversation import Delta, ToolSpec, Usage
from midwatch.domain.errors import InputError, MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Event, Failed, Message, ModelReplied, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.guard import Guard
from midwatch.domain.ids import attempt_id, task_id_at
from midwatch.domain.interventions import Delegated
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.engine.store.base import Store
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import harmless, one_line
from midwatch.tools.sessions import Sessions
from midwatch.tools.toolset import ToolSet

ANSWER_CAP = 20_000
"""Characters of a subtask's last words that its parent reads."""
MOST_FILES = 50
"""Changed files that are named to the parent."""

_DESCRIPTION = """\
Hand a part of the job to a helper with a conversation of its own: it sees your prompt and the files as they are, not \
this conversation, works in this sandbox and answers once. For searches and side jobs whose details you do not need. \
It may use at most half of what is left of your turns, tokens, money and time."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "description": "All that it must know: what to do, where, what to answer."},
        "turns": {"type": "integer", "description": "At most so many model calls."},
        "read_only": {"type": "boolean", "description": "What it changes is put back afterwards."},
    },
    "required": ["prompt"],
    "additionalProperties": False,
}

_FORM = '{"prompt": "Find where fees are computed; answer with files and lines.", "read_only": true}'


@dataclass(frozen=True, slots=True)
class _Wanted:
    prompt: str
    turns: int | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Parent:
    """Whose work is shared out."""

    log: Log
    tools: ToolSet
    """That a subtask has."""
    store: Store
    locks: Path
    place: Callable[[], Workplace]
    """Where the parent works now; its `go_to` must be there."""


class Delegate(Tool):
    """See above."""

    spec = ToolSpec("delegate", _DESCRIPTION, _SCHEMA)

    def __init__(self, parent: Parent) -> None:
        self._parent = parent

    def summary(self, arguments: str) -> str:
        """`delegate: the prompt's first line`."""
        try:
            text = _wanted(arguments).prompt.strip().split("\n")[0]
        except given.BadArguments:
            text = arguments
        return one_line(f"delegate: {text}")

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Let the subtask work to its end, from wherever it stands. Raises what stopped it."""
        try:
            wanted = _wanted(arguments)
        except given.BadArguments as error:
            return given.refused("delegate", error, f"Nothing was done. The arguments are {_FORM}.")
        place = self._parent.place()
        assert place.go_to is not None
        task = await self._task(wanted, bench.call_id)
        if task is None:
            text = "There is too little left of your limits to share. Do it yourself, or finish."
            return ToolResult(ok=False, output=text, ended="refused")
        name = attempt_id(task.id, 1)
        before = place.tree.checkpoint if self._parent.log.checkpoint is None else self._parent.log.checkpoint
        with hold(self._parent.locks, name):
            log = await Log.open(self._parent.store, name, Onlooker(place.observer, "subtask"))
            await self._go_back(log, place, before)
            await self._work(task, log, place, bench.call_id)
            return await self._result((task, log), (place, before), bench.call_id)

    async def _task(self, wanted: _Wanted, call_id: str) -> Task | None:
        """The subtask of this call: the one that is there after a crash, else a new one; None when too little is left
        to share."""
        parent, place = self._parent, self._parent.place()
        started = _started(parent.log, call_id)
        name = _id(parent.log.attempt, started)
        with suppress(InputError):
            return (await parent.store.find(name)).task
        limits = share(parent.log, place.task.limits, wanted.turns)
        if limits is None:
            return None
        task = replace(
            place.task,
            id=name,
            prompt=wanted.prompt,
            kind="subtask",
            parent=parent.log.attempt,
            model=parent.log.model or place.task.model,
            branch="",
            attempts=1,
            limits=limits,
            notes=(),
            images=(),
            created=started.time,
            mode="read-only" if wanted.read_only else place.task.mode,
            guard=_guard(place.task.guard),
        )
        first = replace(parent.log.events[0].body, task=task, attempt=1)
        said = [Message("agent", context.opening(task, place.box.workdir))]
        await parent.store.create(task, [first, *_instructions(parent.log), *said])
        return task

    async def _go_back(self, log: Log, place: Workplace, before: Checkpoint) -> None:
        """Make the files those that the subtask has last saved, where a crash came between."""
        assert place.go_to is not None
        there, call = log.checkpoint or before, log.next_unanswered()
        if there != place.tree.checkpoint or (call is not None and log.is_started(call)):
            await place.go_to(there)

    async def _work(self, task: Task, log: Log, place: Workplace, call_id: str) -> None:
        """Until the subtask has an outcome. What it has spent is told to the parent's log also when it is stopped."""
        inside = replace(
            place,
            task=task,
            tools=self._parent.tools,
            observer=Onlooker(place.observer, "subtask"),
            saved=None,
            inbox=tuple,
            sessions=Sessions(),
        )
        try:
            await work(log, inside)
        except (asyncio.CancelledError, MidwatchError) as error:
            if isinstance(error, MidwatchError) and not isinstance(error, StaleEpoch | StoreError):
                await log.append(Failed(error.message, error.mend))
            if not isinstance(error, StaleEpoch | StoreError):
                await self._parent.log.append(spent(self._parent.log, log, task.id, call_id))
            raise

    async def _result(self, done: tuple[Task, Log], where: tuple[Workplace, Checkpoint], call_id: str) -> ToolResult:
        (task, log), (place, before) = done, where
        assert log.outcome is not None
        notes = []
        now = await place.tree.save()
        changes = await place.tree.repository.stat(before.tree, now.tree)
        files = [f"{change.path} ({change.status})" for change in changes[:MOST_FILES]]
        if len(changes) > MOST_FILES:
            files.append(f"and {len(changes) - MOST_FILES} more")
        if files:
            notes.append(f"Files changed: {', '.join(files)}")
        told = spent(self._parent.log, log, task.id, call_id)
        text = log.outcome.text.strip() or "It ended without a word."
        if log.outcome.kind != "done":
            said = log.last_reply.text.strip() if log.last_reply else ""
            text = f"It was ended: {log.outcome.text}." + (f" Its last words:\n{said}" if said else "")
        notes.append(f"subtask {task.id}: {told.status}, {log.turns} turns, {log.usage.total} tokens")
        output = harmless(_cut(text)) + "\n" + "".join(f"\n[{harmless(note)}]" for note in notes)
        detail = {"task": task.id, "status": told.status, "files": [change.path for change in changes]}
        return ToolResult(ok=told.status == "done", output=output, ended=told.status, detail=detail, events=(told,))


def spent(parent: History, part: History, task_id: str, call_id: str = "") -> Delegated:
    """What a part of an attempt's work has spent since the attempt's log was last told of it."""
    told = [e.body for e in parent.events if isinstance(e.body, Delegated) and e.body.task == task_id]
    usage = part.usage - sum((body.usage for body in told), Usage())
    cost = part.cost_microusd - sum(body.cost_microusd or 0 for body in told) if part.cost_known else None
    turns = part.turns - sum(body.turns for body in told)
    status = part.outcome.kind if part.outcome else "interrupted"
    return Delegated(call_id, task_id, status, turns, usage, cost)


def with_subtasks(place: Workplace, parent: Parent) -> Workplace:
    """The place with the tool `delegate` beside the parent's tools."""
    return replace(place, tools=parent.tools.plus((Delegate(parent),)))


def share(log: Log, limits: Limits, turns: int | None = None) -> Limits | None:
    """Half of what is left of an attempt's limits, and not more than so many turns; None when that is nothing."""
    seconds = budget.seconds_left(log, limits)
    shared = replace(
        limits,
        turns=_half(limits.turns, log.turns - log.turns_before),
        tokens=_half(limits.tokens, log.usage.total),
        cost_microusd=_half(limits.cost_microusd, log.cost_microusd),
        seconds=None if limits.seconds is None else int(seconds / 2),
    )
    if turns is not None:
        shared = replace(shared, turns=turns if shared.turns is None else min(turns, shared.turns))
    caps = (shared.turns, shared.tokens, shared.cost_microusd, shared.seconds)
    if any(cap is not None and cap < 1 for cap in caps):
        return None
    if shared.seconds is None:
        return shared
    return replace(shared, command_seconds=min(shared.command_seconds, shared.seconds))


def _half(cap: int | None, spent: int) -> int | None:
    return None if cap is None else (cap - spent) // 2


def _wanted(arguments: str) -> _Wanted:
    values = given.read(arguments)
    prompt = given.text(values, "prompt")
    if not prompt.strip():
        raise given.BadArguments('"prompt" is empty')
    turns = None if values.get("turns") is None else given.whole(values, "turns", 1)
    read_only = given.flag(values, "read_only")
    return _Wanted(prompt.encode("utf-8", "replace").decode(), turns, read_only)


def _started(log: Log, call_id: str) -> Event:
    """Where the call begins in the log."""
    return next(e for e in reversed(log.events) if isinstance(e.body, ToolStarted) and e.body.call_id == call_id)


def _id(attempt: str, started: Event) -> str:
    """The same for the same call, so that it is found again: the time of the call, and digits of its place."""
    digest = hashlib.sha256(f"{attempt} {started.seq} {started.hash}".encode()).digest()
    seconds = int(datetime.fromisoformat(started.time).timestamp())
    return task_id_at(seconds, int.from_bytes(digest[:4], "big"))


def _guard(guard: Guard) -> Guard:
    """The parent's, but for what is asked before a task finishes: a part of it is not its finish."""
    return replace(guard, hooks=tuple(hook for hook in guard.hooks if hook.event != "before_finish"))


def _instructions(log: Log) -> list[Message]:
    """What the repository tells every agent, as the parent was told it."""
    first = next((e.seq for e in log.events if isinstance(e.body, ModelReplied)), len(log.events) + 1)
    told = [e.body for e in log.events if e.seq < first and isinstance(e.body, Message)]
    return [message for message in told if message.author == "repository"]


def _cut(text: str) -> str:
    if len(text) <= ANSWER_CAP:
        return text
    half = ANSWER_CAP // 2
    return f"{text[:half]}\n[… {len(text) - ANSWER_CAP} characters left out]\n{text[-half:]}"


class Onlooker:
    """Tells the parent's observer what is being done; the events of a part are its own log's."""

    def __init__(self, observer: Observer, what: str) -> None:
        """`what` marks it: `subtask`, `review`."""
        self._observer, self._what = observer, what

    def event(self, event: Event) -> None:
        """Nothing."""

    def delta(self, delta: Delta) -> None:
        """Only what the connection has to say."""
        if delta.kind == "notice":
            self._observer.delta(delta)

    def output(self, chunk: bytes) -> None:
        """As the parent's."""
        self._observer.output(chunk)

    def phase(self, text: str) -> None:
        """As the parent's, marked."""
        self._observer.phase(f"{self._what}: {text}")
