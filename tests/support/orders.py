"""An engine that only notes what it is given."""

from __future__ import annotations

from midwatch.engine.base import Order
from midwatch.engine.fake import FakeEngine


class Orders(FakeEngine):
    """Each order, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.labels: list[tuple[str, ...]] = []
        self.delays: list[float] = []

    async def enqueue(self, order: Order) -> None:
        """See `Engine.enqueue`."""
        self.runs.append(order.run)
        self.labels.append(order.labels)
        self.delays.append(order.delay)
        await super().enqueue(order)
