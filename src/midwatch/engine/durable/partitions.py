"""Which part of the queue a worker takes from, and in which order.

A partition is a priority, a set of demanded labels and an owner. A worker is shown only those whose labels it has, the
lowest priority first and owners by lot, so it never takes what it would have to put back, and one queue with one
thread bounds all that it takes. A queue for each set of labels would need a thread and a poll for each, and would bound
each for itself.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable

from midwatch.domain.labels import joined, split
from midwatch.engine.base import Order

_MARK = "|"
"""In no label; an owner comes last and may have it."""


class InOrder(list[str]):
    """Keys that stay in their order: DBOS shuffles what it is given, in place."""

    def __setitem__(self, _place: object, _value: object) -> None:
        """Nothing."""


def key(order: Order) -> str:
    """The partition of an order."""
    return _MARK.join((f"{order.priority:09d}", joined(order.labels), order.owner))


def shown(keys: Iterable[str], labels: Collection[str]) -> InOrder:
    """Those of the keys that a worker with such labels may take from."""
    parts = [(one, *one.split(_MARK, 2)) for one in keys if one.count(_MARK) >= 2]
    mine = [(priority, random.random(), one) for one, priority, kept, _ in parts if set(split(kept)) <= set(labels)]  # noqa: S311
    return InOrder(one for _, _, one in sorted(mine))
