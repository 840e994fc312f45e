"""Reading what has come of a server's tasks, printed as local commands print it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from midwatch.cli import words
from midwatch.cli.remote import tasks
from midwatch.cli.remote.client import POLICY
from midwatch.cli.remote.session import Session
from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event
from midwatch.domain.evidence import FileChange
from midwatch.domain.task import Base, Task
from midwatch.reading import Missed
from midwatch.workflows.report import Report
from midwatch.workflows.summary import Summary

MOST = 200
"""Tasks, and lines of an answer's page, at once."""
DIFF = "text/x-diff"


async def summaries(session: Session, limit: int, *, archived: bool = False) -> list[Summary]:
    """The newest tasks that one may see; those that are archived, or those that are not."""
    found: list[Summary] = []
    before: str | None = ""
    while before is not None and len(found) < limit:
        most = str(min(MOST, limit - len(found)))
        if archived:
            page = await session.client.get("tasks", limit=most, before=before, archived="true")
        else:
            page = await session.client.get("tasks", limit=most, before=before)
        found += map(_summary, page["tasks"])
        before = page["next"]
    return found


async def numbers(session: Session) -> Mapping[str, int]:
    """The numbers of the newest pull requests, by task."""
    page = await session.client.get("pull-requests", limit=str(MOST))
    return {str(one["task"]): int(one["number"]) for one in page["pull_requests"]}


async def report(session: Session, name: str) -> tuple[Report, Sequence[Event]]:
    """What a task has come to, and the events of the attempt that is (or would be) offered."""
    client = session.client
    task_id, _ = await tasks.named(client, name)
    answer = await client.get(tasks.path("tasks", task_id))
    logs = {str(one["id"]): await tasks.events(client, str(one["id"])) for one in answer["attempts"]}
    found = await tasks.report(client, answer, logs, POLICY)
    return found, logs[found.chosen.attempt]


async def missed(session: Session, task_id: str) -> list[Missed]:
    """What could not be done outside of the server for a task; nothing at a server of the release before."""
    try:
        page = await session.client.get(tasks.path("tasks", task_id, "effects"))
    except InputError:
        return []
    names = [field.name for field in dataclasses.fields(Missed)]
    return [Missed(*(str(one[name]) for name in names)) for one in page["effects"] if one["state"] == "failed"]


async def changes(session: Session, name: str) -> tuple[FileChange, ...]:
    """The files that a task has changed."""
    task_id, _ = await tasks.named(session.client, name)
    evidence = await session.client.get(tasks.path("tasks", task_id, "evidence"))
    return tuple(from_json(FileChange, change) for change in evidence["changes"])


async def diff(session: Session, name: str) -> bytes:
    """A task's change, as `git apply` takes it."""
    task_id, _ = await tasks.named(session.client, name)
    return await session.client.raw(tasks.path("tasks", task_id, "diff"), DIFF)


async def attempt(session: Session, name: str) -> str:
    """The attempt that a person means: `ID.2` its second one, `ID` the one that is (or would be) offered."""
    task_id, number = await tasks.named(session.client, name)
    answer = await session.client.get(tasks.path("tasks", task_id))
    known = [str(one["id"]) for one in answer["attempts"]]
    if number:
        if f"{task_id}.{number}" not in known:
            raise InputError(f"there is no attempt {task_id}.{number}", f"its attempts are: {', '.join(known)}")
        return f"{task_id}.{number}"
    if len(known) == 1:
        return known[0]
    return str((await session.client.get(tasks.path("tasks", task_id, "evidence")))["attempt"])


async def output(
    session: Session, attempt_id: str, which: tuple[str, int], wanted: tuple[int, int | None]
) -> Mapping[str, Any]:
    """The wanted lines of an output, all of them: `lines`, and what the server says of the whole. `which`: `command`,
    `check` or `hook`, and its number."""
    kind, number = which
    first, last = wanted
    path = tasks.path("attempts", attempt_id, "logs", str(number))
    lines: list[str] = []
    while True:
        query = {"of": kind, "from": str(first + len(lines))} | ({"to": str(last)} if last is not None else {})
        page = await session.client.get(f"{path}?{urlencode(query)}")
        lines += page["lines"]
        if not page["more"] or not page["lines"] or (last is not None and first + len(lines) > last):
            return {**page, "lines": lines, "first_line": first}


def _summary(line: Mapping[str, Any]) -> Summary:
    task = Task(
        id=str(line["id"]),
        prompt=str(line["prompt"]),
        repository=str(line["location"]),
        base=Base("", "", ""),
        branch=str(line["branch"]),
        model=str(line["model"]),
        checks=(),
        checks_from="",
        created=str(line["created"]),
        kind=str(line["kind"]),
        mode=str(line["mode"]),
    )
    why = words.waits(str(line.get("waits_for") or ""), str(line.get("waits_until") or ""))
    return Summary(task, str(line["status"]), str(line["updated"]), why)
