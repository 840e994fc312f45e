"""What a real worker logs, counts and traces, also when another one goes on where it was killed."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from midwatch.domain.errors import InputError
from midwatch.telemetry.config import TelemetrySettings
from midwatch.telemetry.opened import opened
from tests.support.collector import attributes, collecting
from tests.support.model_server import serving
from tests.support.office import Office, counting, ended
from tests.telemetry.test_metrics import read

SETTINGS = """
[telemetry]
metrics = true
traces = "{collector}"
logs = "json"
"""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    with serving() as models:
        office = Office(tmp_path / "office", "", models.script(*counting(5, seconds=0.3)))
        await office.make()
        yield office
        office.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_worker_logs_counts_and_traces_and_the_next_one_adds_to_the_same_trace(office: Office) -> None:
    with collecting() as collector:
        path = office.folder / "config/midwatch/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(SETTINGS.format(collector=collector.address))
        first = office.worker()
        (task,) = await office.submit()
        while not collector.named("chat scripted"):
            assert first.poll() is None, office.words
            await asyncio.sleep(0.05)
        first.kill()
        first.wait()
        port = free_port()
        second = office.worker("--metrics-listen", f"127.0.0.1:{port}")
        await office.until(ended)
        async with httpx2.AsyncClient() as client:
            counted = read((await client.get(f"http://127.0.0.1:{port}/metrics")).content)
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0, office.words

    (root,) = collector.named("invoke_agent midwatch")
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)
    assert {attributes(span)["midwatch.attempt"] for span in collector.spans} == {f"{task.id}.1"}
    assert counted["midwatch_attempts_ended_total{outcome=proposed}"] == 1
    assert 0 < counted["midwatch_model_seconds_count{model=openai/scripted}"] <= 6
    assert counted["midwatch_checkpoint_seconds_count"] > 0

    logged = [json.loads(line) for line in office.words.splitlines()]
    mine = [line for line in logged if line.get("turn") == f"{task.id}:1"]
    assert "begins (submit)" in [line["message"] for line in mine]
    assert mine[-1]["message"] == "done"
    assert "stopped" in [line["message"] for line in logged]
    assert "Count, as task" not in office.words
    assert not list((office.folder / "state/midwatch/attempts").iterdir())


@pytest.mark.parametrize("metrics", [False, True])
async def test_an_address_for_metrics_that_is_none_is_refused_also_while_they_are_off(metrics: bool) -> None:
    with pytest.raises(InputError, match="--metrics-listen"):
        async with opened(TelemetrySettings(metrics=metrics), "nowhere"):
            pass
