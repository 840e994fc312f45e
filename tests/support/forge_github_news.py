"""What has happened at the fake GitHub, for those who ask: remarks of a whole repository, events of issues, runs."""

from __future__ import annotations

from typing import Any

from tests.support import forge_github_shapes as shapes
from tests.support.forge_github_basics import GONE, N, R, Work, paged, thread_of
from tests.support.forge_server import Answer, Asked, ForgeServer
from tests.support.forge_state import Given, Hosted, Run


def _said(kind: str) -> Work:
    def work(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
        since = asked.query.get("since", "")
        every = [(thread, one) for thread in hosted.threads.values() for one in thread.said if one.kind == kind]
        every.sort(key=lambda pair: pair[1].created, reverse=asked.query.get("direction") != "asc")
        found = [shapes.said(server, hosted, thread, one) for thread, one in every if one.created >= since]
        return paged(server, asked, found)

    return work


def _events(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted)
    return GONE if thread is None else paged(server, asked, [_event(server, one) for one in thread.given])


def _event(server: ForgeServer, one: Given) -> dict[str, Any]:
    by = shapes.user(server, one.by)
    known: dict[str, Any] = {"id": one.number, "actor": by, "created_at": one.at}
    known["performed_via_github_app"] = shapes.full("integration")
    if one.what == "labelled":
        label = {"name": one.subject, "color": "ededed"}
        return shapes.full("labeled-issue-event", **known, event="labeled", label=label)
    who = shapes.user(server, one.subject)  # GitHub has whom it is given to as the actor
    return shapes.full("assigned-issue-event", **{**known, "actor": who}, event="assigned", assignee=who, assigner=by)


def check_run(server: ForgeServer, hosted: Hosted, run: Run) -> dict[str, Any]:
    """A run, as GitHub shows it."""
    suite = {"id": run.number, "head_branch": run.branch}
    output = {**shapes.full("check-run")["output"], "title": run.name, "summary": f"{run.name} has ended"}
    return shapes.full(
        "check-run", id=run.number, name=run.name, head_sha=run.commit, status="completed", completed_at=run.at,
        conclusion="failure" if run.failed else "success", output=output, check_suite=suite, pull_requests=[],
        html_url=f"{server.web}/{hosted.slug}/runs/{run.number}",
    )  # fmt: skip


def check_runs(server: ForgeServer, hosted: Hosted, sha: str, name: str) -> list[dict[str, Any]]:
    """The latest of each name on a commit."""
    latest = {run.name: run for run in hosted.runs if run.commit == sha and name in ("", run.name)}
    return [check_run(server, hosted, run) for run in latest.values()]


def _workflows(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = [run for run in hosted.runs if run.commit == asked.query.get("head_sha")]
    there = shapes.repository(server, hosted, "minimal-repository")
    shown = [shapes.full("workflow-run", id=run.number, head_sha=run.commit, repository=there) for run in found]
    return Answer(200, {"total_count": len(shown), "workflow_runs": shown})


def _jobs(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = [run for run in hosted.runs if run.number == int(asked.parts[0])]
    shown = [
        shapes.full(
            "job", id=run.number, name=run.name, head_sha=run.commit, run_id=run.number, status="completed",
            conclusion="failure" if run.failed else "success", completed_at=run.at,
        )
        for run in found
    ]  # fmt: skip
    return Answer(200, {"total_count": len(shown), "jobs": shown})


READS: list[tuple[str, str, Work]] = [
    ("GET", rf"{R}/issues/comments", _said("comment")),
    ("GET", rf"{R}/pulls/comments", _said("line")),
    ("GET", rf"{R}/issues{N}/events", _events),
    ("GET", rf"{R}/actions/runs", _workflows),
    ("GET", rf"{R}/actions/runs{N}/jobs", _jobs),
]
