"""What is said of a commit at GitHub: check runs by an app, plain statuses by anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.domain.forge import Status
from midwatch.forges.answered import read
from midwatch.forges.github.shapes import CheckRuns, CommitStatus, CommitStatuses
from midwatch.forges.http import Http

LONGEST_TEXT = 65_000
LONGEST_LINE = 140
"""Characters of a status' description."""

_PLAIN = {"pending": "pending", "success": "success", "failure": "failure", "neutral": "success"}
"""A plain status knows no neutral."""


async def report_run(http: Http, slug: str, commit: str, status: Status, me: str) -> None:
    """A check run, which only an app may write: ours of that name is brought up to date, else one is made."""
    body: dict[str, Any] = {
        "name": status.name,
        "status": "in_progress" if status.state == "pending" else "completed",
        "output": _output(status),
    }
    if status.state != "pending":
        body["conclusion"] = status.state
    if status.url:
        body["details_url"] = status.url
    params: Mapping[str, str | int] = {"check_name": status.name, "filter": "latest", "per_page": 100}
    found = await http.request("GET", f"/repos/{slug}/commits/{commit}/check-runs", slug=slug, params=params)
    runs = read(CheckRuns, found.data, http.name).check_runs
    ours = next((run for run in runs if run.app is not None and f"{run.app.slug}[bot]" == me), None)
    if ours is None:
        await http.request("POST", f"/repos/{slug}/check-runs", slug=slug, json={**body, "head_sha": commit})
    else:
        await http.request("PATCH", f"/repos/{slug}/check-runs/{ours.id}", slug=slug, json=body)


def _output(status: Status) -> Mapping[str, str]:
    output = {"title": status.summary[:250] or status.name, "summary": status.summary[:LONGEST_TEXT]}
    return {**output, "text": status.text[:LONGEST_TEXT]} if status.text else output


async def report_status(http: Http, slug: str, commit: str, status: Status) -> None:
    """A plain status; nothing where the latest of that name says the same."""
    line = status.summary if len(status.summary) <= LONGEST_LINE else status.summary[: LONGEST_LINE - 1] + "…"
    wanted = CommitStatus(
        context=status.name, state=_PLAIN[status.state], description=line, target_url=status.url or None
    )
    found = await http.request(
        "GET", f"/repos/{slug}/commits/{commit}/status", slug=slug, params={"per_page": 100}, taken=(404,)
    )
    if found.status < 300 and wanted in read(CommitStatuses, found.data, http.name).statuses:
        return
    body = {name: value for name, value in wanted.model_dump().items() if value is not None}
    await http.request("POST", f"/repos/{slug}/statuses/{commit}", slug=slug, json=body)
