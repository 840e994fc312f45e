"""The log of an attempt as the loop sees it: the only state, folded event by event.

Opening a log after a crash and going on is the same call as opening a new one.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from midwatch.agent import data
from midwatch.agent.course import course
from midwatch.domain import witness
from midwatch.domain.codec import to_json
from midwatch.domain.conversation import INTERRUPTED, Answered, Image, Item, Replied, Said, ToolCall, Usage
from midwatch.domain.events import (
    Checked,
    Compacted,
    Event,
    LimitReached,
    Message,
    ModelReplied,
    PlanUpdated,
    Proposed,
    Proposing,
    Stopped,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import (
    ApprovalGiven,
    Delegated,
    FilesImported,
    HookRan,
    Interrupted,
    ModeChosen,
    ModelChosen,
    Reviewed,
    SessionEnded,
    Undone,
)
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.store.base import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the agent's work ended: `done` (it asked for nothing more), `limit`, or `interrupted` by a person."""

    kind: str
    text: str
    draft: bool
    """The model itself says that a person should look twice before this is merged."""


class History:
    """The events so far, folded. Reading only; `Log` adds the writing."""

    # thousands may be waiting in one process, and a dictionary of so many names takes 2 KiB
    __slots__ = (
        "_offered", "_open", "_opening", "_sent", "_started", "_tail_bytes", "checked", "checkpoint", "commands",
        "cost_known", "cost_microusd", "events", "items", "last_reply", "mode", "model", "numbers", "outcome", "plan",
        "proposed", "proposing", "reviewed", "schema", "stopped", "task", "told", "turn_began", "turns", "turns_before",
        "usage",
    )  # fmt: skip

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events: list[Event] = []
        self.task: Task | None = None
        self.items: list[Item] = []
        self.commands: list[ToolFinished] = []
        self.numbers = 0
        """The highest number of a command's log so far."""
        self.schema: Mapping[str, Any] = {}
        """What the last answer must fit, as in `Message`."""
        self.turn_began = 0
        """Index of the event with which the person's last request began; caps of turns and time count from there."""
        self.turns_before = 0
        """Model calls before that."""
        self.model = ""
        """Another model than the task's that answers now; empty for the task's."""
        self.mode = ""
        """Another mode than the task's that holds now; empty for the task's. Undoing leaves it as it is."""
        self.told: list[Message] = []
        """What the repository says to every agent, as far as it is still in the conversation."""
        self.plan: PlanUpdated | None = None
        self.last_reply: ModelReplied | None = None
        self.turns = 0
        self.usage = Usage()
        self.cost_microusd = 0
        self.cost_known = True
        self.checkpoint: Checkpoint | None = None
        self.outcome: Outcome | None = None
        self.checked: Checked | None = None
        self.proposing: Proposing | None = None
        """A pull request that is being opened or brought up to date."""
        self.proposed: Proposed | None = None
        self.stopped: Stopped | None = None
        self.reviewed: Reviewed | None = None
        self._offered: Checked | None = None
        """The evidence with which the pull request was last made or brought up to date."""
        self._open: dict[str, ToolCall] = {}
        self._started: set[str] = set()
        self._tail_bytes = 0
        self._sent = 0
        self._opening = 0
        for event in events:
            self.fold(event)

    def fold(self, event: Event) -> None:
        """Take one more event into account."""
        self.events.append(event)
        match event.body:
            case TaskStarted() as body:
                self.task = body.task
            case Message() as body:
                self._opening += self.turns == 0
                if body.author == "person" and self.outcome is not None:
                    self.turn_began, self.turns_before = len(self.events) - 1, self.turns
                self._add(Said(data.told(body.author, body.text), body.images))
                self.told += [body] if body.author == "repository" else []
                self._reopen()
                self.schema = body.schema if body.author == "person" else self.schema
            case ModelReplied() as body:
                self._fold_reply(body)
            case ToolStarted() as body:
                self._started.add(body.call_id)
            case ToolFinished() as body:
                self._fold_result(body)
            case PlanUpdated() as body:
                self.plan = body
            case Compacted() as body:
                self._fold_compaction(body)
            case LimitReached() as body:
                self.outcome = Outcome("limit", body.text, draft=True)
            case Checked() as body:
                self.checked = body
            case Proposing() as body:
                self.proposing, self.stopped = body, None  # after all: a person chose it
            case Proposed() as body:
                self.proposed, self.proposing, self._offered = body, None, self.checked
            case Stopped() as body:
                self.stopped, self.proposing = body, None
            case _:
                self._fold_intervention(event.body)

    def _fold_intervention(self, body: Any) -> None:
        match body:
            case Undone():
                self._fold_undo(body)
            case FilesImported():
                self.checkpoint = body.checkpoint
            case Interrupted():
                for call in self._open.values():
                    self.items.append(Answered(call.id, call.name, INTERRUPTED, ok=False))
                self._open = {}
                self.checkpoint = body.checkpoint or self.checkpoint
                self.outcome = Outcome("interrupted", body.reason, draft=True)
            case ModelChosen():
                self.model = body.model
            case Delegated():
                self.turns += body.turns
                self._spend(body.usage, body.cost_microusd)
            case Reviewed():
                self.reviewed = body
            case ModeChosen():
                self.mode = body.mode
            case HookRan() if body.checkpoint is not None:
                self.checkpoint = body.checkpoint
            case SessionEnded() if body.number:
                self.numbers = max(self.numbers, body.number)
            case _:
                pass

    def _reopen(self) -> None:
        """There is something to do again: what was the end of the work is none any more."""
        self.outcome = self.checked = self.stopped = self.proposing = None

    def _fold_undo(self, body: Undone) -> None:
        """Be as after event `to`, but for what was spent and for numbers that may have been cited."""
        before = History(course(self.events[: body.to]))
        self.items, self.plan, self.last_reply = before.items, before.plan, before.last_reply
        self.commands, self.told = before.commands, before.told
        self._open, self._started = before._open, before._started
        self._opening, self._tail_bytes, self._sent = before._opening, before._tail_bytes, before._sent
        self.schema, self.model = before.schema, before.model
        self.checkpoint = body.checkpoint
        self._reopen()
        self.outcome = before.outcome

    def _fold_reply(self, body: ModelReplied) -> None:
        self.turns += 1
        self.last_reply = body
        self._spend(body.usage, body.cost_microusd)
        self.items.append(Replied(body.wire, body.text, body.calls, body.items, body.model))
        self._tail_bytes, self._sent = 0, body.usage.total
        self._open = {call.id: call for call in body.calls}
        self._started = set()
        if not body.calls and body.stop != "length":
            verdict = next((i for i in body.items if i.get("type") == "verdict"), {})
            draft = bool(verdict.get("draft")) or body.stop == "refusal"
            self.outcome = Outcome("done", body.text, draft)

    def _fold_result(self, body: ToolFinished) -> None:
        self._open.pop(body.call_id, None)
        self._add(Answered(body.call_id, body.tool, body.output, body.ok, body.images))
        self.checkpoint = body.checkpoint
        if body.number:
            self.commands.append(body)
            self.numbers = max(self.numbers, body.number)

    def _spend(self, usage: Usage, cost_microusd: int | None) -> None:
        self.usage += usage
        self.cost_microusd += cost_microusd or 0
        self.cost_known = self.cost_known and cost_microusd is not None

    def _add(self, item: Said | Answered) -> None:
        self.items.append(item)
        self._tail_bytes += item_bytes(item)

    def _fold_compaction(self, body: Compacted) -> None:
        self._spend(body.usage, body.cost_microusd)
        tail = self.items[len(self.items) - body.kept :]
        self.items = [*self.opening, Said(body.summary), *tail]
        texts = {item.text for item in self.items if isinstance(item, Said)}
        self.told = [told for told in self.told if told.text in texts]
        self._sent, self._tail_bytes = 0, sum(map(item_bytes, self.items))

    @property
    def opening(self) -> list[Item]:
        """What was said before the model's first reply: instructions and the task."""
        return list(itertools.takewhile(lambda item: isinstance(item, Said), self.items))[: self._opening]

    @property
    def images(self) -> int:
        """How many pictures the conversation holds."""
        return sum(len(item.images) for item in self.items if not isinstance(item, Replied))

    def unanswered(self) -> list[ToolCall]:
        """The calls of the last reply that have no result, in order, also those that a crash left open."""
        return list(self._open.values())

    def next_unanswered(self) -> ToolCall | None:
        """The first of them."""
        return next(iter(self._open.values()), None)

    def is_started(self, call: ToolCall) -> bool:
        """Whether the start of this call is already in the log (then a crash came between)."""
        return call.id in self._started

    @property
    def finished(self) -> bool:
        """Nothing is left to do for this attempt."""
        return self.stopped is not None or self.reviewed is not None or self.offered

    @property
    def offered(self) -> bool:
        """What was checked last is what the pull request has, also its words: a later turn may come to the same commit,
        and say something else of it."""
        if self.checked is None or self.proposing is not None or self.stopped is not None:
            return False
        return self.checked is self._offered

    @property
    def context_tokens(self) -> int:
        """Tokens that the next request will hold: as the provider counted the last one, and an estimate of the rest."""
        return self._sent + self._tail_bytes // 4

    @property
    def sent_tokens(self) -> int:
        """Tokens of the last request and its reply, as the provider counted them; 0 when there was none since the
        conversation began or was compacted."""
        return self._sent

    @property
    def pending_bytes(self) -> int:
        """Bytes of the conversation that `sent_tokens` does not count."""
        return self._tail_bytes

    @property
    def spent_seconds(self) -> float:
        """Wall clock of the work so far, from the events' times; time between a crash and its resume is not counted,
        nor what a person took to decide."""
        return _seconds(self.events)

    @property
    def turn_seconds(self) -> float:
        """The same since the person's last request."""
        return _seconds(self.events[self.turn_began :])


class Log(History):
    """A history that can grow. Every append is durable when it returns, and refused when the epoch is stale."""

    __slots__ = ("_asked", "_before", "_observer", "_opened", "_questions", "_store", "attempt", "epoch")

    def __init__(self, store: Store, attempt: str, epoch: int, observer: Observer) -> None:
        super().__init__()
        self.attempt = attempt
        self.epoch = epoch
        self._store = store
        self._observer = observer
        self._before = 0.0
        self._opened = time.monotonic()
        self._questions = 0
        self._asked = 0.0

    @classmethod
    async def open(cls, store: Store, attempt: str, observer: Observer) -> Log:
        """Take the attempt over and read what there is. Whoever had it before is refused from now on."""
        epoch = await store.take(attempt)
        log = cls(store, attempt, epoch, observer)
        for event in await store.read(attempt):
            log.fold(event)
            observer.event(event)
            witness.known(event)
        log._before = log.turn_seconds
        log._opened = time.monotonic()
        return log

    async def append(self, *bodies: Any) -> None:
        """Add events, all or none, and fold them."""
        for event in await self._store.append(self.attempt, self.epoch, bodies):
            began = self.turn_began
            self.fold(event)
            if self.turn_began != began:
                self._before, self._opened = 0.0, time.monotonic()
            self._observer.event(event)
            witness.appended(event)

    def elapsed(self) -> float:
        """Seconds of work on the person's last request so far, this process included."""
        now = self._asked if self._questions else time.monotonic()
        return self._before + now - self._opened

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A person is being asked: the clock stands still meanwhile."""
        if not self._questions:
            self._asked = time.monotonic()
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1
            if not self._questions:
                self._opened += time.monotonic() - self._asked


def _seconds(events: Sequence[Event]) -> float:
    total, first, last = 0.0, None, None
    waited = sum(event.body.waited_ms for event in events if isinstance(event.body, ApprovalGiven)) / 1000
    for event in events:
        moment = datetime.fromisoformat(event.time)
        if first is not None and last is not None and event.epoch == first[0]:
            last = moment
            continue
        if first is not None and last is not None:
            total += (last - first[1]).total_seconds()
        first, last = (event.epoch, moment), moment
    if first is not None and last is not None:
        total += (last - first[1]).total_seconds()
    return max(0.0, total - waited)


def item_bytes(item: Item) -> int:
    """About how much of a request an item takes; a picture counts as four bytes of text for each of its tokens."""
    match item:
        case Said():
            return _size(item.text) + _of_images(item.images)
        case Answered():
            return _size(item.output) + _of_images(item.images)
        case Replied():
            calls = sum(_size(call.name) + _size(call.arguments) for call in item.calls)
            return max(_size(item.text) + calls, len(json.dumps(to_json(item.items))))


def _of_images(images: Sequence[Image]) -> int:
    return 4 * sum(image.tokens for image in images)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
