"""What has happened at a fake Forgejo, for those who ask: issues and remarks since a time, timelines, runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.support.forge_forgejo_shapes import comment, issue, label, user
from tests.support.forge_server import Asked, ForgeServer
from tests.support.forge_state import Given, Hosted, Run, Thread


def _since(asked: Asked) -> float:
    return datetime.fromisoformat(asked.query.get("since", "1970-01-01T00:00:00Z")).timestamp()


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def issues(server: ForgeServer, asked: Asked, hosted: Hosted) -> Sequence[Any]:
    """Those that changed since, pull requests too, the newest first."""
    wanted, since = asked.query.get("state", "open"), _since(asked)
    return [
        issue(server, hosted, thread)
        for thread in reversed(hosted.threads.values())
        if _at(thread.updated) >= since and wanted in ("all", "open" if thread.state == "open" else "closed")
    ]


def comments(server: ForgeServer, asked: Asked, hosted: Hosted) -> Sequence[Any]:
    """Of the whole repository."""
    since = _since(asked)
    found = []
    for thread in hosted.threads.values():
        where = f"{server.web}/{hosted.slug}/{'pulls' if thread.head else 'issues'}/{thread.number}"
        about = {"issue_url": "", "pull_request_url": "", "pull_request_url" if thread.head else "issue_url": where}
        found += [
            comment(server, hosted, thread, one) | about
            for one in thread.said
            if one.kind == "comment" and _at(one.created) >= since
        ]
    return found


def timeline(server: ForgeServer, hosted: Hosted, thread: Thread) -> Sequence[Any]:
    """What was done to it."""
    return [_event(server, hosted, one) for one in thread.given]


def _event(server: ForgeServer, hosted: Hosted, one: Given) -> dict[str, Any]:
    known = {"id": one.number, "user": user(server, one.by), "created_at": one.at, "updated_at": one.at}
    if one.what == "labelled":
        return {**known, "type": "label", "body": "1", "label": label(hosted, one.subject)}
    return {
        **known, "type": "assignees", "body": "", "assignee": user(server, one.subject), "removed_assignee": False,
    }  # fmt: skip


def run_status(server: ForgeServer, hosted: Hosted, run: Run) -> dict[str, Any]:
    """A run as a status of its commit, counted there from one. Its time is told in the server's own zone."""
    mine = [one.number for one in hosted.runs if one.commit == run.commit]
    return {
        "id": mine.index(run.number) + 1, "context": run.name, "status": "failure" if run.failed else "success",
        "description": f"{run.name} has ended", "target_url": f"{server.web}/{hosted.slug}/actions/{run.number}",
        "creator": user(server, "ci"), "created_at": run.at.replace("Z", "+00:00"), "updated_at": run.at,
    }  # fmt: skip
