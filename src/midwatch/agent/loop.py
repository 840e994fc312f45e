"""The loop: one move at a time, each appended before the next.

A move answers an open tool call, stops at a limit, or asks the model. What is in the log has been done; what is not
has had no effect that the workspace remembers, because `restore` puts back the last checkpoint.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from midwatch.agent import budget, compaction, context
from midwatch.agent.log import Log
from midwatch.agent.requests import Requests
from midwatch.domain.codec import to_json
from midwatch.domain.conversation import Delta, Reply, ToolCall, View
from midwatch.domain.errors import ModelError
from midwatch.domain.events import LimitReached, Message, ModelReplied, ToolFinished, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.models.base import ContextTooLong, Model
from midwatch.sandbox.base import Box
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.base import Bench, ToolSet
from midwatch.workspace.checkout import Workspace

UNSAVED_CAP = 2000
"""Characters of a result that name files which the checkpoint could not keep."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the loop works with."""

    task: Task
    model: Model
    tools: ToolSet
    box: Box
    tree: Workspace
    blobs: Blobs
    observer: Observer
    requests: Requests
    """What the box has asked of the network since the last append."""
    approver: Approver = field(default_factory=Nobody)
    """Who is asked where a person must decide."""
    saved: Callable[[Checkpoint], Awaitable[None]] | None = None
    """Told of every checkpoint once it is in the log; must not raise."""
    inbox: Callable[[], Sequence[Message]] = tuple
    """Takes what a person has said meanwhile, for the next model call."""
    go_to: Callable[[Checkpoint], Awaitable[None]] | None = None
    """Makes the files those of another checkpoint, with the box parked; /tmp and the home folder are new then. None:
    they cannot be made so, and there are no subtasks."""

    @property
    def fixed(self) -> int:
        """Bytes of what every request holds beside the conversation."""
        return len(context.instructions(self.task.kind)) + len(json.dumps(to_json(self.tools.specs)))


async def work(log: Log, place: Workplace, *, same_box: bool = False) -> None:
    """Until the log has an outcome: make one move. Starting and going on after a crash are the same call. `same_box`:
    the box is the one that all of the log so far was done in, or the model has been told that it is not."""
    note = context.RESTARTED if log.checkpoint is not None and not same_box else ""
    while log.outcome is None:
        if call := log.next_unanswered():
            await _answer(log, call, place, note)
        elif limit := budget.over(log, place.task.limits, place.model, place.fixed):
            await log.append(limit)
        elif compaction.due(log, place.model):
            await compact(log, place)
        else:
            said = (*((Message("harness", note),) if note else ()), *place.inbox())
            if said:
                await log.append(*said)
            await _ask(log, place)
        note = ""


async def _answer(log: Log, call: ToolCall, place: Workplace, note: str) -> None:
    """Run a tool call and save the workspace; the result and its checkpoint are appended together. `note` is told to
    the model with the result."""
    if budget.seconds_left(log, place.task.limits) <= 0:
        await log.append(budget.out_of_time(place.task.limits))
        return
    summary = place.tools.summary(call)
    if log.is_started(call):
        place.observer.phase(f"again, after an interruption: {summary}")
    else:
        await log.append(ToolStarted(call.id, call.name, summary))
    number = log.numbers + 1
    bench = Bench(
        box=place.box,
        blobs=place.blobs,
        limits=place.task.limits,
        seconds_left=lambda: budget.seconds_left(log, place.task.limits),
        output=place.observer.output,
        command_number=number,
        call_id=call.id,
        mode=place.task.mode,
        folder=place.task.folder,
        approver=place.approver,
        commands=log.commands,
    )
    result = await place.tools.run(call, bench)
    skipped = frozenset(place.tree.skipped)
    checkpoint = await place.tree.save()
    unsaved = "".join(f"\n[not saved: {line}]" for line in place.tree.skipped if line not in skipped)
    finished = ToolFinished(
        call_id=call.id,
        tool=call.name,
        ok=result.ok,
        output=(f"[{note}]\n" if note else "") + result.output + unsaved[:UNSAVED_CAP],
        ended=result.ended,
        duration_ms=result.duration_ms,
        checkpoint=checkpoint,
        number=number if result.command else 0,
        command=result.command,
        exit_code=result.exit_code,
        digest=result.digest,
        bytes=result.bytes,
        lines=result.lines,
        truncated=result.truncated,
        images=result.images,
        detail=result.detail,
    )
    await log.append(*place.requests.take(), finished, *result.events)
    if place.saved is not None:
        await place.saved(checkpoint)


async def _ask(log: Log, place: Workplace) -> None:
    """One model call, its reply appended whole."""
    place.observer.phase(f"asking {place.model.name}")
    try:
        answer = await _call(log, place, context.view(log, place.task, place.box.workdir, place.blobs))
    except ContextTooLong:
        if not compaction.possible(log, place.model):
            raise
        await log.append(compaction.compacted(log, place.model, ""))
        return
    if answer is None:
        return
    reply = answer.reply
    replied = ModelReplied(
        model=reply.model,
        wire=reply.wire,
        text=reply.text,
        calls=reply.calls,
        items=reply.items,
        usage=reply.usage,
        cost_microusd=answer.cost_microusd,
        latency_ms=answer.latency_ms,
        stop=reply.stop,
    )
    cut = reply.stop == "length" and not reply.calls
    await log.append(replied, *([Message("harness", context.CUT_SHORT)] if cut else []))


async def compact(log: Log, place: Workplace) -> None:
    """Replace the middle of the conversation by the model's notes on it."""
    place.observer.phase("making room in the model's window")
    view = context.view(log, place.task, place.box.workdir, place.blobs)
    try:
        answer = await _call(log, place, compaction.question(view))
    except ContextTooLong:
        await log.append(compaction.compacted(log, place.model, ""))
        return
    if answer is None:
        return
    reply = answer.reply
    event = compaction.compacted(log, place.model, "" if reply.calls else reply.text)
    cost, latency = answer.cost_microusd, answer.latency_ms
    await log.append(
        dataclasses.replace(event, model=reply.model, usage=reply.usage, cost_microusd=cost, latency_ms=latency)
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    reply: Reply
    cost_microusd: int | None
    latency_ms: int


async def _call(log: Log, place: Workplace, view: View) -> _Answer | None:
    """Ask the model. None when a limit of time or money ended it, which is in the log then."""
    left = budget.seconds_left(log, place.task.limits)
    began = time.monotonic()
    purse = Purse(log, place)
    try:
        async with asyncio.timeout(None if math.isinf(left) else max(left, 0.001)):
            reply = await _reply(view, place, purse)
    except TimeoutError:
        await log.append(budget.out_of_time(place.task.limits))
        return None
    if reply is None:
        await log.append(LimitReached("cost", "answers that broke off have used up the rest of the money limit"))
        return None
    cost = place.model.cost(reply.usage) if reply.cost_microusd is None else reply.cost_microusd
    latency = round((time.monotonic() - began) * 1000)
    return _Answer(reply, None if cost is None else cost + purse.wasted, latency)


class Purse:
    """The money of one model call: what sends that broke off may have cost counts in full."""

    def __init__(self, log: Log, place: Workplace) -> None:
        self._log, self._place = log, place
        self.wasted = 0
        self.cap = budget.output_cap(log, place.task.limits, place.model, place.fixed)
        self._answering = False

    def allows(self, piece: Delta) -> bool:
        """Whether the call may go on after this piece: a `notice` says that it is sent anew."""
        if piece.kind != "notice":
            self._answering = True
            return True
        limits, model = self._place.task.limits, self._place.model
        if not self._answering or limits.cost_microusd is None:
            return True
        self._answering = False
        sent = budget.sent_tokens(self._log, self._place.fixed)
        self.wasted += budget.worst_cost(model, sent, self.cap) or 0
        return budget.output_cap(self._log, limits, model, self._place.fixed, self.wasted) >= self.cap


async def _reply(view: View, place: Workplace, purse: Purse) -> Reply | None:
    """The model's reply; None when sending it anew could exceed the money limit."""
    async with aclosing(place.model.reply(view, place.tools.specs, max_output=purse.cap)) as stream:
        async for piece in stream:
            if isinstance(piece, Reply):
                return piece
            place.observer.delta(piece)
            if not purse.allows(piece):
                return None
    raise ModelError(f"{place.model.name} ended its stream without a reply", "try again", retryable=True)
