"""From the row of a turn to the engine."""

from __future__ import annotations

import time

from midwatch.domain.labels import split
from midwatch.engine.base import Engine, Order
from midwatch.engine.places import SOON, ready
from midwatch.engine.turns import Turn, Turns

STALE = 60.0
"""Seconds after which it is looked whether the engine still has a queued turn."""
AT_ONCE = 500
"""Turns that it is asked for at once."""


async def hand_over(turns: Turns, engine: Engine, turn: Turn) -> None:
    """Give a queued turn to the engine, where its time has come and limits let it begin. Twice is the same as once;
    what a crash leaves out, `sweep` makes up for, and it gives what has to wait when that may begin."""
    if turn.status == "queued" and turn.handed < turn.round:
        await _give(turns, engine, turn.id)


async def find_lost(turns: Turns, engine: Engine, after: str = "") -> str:
    """Turns that the engine was given a while ago and does not know, or that a worker took from it a while ago and
    never began, are for `sweep` again. It looks at AT_ONCE of those after the one of that id; where the next call goes
    on, so that a long queue hides none of them."""
    stale = await turns.stale(STALE, after, AT_ONCE)
    known = await engine.known([turn.run for turn in stale], STALE)
    for turn in stale:
        if turn.run not in known:
            await turns.lost(turn)
    return stale[-1].id if len(stale) == AT_ONCE else ""


async def sweep(turns: Turns, engine: Engine) -> int:
    """Hand over what nobody has handed over yet, and may begin; how many."""
    return await _give(turns, engine)


async def another(turns: Turns, engine: Engine) -> None:
    """A turn has ended: hand over what may have waited for that. Nothing where nothing is limited."""
    if turns.limited:
        await _give(turns, engine)


async def _give(turns: Turns, engine: Engine, only: str = "") -> int:
    found = await ready(turns.database, only)
    turns.limited = found.limited
    for turn in found.turns:
        delay = min(SOON, max(0.0, turn.begin_at - time.time()))  # however wrong this machine's clock is
        await engine.enqueue(Order(turn.run, turn.owner, turn.priority, delay, split(turn.labels)))
        await turns.handed(turn)
    return len(found.turns)
