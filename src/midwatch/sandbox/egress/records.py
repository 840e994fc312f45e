"""One decision in the making: it is told once, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from midwatch.sandbox.egress.refusal import Refused, Unreachable, shown
from midwatch.sandbox.egress.wire import Malformed, Wire
from midwatch.sandbox.network import Decision


@dataclass
class Record:
    """What is known so far."""

    host: str = ""
    port: int = 0
    method: str = ""
    path: str = ""
    allowed: bool = False
    reason: str = "the connection ended before anything was decided"
    quiet: bool = False
    """What is inside is told instead, each request by itself."""

    def about(self, target: str) -> None:
        """Keep the path of a target, without its query."""
        self.path = shown(target.partition("?")[0].partition("#")[0], 1000)

    def allow(self, reason: str) -> None:
        """It was allowed, by this rule."""
        self.allowed, self.reason = True, reason

    def decision(self, sent: int, received: int) -> Decision:
        """What is told."""
        return Decision(self.host, self.port, self.method, self.allowed, self.reason, sent, received, self.path)

    def failed(self, reason: str) -> None:
        """Allowed or not, it came to nothing."""
        self.reason = f"{self.reason}; {reason}" if self.allowed else reason


@contextlib.contextmanager
def recorded(tell: Callable[[Decision], None], wire: Wire, began: tuple[int, int], record: Record) -> Iterator[Record]:
    """Tells the decision at the end, with the bytes of `wire` since `began`. What is raised goes on."""
    try:
        yield record
    except Refused as refused:
        record.allowed, record.reason = False, refused.reason
        raise
    except Unreachable as error:
        record.failed(error.reason)
        raise
    except Malformed as error:
        record.failed(str(error))
        raise
    except asyncio.CancelledError:
        record.failed("it was ended: nothing moved for too long, or the box was closed")
        raise
    except OSError:
        record.failed("the connection broke")
        raise
    finally:
        if not record.quiet:
            tell(record.decision(wire.taken - began[0], wire.written - began[1]))
