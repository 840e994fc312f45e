"""What is counted of a real task, as Prometheus' own parser reads it."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from midwatch.domain.conversation import Usage
from midwatch.domain.errors import InputError, ModelError, StoreError
from midwatch.domain.events import ModelReplied
from midwatch.domain.witness import witnessed_by
from midwatch.models.fake import FakeModel, calls, says
from midwatch.telemetry.config import TelemetrySettings
from midwatch.telemetry.metrics import Metrics
from midwatch.telemetry.opened import opened
from tests.support.logs import log_of
from tests.support.place import Place, make_repository

SCRIPT = [
    calls("shell", command="echo one >> count.txt"),
    calls("shell", command="false"),
    says("Count further", usage=Usage(input_tokens=100, cached_input_tokens=60, output_tokens=10)),
]


def read(text: bytes) -> dict[str, float]:
    """`name{label=value,…}` and its value."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def test_model_calls_tokens_cost_tools_checkpoints_and_ends_are_counted_once(place: Place) -> None:
    task = await place.task()
    first, second = Metrics(), Metrics()
    with witnessed_by(first), pytest.raises(ModelError):
        await place.solve(task, FakeModel([SCRIPT[0], ModelError("down", "wait")], price_microusd=5))
    with witnessed_by(second):
        await place.solve(task, FakeModel(SCRIPT, price_microusd=5))
    one, two = read(first.text()), read(second.text())
    assert one["midwatch_attempts_started_total{driver=bubblewrap}"] == 1
    assert one["midwatch_attempt_failures_total"] == 1
    assert "midwatch_attempts_ended_total{outcome=proposed}" not in one
    assert "midwatch_attempts_started_total{driver=bubblewrap}" not in two
    assert two["midwatch_attempts_ended_total{outcome=proposed}"] == 1
    assert [m["midwatch_model_seconds_count{model=fake}"] for m in (one, two)] == [1, 2]
    assert two["midwatch_tokens_total{kind=input,model=fake}"] == 140
    assert two["midwatch_tokens_total{kind=cached,model=fake}"] == 60
    assert two["midwatch_tokens_total{kind=output,model=fake}"] == 20
    assert two["midwatch_cost_dollars_total{model=fake}"] == pytest.approx(220 * 5e-6)  # by the token
    assert [m["midwatch_tool_seconds_count{outcome=ok}"] for m in (one, two)] == [1, 0]
    assert two["midwatch_tool_seconds_count{outcome=failed}"] == 1
    assert [m["midwatch_checkpoint_seconds_count"] for m in (one, two)] == [1, 1]
    total = sum(v for m in (one, two) for k, v in m.items() if k.startswith("midwatch_events_total"))
    assert total == len((await place.history(task)).events)


async def test_labels_are_bounded_whatever_models_are_named() -> None:
    metrics = Metrics()
    with witnessed_by(metrics):
        replies = [
            ModelReplied(f"some/model-{n}", "chat", "", (), (), Usage(1, 0, 0, 1, 0), None, 10, "end")
            for n in range(200)
        ]
        await log_of(replies)
    labels = {key for key in read(metrics.text()) if key.startswith("midwatch_model_seconds_count")}
    assert len(labels) == 41
    assert read(metrics.text())["midwatch_unpriced_model_calls_total{model=other}"] == 160


def test_errors_are_counted_by_kind() -> None:
    metrics = Metrics()
    for error in (StoreError("full", ""), StoreError("full", ""), ValueError("a bug")):
        metrics.error(error)
    found = read(metrics.text())
    assert found["midwatch_errors_total{kind=StoreError}"] == 2
    assert found["midwatch_errors_total{kind=bug}"] == 1


async def test_a_worker_shows_its_own_metrics_where_it_is_told_to(tmp_path: Path) -> None:
    class Slots:
        most, held, waiting = 3, 2, 1

    settings = TelemetrySettings(metrics=True)
    port = free_port()
    async with opened(settings, f"127.0.0.1:{port}") as telemetry:
        telemetry.watch(Slots())
        telemetry.error(StoreError("full", ""))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            found = read(answer.read())
        assert found["midwatch_sandbox_slots"] == 3
        assert (found["midwatch_sandbox_slots_taken"], found["midwatch_sandbox_slots_waiting"]) == (2, 1)
        assert found["midwatch_errors_total{kind=StoreError}"] == 1
        assert found["process_resident_memory_bytes"] > 0
        with pytest.raises(InputError, match="cannot be shown"):
            async with opened(settings, f"127.0.0.1:{port}"):
                pass
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


async def test_without_a_word_in_the_settings_nothing_is_measured() -> None:
    async with opened(TelemetrySettings()) as telemetry:
        assert telemetry.metrics is None
        telemetry.error(ValueError())


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
