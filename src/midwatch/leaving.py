"""How a worker stops what it does: at the next move where there is time for it, else in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from midwatch.domain.errors import OperationError

if TYPE_CHECKING:
    from midwatch.engine.turns import Turn
    from midwatch.workflows.postbox import Postbox

LOOK = 0.05
"""Seconds between two looks at what has not ended yet."""


@dataclass(eq=False)
class Going:
    """A turn that is being worked on."""

    turn: Turn
    doing: asyncio.Task[None]
    postbox: Postbox
    why: str = ""
    """Why it was cancelled: `cancel`, `pause`, `drain`, `cut` (as `drain`, in the middle of a move), `lost`; empty when
    it was not."""
    by: str = ""

    def end(self, why: str, by: str = "") -> None:
        """Cancel it once."""
        if not self.why:
            self.why, self.by = why, by
            self.doing.cancel()

    def end_at_move(self, why: str) -> None:
        """Cancel it once, when the model or tool call that is under way has been written down; of several attempts,
        the first one's."""
        self.postbox.at_move = partial(self.end, why)


async def handed_over(going: Mapping[str, Going], lease: float) -> bool:
    """Have all of them end and queued again, those too that begin meanwhile: after the move that each is at, or after a
    third of a lease in the middle of it. A call of the model that is cut off is paid for twice, and a command that must
    not run twice is lost. Waits for two thirds of a lease at most; whether all have ended."""
    began = time.monotonic()
    while going and time.monotonic() < began + lease * 2 / 3:
        for one in going.values():
            if time.monotonic() < began + lease / 3:
                one.end_at_move("drain")
            else:
                one.end("cut")
        await asyncio.sleep(LOOK)
    return not going


async def let_go(going: Collection[Going], lease: float) -> None:
    """End them in the middle of what they do, which may be another's by now. Raises OperationError when some have not
    ended after a lease: their boxes and locks end with this process, and not before."""
    for one in going:
        one.end("lost")
    if not going:
        return
    _, left = await asyncio.wait([one.doing for one in going], timeout=lease)
    if left:
        raise OperationError(
            f"{len(left)} turns do not let go, and may be another worker's by now",
            "start this worker again; please report what it says of them",
        )
