"""What a server or a worker measures and tells, begun and ended in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.domain.witness import witnessed_by
from midwatch.telemetry import logs
from midwatch.telemetry.config import TelemetrySettings, require_address

if TYPE_CHECKING:
    from midwatch.telemetry.metrics import Metrics, Slots


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Of one process."""

    metrics: Metrics | None = None
    """None when they are off."""

    def watch(self, slots: Slots) -> None:
        """Measure the sandbox slots of this process too. To be called once."""
        if self.metrics is not None:
            self.metrics.watch(slots)

    def error(self, error: BaseException) -> None:
        """Count what has ended a turn that should have gone on."""
        if self.metrics is not None:
            self.metrics.error(error)


@asynccontextmanager
async def opened(settings: TelemetrySettings, listen: str = "") -> AsyncIterator[Telemetry]:
    """Log, count and trace as the settings say, while the context lasts. `listen`: `HOST:PORT` instead of the settings'
    for the metrics of this process. Raises InputError for what is not installed and for an address that cannot be
    had."""
    if listen:  # also where nothing is shown there: it would be told when the metrics are turned on, by a dead worker
        require_address(listen, "--metrics-listen")
    logs.configure(settings)
    async with AsyncExitStack() as stack:
        metrics = None
        if settings.metrics:
            from midwatch.telemetry.metrics import Metrics

            metrics = Metrics()
            stack.enter_context(witnessed_by(metrics))
            if listen or settings.metrics_listen:
                stack.callback(_show(metrics, listen or settings.metrics_listen))
        if settings.traces:
            from midwatch.telemetry.traces import Traces

            traces = Traces(settings.traces, content=settings.content)
            stack.push_async_callback(traces.close)
            stack.enter_context(witnessed_by(traces))
        yield Telemetry(metrics)


def _show(metrics: Metrics, address: str) -> Callable[[], None]:
    """Answer with the metrics there, on a thread; what ends that."""
    from prometheus_client import start_http_server

    host, port = require_address(address, "the address of the metrics")
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        mend = "give each worker an address of its own, or none"
        raise InputError(f"metrics cannot be shown at {address}: {error.strerror or error}", mend) from None

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
