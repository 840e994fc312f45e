"""What has happened at a fake GitLab, for those who ask: lists by when things changed, label events, pipelines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from tests.support.forge_server import Asked, ForgeServer
from tests.support.forge_state import Given, Hosted, Run, Said, Thread

Person = Callable[[ForgeServer, str], dict[str, Any]]


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def since(asked: Asked, threads: Sequence[Thread]) -> list[Thread]:
    """Those that changed since the time that is asked for; the newest first, where no order is asked for."""
    after = asked.query.get("updated_after")
    found = [one for one in reversed(threads) if after is None or _at(one.updated) >= _at(after)]
    if asked.query.get("order_by") == "updated_at":
        found.sort(key=lambda one: one.updated, reverse=asked.query.get("sort") != "asc")
    return found


def label_events(server: ForgeServer, thread: Thread, person: Person) -> list[dict[str, Any]]:
    """Who put which label on."""
    return [
        {
            "id": one.number, "user": person(server, one.by), "created_at": one.at, "resource_type": "Issue",
            "resource_id": 20_000 + thread.number, "action": "add", "label": {"id": 1, "name": one.subject},
        }
        for one in thread.given
        if one.what == "labelled"
    ]  # fmt: skip


def noted(one: Given) -> Said:
    """GitLab's own note about whom a thing was given to."""
    return Said(one.number, "note", one.by, f"assigned to @{one.subject}", one.at)


def pipelines(server: ForgeServer, asked: Asked, hosted: Hosted) -> list[dict[str, Any]]:
    """Those that changed since, the first one first."""
    after = _at(asked.query.get("updated_after", "1970-01-01T00:00:00Z"))
    return [
        {
            "id": run.number, "iid": run.number, "project_id": hosted.number, "sha": run.commit, "ref": run.branch,
            "status": "failed" if run.failed else "success", "source": "push", "created_at": run.at,
            "updated_at": run.at, "web_url": f"{server.web}/{hosted.slug}/-/pipelines/{run.number}",
        }
        for run in hosted.runs
        if _at(run.at) >= after
    ]  # fmt: skip


def jobs(run: Run) -> list[dict[str, Any]]:
    """Of a pipeline: one job."""
    return [
        {
            "id": run.number + 1, "name": run.name, "stage": "test", "status": "failed" if run.failed else "success",
            "allow_failure": False, "failure_reason": "script_failure", "created_at": run.at, "ref": run.branch,
        }
    ]  # fmt: skip
