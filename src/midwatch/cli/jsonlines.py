"""A run, and what tasks have come to, as JSON."""

from __future__ import annotations

from typing import Any

from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json
from midwatch.domain.conversation import Delta
from midwatch.domain.events import Event
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task
from midwatch.workflows.report import Report


class JsonObserver:
    """See `Observer`. One object on a line for each event, the earlier ones of a resumed task included."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def event(self, event: Event) -> None:
        """Print it."""
        try:
            self._screen.emit(event_json(event))
        except OSError:
            self._screen.hush()  # nobody reads any more; the work goes on

    def delta(self, delta: Delta) -> None:
        """Nothing."""

    def output(self, chunk: bytes) -> None:
        """Nothing."""

    def phase(self, text: str) -> None:
        """Nothing."""


def event_json(event: Event) -> dict[str, Any]:
    """`{"type": "event", …}` with the body as it is stored."""
    return {
        "type": "event",
        "attempt": event.attempt,
        "seq": event.seq,
        "time": event.time,
        "kind": event.kind,
        "version": event.body.version,
        "body": to_json(event.body),
        "hash": event.hash,
    }


def task_json(task: Task) -> dict[str, Any]:
    """`{"type": "task", "id": …}`: the first line of `run --json`."""
    return {"type": "task", **to_json(task)}


def report_json(report: Report) -> dict[str, Any]:
    """`{"type": "result", …}`: the whole report with what is derived from it."""
    evidence = report.chosen.evidence
    return {
        "type": "result",
        "id": report.task.id,
        "status": report.status,
        "exit_code": report.exit_code,
        "verdict": evidence.verdict if evidence else "none",
        **to_json(report),
    }


def pull_request_json(request: PullRequest) -> dict[str, Any]:
    """A pull request with its proposal."""
    return dict(to_json(request))
