"""The loop: one move at a time, each appended before the next.

A move answers an open tool call, stops at a limit, or asks the model. What is in the log has been done; what is not
has had no effect that the workspace remembers, because `restore` puts back the last checkpoint.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing
from dataclasses import dataclass

from midwatch.agent import budget, context
from midwatch.agent.log import Log
from midwatch.domain.conversation import Reply, ToolCall
from midwatch.domain.errors import ModelError
from midwatch.domain.events import LimitReached, Message, ModelReplied, ToolFinished, ToolStarted
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.models.base import Model
from midwatch.sandbox.base import Box
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


async def work(log: Log, place: Workplace) -> None:
    """Until the log has an outcome: make one move. Starting and going on after a crash are the same call."""
    while log.outcome is None:
        if call := log.next_unanswered():
            await _answer(log, call, place)
        elif limit := budget.over(log, place.task.limits, place.model):
            await log.append(limit)
        else:
            await _ask(log, place)


async def _answer(log: Log, call: ToolCall, place: Workplace) -> None:
    """Run a tool call and save the workspace; the result and its checkpoint are appended together."""
    if limit := _out_of_time(log, place):
        await log.append(limit)
        return
    summary = place.tools.summary(call)
    if log.is_started(call):
        place.observer.phase(f"again, after an interruption: {summary}")
    else:
        await log.append(ToolStarted(call.id, call.name, summary))
    number = len(log.commands) + 1
    bench = Bench(
        box=place.box,
        blobs=place.blobs,
        limits=place.task.limits,
        seconds_left=lambda: budget.seconds_left(log, place.task.limits),
        output=place.observer.output,
        command_number=number,
    )
    result = await place.tools.run(call, bench)
    skipped = place.tree.skipped
    checkpoint = await place.tree.save()
    unsaved = "".join(f"\n[not saved: {line}]" for line in place.tree.skipped if line not in skipped)
    finished = ToolFinished(
        call_id=call.id,
        tool=call.name,
        ok=result.ok,
        output=result.output + unsaved[:UNSAVED_CAP],
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
    )
    await log.append(finished, *result.events)


async def _ask(log: Log, place: Workplace) -> None:
    """One model call, its reply appended whole."""
    view = context.view(log, place.task, place.box.workdir)
    left = budget.seconds_left(log, place.task.limits)
    cap = budget.output_cap(log, place.task.limits, place.model)
    place.observer.phase(f"asking {place.model.name}")
    began = time.monotonic()
    reply: Reply | None = None
    try:
        async with asyncio.timeout(None if math.isinf(left) else max(left, 0.001)):
            async with aclosing(place.model.reply(view, place.tools.specs, max_output=cap)) as stream:
                async for piece in stream:
                    if isinstance(piece, Reply):
                        reply = piece
                    else:
                        place.observer.delta(piece)
    except TimeoutError:
        await log.append(LimitReached("seconds", f"the time limit of {place.task.limits.seconds} s was reached"))
        return
    if reply is None:
        raise ModelError(f"{place.model.name} ended its stream without a reply", "try again", retryable=True)
    replied = ModelReplied(
        model=reply.model,
        wire=reply.wire,
        text=reply.text,
        calls=reply.calls,
        items=reply.items,
        usage=reply.usage,
        cost_microusd=place.model.cost(reply.usage),
        latency_ms=round((time.monotonic() - began) * 1000),
        stop=reply.stop,
    )
    cut = reply.stop == "length" and not reply.calls
    await log.append(replied, *([Message("harness", context.CUT_SHORT)] if cut else []))


def _out_of_time(log: Log, place: Workplace) -> LimitReached | None:
    limits = place.task.limits
    if budget.seconds_left(log, limits) <= 0:
        return LimitReached("seconds", f"the time limit of {limits.seconds} s was reached")
    return None
