"""Whether something has come in by the other of the two ways, where a key does not tell: that of a label may be given
up, and of a review Forgejo tells no number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from midwatch.domain.codec import from_json
from midwatch.engine.forges.arrivals import FORGOTTEN, LOOKED, Arrivals
from midwatch.forges.arrived.base import Arrived

if TYPE_CHECKING:
    from midwatch.engine.forges.arrivals import Arrival
    from midwatch.engine.forges.connections import Connection
    from midwatch.wiring import Home

_APART = 300.0
"""Seconds between the time that the forge says and the one at which a delivery came, when clocks differ."""


async def by_delivery(home: Home, heard: Connection, told: Arrived, at: float) -> bool:
    """Whether a delivery has told what a look has found, which happened at that time."""
    if told.what == "review" and heard.kind != "forgejo":
        return False
    return await _told(home, heard, told, at, looked=False)


async def by_look(home: Home, heard: Connection, arrival: Arrival, told: Arrived) -> bool:
    """Whether a look has found a review of Forgejo that a delivery tells."""
    if heard.kind != "forgejo" or arrival.delivery.startswith(LOOKED):
        return False
    return await _told(home, heard, told, arrival.created, looked=True)


async def opened_before(home: Home, heard: Connection, told: Arrived) -> bool:
    """Whether something was done about it that a pull request was opened, at whichever commit: a look comes later than
    a push may, and that can happen once only."""
    rows = await Arrivals(home.store.database).lately(heard.id, "opened", told.number, 0.0, done=True)
    return any(from_json(Arrived, json.loads(text)).slug.lower() == told.slug.lower() for _, text in rows)


async def _told(home: Home, heard: Connection, told: Arrived, at: float, *, looked: bool) -> bool:
    rows = await Arrivals(home.store.database).lately(heard.id, told.what, told.number, at - _APART)
    others = [text for name, text in rows if name.startswith(LOOKED) == looked and text != FORGOTTEN]
    return any(_same(from_json(Arrived, json.loads(text)), told) for text in others)


def _same(one: Arrived, other: Arrived) -> bool:
    def said(told: Arrived) -> tuple[str, str, str]:
        what = told.text.strip() if told.what == "review" else told.subject.lower()
        return told.slug.lower(), told.actor.lower(), what

    return said(one) == said(other)
