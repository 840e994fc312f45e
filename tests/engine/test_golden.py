"""Logs of every past version load, verify, report and go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.agent.context import view
from midwatch.agent.log import History, Log
from midwatch.domain.events import KINDS, Event
from midwatch.domain.observer import Silent
from midwatch.engine.store.records import Record, chain_faults, load
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.workflows.describe import body, title
from midwatch.workflows.report import attempt_report
from tests.support import samples

GOLDEN = Path(__file__).parent.parent / "golden"
LOGS = sorted(GOLDEN.glob("log-v*/*.jsonl"))


def _records(path: Path) -> list[Record]:
    return [Record(**json.loads(line)) for line in path.read_text("ascii").splitlines()]


def _events(path: Path) -> Sequence[Event]:
    return [load(record) for record in _records(path)]


@pytest.mark.parametrize("path", LOGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_stored_log_still_loads_and_its_chain_still_holds(path: Path) -> None:
    records = _records(path)
    assert chain_faults(records, len(records), records[-1].hash) == []
    history = History(_events(path))
    assert history.task is not None
    assert view(history, history.task, "/workspace").items
    report = attempt_report(records[0].attempt, history, running=False)
    expected = {
        "proposed": "done",
        "open-call": "interrupted",
        "limit": "no change",
        "environment": "done",
        "compacted": "no change",
        "interventions": "interrupted",
        "modes": "answered",
        "mcp": "interrupted",
        "subtask": "interrupted",
        "review": "done",
    }
    assert report.status == expected[path.stem]


def test_every_kind_of_event_has_a_golden_record() -> None:
    kinds = {record.kind for path in LOGS for record in _records(path)}
    assert kinds == set(KINDS)


def test_a_stored_log_gives_the_same_report_and_words() -> None:
    history = History(_events(GOLDEN / "log-v1/proposed.jsonl"))
    assert history.task is not None
    assert history.checked is not None
    assert (history.turns, history.usage.total, history.cost_known) == (3, 3780, False)
    assert title(history.task, history, history.checked.evidence) == "[checks failing] Fix the late fee's boundary"
    text = body(history.task, history, history.checked.evidence, ())
    assert "time limit of 5 s" in text
    assert history.events[-3].hash in text


def test_what_a_stored_subtask_spent_counts_for_its_parent() -> None:
    history = History(_events(GOLDEN / "log-v3/subtask.jsonl"))
    assert (history.turns, history.usage.total, history.cost_microusd, history.cost_known) == (3, 36, 120, False)


def test_a_stored_review_still_has_its_findings() -> None:
    reviewed = History(_events(GOLDEN / "log-v3/review.jsonl")).reviewed
    assert reviewed is not None
    assert [(f.file, f.first_line, f.priority, f.confidence) for f in reviewed.findings] == [("fees.py", 3, 1, 0.9)]
    assert [d.reason for d in reviewed.dropped] == ["there is no such file"]


async def test_a_crashed_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    history = History(_events(GOLDEN / "log-v1/open-call.jsonl"))
    assert history.task is not None
    store = SqliteStore(tmp_path / "state.db")
    await store.create(history.task)
    attempt = history.events[0].attempt
    await store.append(attempt, await store.take(attempt), [event.body for event in history.events])
    log = await Log.open(store, attempt, Silent())
    call = log.next_unanswered()
    assert call is not None
    assert call.arguments == '{"command": "python3 -m unittest"}'
    assert log.is_started(call)
    await log.append(samples.tool_finished(call))
    assert log.next_unanswered() is None
    await store.close()
