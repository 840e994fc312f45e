"""The loop: one move at a time, each appended before the next.

A move answers an open tool call, stops at a limit, or asks the model. What is in the log has been done; what is not
has had no effect that the workspace remembers, because `restore` puts back the last checkpoint.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from midwatch.agent import budget, compaction, context, hooks, modes
from midwatch.agent.approvals import Remembering
from midwatch.agent.guide import Guide
from midwatch.agent.log import Log
from midwatch.agent.requests import Requests
from midwatch.agent.spending import Payer, Spending
from midwatch.domain.conversation import Reply, ToolCall, View
from midwatch.domain.errors import MidwatchError, ModelError
from midwatch.domain.events import LimitReached, Message, ModelReplied, ToolFinished, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import HookRan, SessionEnded
from midwatch.domain.observer import Observer
from midwatch.domain.purse import Purse
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blob, Blobs
from midwatch.models.base import ContextTooLong, Model
from midwatch.sandbox.base import Box
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.sessions import Sessions
from midwatch.tools.toolset import ToolSet
from midwatch.workspace.checkout import Workspace

UNSAVED_CAP = 2000
"""Characters of a result that name files which the checkpoint could not keep."""
MOST_BESIDE = 8
"""Calls of one reply that run at the same time."""
_NO_COMMANDS = frozenset({"update_plan", "log", "view_image"})
"""Tools that read and never run a command: they are given no number beside others."""
MAYBE_DONE = (
    "Interrupted before the result was known: it may have happened, wholly or in part, and it was not run again. "
    "Look at what came of it before you do it again."
)


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
    """Makes the files those of another checkpoint, with the box parked; /tmp and the home folder stay. None: they
    cannot be made so, and there are no subtasks."""
    sessions: Sessions = field(default_factory=Sessions)
    """Commands that go on in the background; ended when `work` returns."""
    purse: Purse | None = None
    """The budgets that the attempt shares with others; None: there are none."""

    @property
    def fixed(self) -> int:
        """Bytes of what every request holds beside the conversation."""
        return len(context.instructions(self.task.kind)) + self.tools.bytes


async def work(log: Log, place: Workplace, *, same_box: bool = False) -> None:
    """Until the log has an outcome: make one move. Starting and going on after a crash are the same call. `same_box`:
    the box is the one that all of the log so far was done in, or the model has been told that it is not. Sessions of
    the box last as long as this does."""
    try:
        await _moves(log, place, context.RESTARTED if log.checkpoint is not None and not same_box else "")
    except BaseException:
        with suppress(MidwatchError):  # the first error says what is wrong
            await _to_its_end(_end_sessions(log, place))
        raise
    await _to_its_end(_end_sessions(log, place))


async def _to_its_end(doing: Coroutine[Any, Any, None]) -> None:
    """Do it also when the caller is cancelled meanwhile: nothing may go on in a box that is used again."""
    task = asyncio.ensure_future(doing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # looked at: being cancelled says more
        raise


async def _moves(log: Log, place: Workplace, note: str) -> None:
    guide = Guide(place.tree.repository.git, place.task)
    while log.outcome is None or hooks.due(log, place.task):
        if log.outcome is not None:
            await _finish(log, place)
            continue  # the note is for the model
        if calls := _next_calls(log, place):
            await _answer(log, calls, place, note)
        elif limit := budget.over(log, place.task.limits, place.model, place.fixed):
            await log.append(limit)
        elif compaction.due(log, place.model):
            await compact(log, place)
        else:
            told = await guide.due(log, place.box.workdir)
            noted = Message("harness", note) if note else None
            if noted == log.events[-1].body:  # it was interrupted again before anything came of that
                noted = None
            said = (*(message for message in (told, noted) if message is not None), *place.inbox())
            if said:
                await log.append(*said)
            await _ask(log, place)
        note = ""


def _next_calls(log: Log, place: Workplace) -> list[ToolCall]:
    """The calls to answer next: the first open one, or as many as can run beside each other."""
    calls = log.unanswered()

    def alone(call: ToolCall) -> bool:
        return hooks.around_it(place.task, call) or not place.tools.reads_only(call)

    beside = list(itertools.takewhile(lambda call: not alone(call), calls[:MOST_BESIDE]))
    return beside or calls[:1]


async def _answer(log: Log, calls: Sequence[ToolCall], place: Workplace, note: str) -> None:
    """Run tool calls (more than one only when they read) and save the workspace; the results and their checkpoint are
    appended together. `note` is told to the model with the first result."""
    if budget.seconds_left(log, place.task.limits) <= 0:
        await log.append(budget.out_of_time(place.task.limits))
        return
    again = [call for call in calls if log.is_started(call)]
    for call in again:
        place.observer.phase(f"again, after an interruption: {place.tools.summary(call)}")
    new = [ToolStarted(call.id, call.name, place.tools.summary(call)) for call in calls if call not in again]
    if new:
        await log.append(*new)
    taken = itertools.accumulate((call.name not in _NO_COMMANDS for call in calls), initial=log.numbers + 1)
    benches = [_bench(log, call.id, place, number) for call, number in zip(calls, taken, strict=False)]
    lost = [call for call in again if not place.tools.repeatable(call)]
    results = await _all(
        [
            _nothing() if call in lost else hooks.around(call, place.tools, bench, place.task)
            for call, bench in zip(calls, benches, strict=True)
        ]
    )
    skipped = frozenset(place.tree.skipped)
    checkpoint, put_back = await modes.save(place.tree, place.box, place.task.mode)
    unsaved = "".join(f"\n[not saved: {line}]" for line in place.tree.skipped if line not in skipped)
    news = "".join(f"\n[{line}]" for line in await place.sessions.news())
    bodies: list[Any] = []
    for call, bench, result in zip(calls, benches, results, strict=True):
        finished = _finished(call, bench, result, checkpoint)
        before = f"[{note}]\n" if note and call is calls[0] else ""
        after = put_back + unsaved[:UNSAVED_CAP] + news if call is calls[-1] else ""
        bodies += [dataclasses.replace(finished, output=before + result.output + after), *result.events]
    await log.append(*place.requests.take(), *bodies)
    if place.saved is not None:
        await place.saved(checkpoint)


def _bench(log: Log, call_id: str, place: Workplace, number: int) -> Bench:
    return Bench(
        box=place.box,
        blobs=place.blobs,
        limits=place.task.limits,
        seconds_left=lambda: budget.seconds_left(log, place.task.limits),
        output=place.observer.output,
        command_number=number,
        call_id=call_id,
        mode=place.task.mode,
        folder=place.task.folder,
        approver=Remembering(place.approver, log),
        commands=log.commands,
        sessions=place.sessions,
    )


def _finished(call: ToolCall, bench: Bench, result: ToolResult, checkpoint: Checkpoint) -> ToolFinished:
    return ToolFinished(
        call_id=call.id,
        tool=call.name,
        ok=result.ok,
        output=result.output,
        ended=result.ended,
        duration_ms=result.duration_ms,
        checkpoint=checkpoint,
        number=bench.command_number if result.command else 0,
        command=result.command,
        exit_code=result.exit_code,
        digest=result.digest,
        bytes=result.bytes,
        lines=result.lines,
        truncated=result.truncated,
        images=result.images,
        detail=result.detail,
    )


async def _all(running: Sequence[Coroutine[Any, Any, ToolResult]]) -> list[ToolResult]:
    """The results in order. When one raises or the caller is cancelled, the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(one) for one in running]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _nothing() -> ToolResult:
    """Instead of a call that may not run twice."""
    return ToolResult(ok=False, output=MAYBE_DONE, ended="interrupted")


async def _end_sessions(log: Log, place: Workplace) -> None:
    """End what still goes on, and say so in the log."""
    bodies, number = [], log.numbers
    for running, look in await place.sessions.end():
        assert look.ended is not None
        number += look.log is not None
        blob = look.log or Blob("", 0, 0)
        told = number if look.log is not None else 0
        about = (running.number, running.command, look.ended.exit_code, look.ended.ended)
        bodies.append(SessionEnded(*about, told, blob.digest, blob.bytes, blob.lines))
    if bodies:
        await log.append(*place.requests.take(), *bodies)


def _sessions(place: Workplace) -> list[Message]:
    """What a compacted conversation must not forget."""
    listed = place.sessions.listed()
    return [Message("harness", f"Sessions in the background: {listed}.")] if listed else []


async def _finish(log: Log, place: Workplace) -> None:
    """Let the hooks look at the finish. What they change is saved; when one refuses, the model goes on."""
    place.observer.phase("hooks before the finish")
    events = await hooks.before_finish(log, place.task, _bench(log, "", place, log.numbers + 1))
    checkpoint, _ = await modes.save(place.tree, place.box, place.task.mode)
    events = [dataclasses.replace(e, checkpoint=checkpoint) if isinstance(e, HookRan) else e for e in events]
    await log.append(*place.requests.take(), *events)
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
        await log.append(compaction.compacted(log, place.model, ""), *_sessions(place))
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
        await log.append(compaction.compacted(log, place.model, ""), *_sessions(place))
        return
    if answer is None:
        return
    reply = answer.reply
    event = compaction.compacted(log, place.model, "" if reply.calls else reply.text)
    cost, latency = answer.cost_microusd, answer.latency_ms
    event = dataclasses.replace(event, model=reply.model, usage=reply.usage, cost_microusd=cost, latency_ms=latency)
    await log.append(event, *_sessions(place))


@dataclass(frozen=True, slots=True)
class _Answer:
    reply: Reply
    cost_microusd: int | None
    latency_ms: int


async def _call(log: Log, place: Workplace, view: View) -> _Answer | None:
    """Ask the model. None when a limit of time or money ended it, which is in the log then."""
    left = budget.seconds_left(log, place.task.limits)
    began = time.monotonic()
    payer = Payer(log, place.task.limits, place.model, place.fixed, place.purse, place.observer.phase)
    spending = Spending(payer)
    try:
        async with asyncio.timeout(None if math.isinf(left) else max(left, 0.001)):
            found = await spending.begin() or await _reply(view, place, spending)
    except TimeoutError:
        await log.append(budget.out_of_time(place.task.limits))
        return None
    if isinstance(found, LimitReached):
        await log.append(found)
        return None
    latency = round((time.monotonic() - began) * 1000)
    return _Answer(found, await spending.ended(found), latency)


async def _reply(view: View, place: Workplace, spending: Spending) -> Reply | LimitReached:
    """The model's reply, or the limit that sending it anew could exceed."""
    try:
        async with aclosing(place.model.reply(view, place.tools.specs, max_output=spending.cap)) as stream:
            async for piece in stream:
                if isinstance(piece, Reply):
                    return piece
                place.observer.delta(piece)
                if limit := await spending.goes_on(piece):
                    return limit
        raise ModelError(f"{place.model.name} ended its stream without a reply", "try again", retryable=True)
    except BaseException as error:
        await spending.broke_off(error)
        raise
