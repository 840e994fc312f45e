"""What is counted and measured in this process, for Prometheus. What labels can be is bounded: models, drivers, kinds
of event and outcomes, never a task, a user or a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.events import (
    KINDS,
    Compacted,
    Event,
    Failed,
    ModelReplied,
    Proposed,
    Stopped,
    TaskStarted,
    ToolFinished,
)
from midwatch.domain.extras import install

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
except ImportError:
    raise InputError("metrics need a package that is not installed", f"install it: {install('server')}") from None

if TYPE_CHECKING:
    from midwatch.domain.conversation import Usage

TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of what `Metrics.text` returns."""
_MOST_MODELS = 40
"""Different ones with a label of their own; further ones are `other` together."""
_MODEL_SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
_TOOL_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1200)
_SAVE_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Slots(Protocol):
    """The sandbox slots of a worker."""

    most: int

    @property
    def held(self) -> int:
        """How many are taken."""

    @property
    def waiting(self) -> int:
        """How many boxes wait for one."""


class Metrics:
    """A witness that counts. One for a process; safe to be read from any thread."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._models: set[str] = set()
        self._events = Counter("midwatch_events", "Events appended to logs", ["kind"], registry=registry)
        self._begun = Counter("midwatch_attempts_started", "Attempts that began", ["driver"], registry=registry)
        self._ended = Counter("midwatch_attempts_ended", "Attempts that came to an end", ["outcome"], registry=registry)
        self._failed = Counter("midwatch_attempt_failures", "Times an attempt could not go on", registry=registry)
        self._errors = Counter("midwatch_errors", "Errors that ended a turn, by kind", ["kind"], registry=registry)
        self._tokens = Counter("midwatch_tokens", "Tokens of model calls", ["model", "kind"], registry=registry)
        self._cost = Counter("midwatch_cost_dollars", "Cost of model calls in USD", ["model"], registry=registry)
        self._unpriced = Counter(
            "midwatch_unpriced_model_calls", "Model calls whose price is not known", ["model"], registry=registry
        )
        self._calls = _histogram(registry, "midwatch_model_seconds", "Model calls", ["model"], _MODEL_SECONDS)
        self._tools = _histogram(registry, "midwatch_tool_seconds", "Tool calls", ["outcome"], _TOOL_SECONDS)
        self._saves = _histogram(registry, "midwatch_checkpoint_seconds", "Checkpoints", [], _SAVE_SECONDS)
        for outcome in ("ok", "failed"):
            self._tools.labels(outcome)

    def watch(self, slots: Slots) -> None:
        """Show the slots of this worker too. To be called once."""
        for name, what, read in (
            ("midwatch_sandbox_slots", "Sandbox slots of this worker", lambda: slots.most),
            ("midwatch_sandbox_slots_taken", "Sandbox slots that are taken", lambda: slots.held),
            ("midwatch_sandbox_slots_waiting", "Boxes that wait for a slot", lambda: slots.waiting),
        ):
            Gauge(name, what, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def error(self, error: BaseException) -> None:
        """Something has ended a turn that should have gone on."""
        self._errors.labels(type(error).__name__ if isinstance(error, MidwatchError) else "bug").inc()

    def known(self, event: Event) -> None:
        """Counted by whoever appended it."""

    def appended(self, event: Event) -> None:
        """See `Witness.appended`."""
        self._events.labels(event.kind if event.kind in KINDS else "other").inc()
        match event.body:
            case ModelReplied() as body:
                self._spent(body.model, body.usage, body.cost_microusd, body.latency_ms)
            case Compacted() as body if body.model:
                self._spent(body.model, body.usage, body.cost_microusd, body.latency_ms)
            case ToolFinished() as body:
                self._tools.labels("ok" if body.ok else "failed").observe(body.duration_ms / 1000)
            case TaskStarted() as body:
                self._begun.labels(body.sandbox).inc()
            case Proposed():
                self._ended.labels("proposed").inc()
            case Stopped() as body:
                self._ended.labels(body.reason).inc()
            case Failed():
                self._failed.inc()

    def lasted(self, what: str, seconds: float) -> None:
        """See `Witness.lasted`."""
        if what == "checkpoint":
            self._saves.observe(seconds)

    def _spent(self, name: str, usage: Usage, cost: int | None, latency_ms: int) -> None:
        model = self._label(name)
        self._calls.labels(model).observe(latency_ms / 1000)
        for kind, tokens in (
            ("input", usage.input_tokens - usage.cached_input_tokens),
            ("cached", usage.cached_input_tokens),
            ("output", usage.output_tokens),
        ):
            self._tokens.labels(model, kind).inc(max(0, tokens))
        if cost is None:
            self._unpriced.labels(model).inc()
        else:
            self._cost.labels(model).inc(max(0, cost) / 1_000_000)

    def _label(self, model: str) -> str:
        if model not in self._models and len(self._models) >= _MOST_MODELS:
            return "other"
        self._models.add(model)
        return model


def _histogram(
    registry: CollectorRegistry, name: str, what: str, labels: list[str], buckets: tuple[float, ...]
) -> Histogram:
    return Histogram(name, f"{what}: how long they took", labels, registry=registry, buckets=buckets)
