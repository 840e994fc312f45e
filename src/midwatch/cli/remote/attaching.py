"""Looking on at a task that a server has, as `midwatch run` shows one of this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from midwatch.cli import following, render
from midwatch.cli.jsonlines import report_json
from midwatch.cli.remote import tasks
from midwatch.cli.remote.client import PATIENT
from midwatch.cli.remote.session import Session
from midwatch.cli.remote.stream import Sent, follow
from midwatch.domain.errors import OperationError
from midwatch.domain.events import Event
from midwatch.domain.observer import Observer
from midwatch.workflows.report import Report


async def attach(session: Session, task_id: str) -> int:
    """Show what happens until nobody works on the task any more, then what it has come to; the exit code, as of
    `run`. Ctrl-C ends the looking on, not the task."""
    screen = session.screen
    answer = await session.client.get(tasks.path("tasks", task_id))
    names = [str(attempt["id"]) for attempt in answer["attempts"]]
    try:
        with following.looking_on(screen, several=len(names) > 1, opened="") as observer:
            logs = await following.stoppable(_watch(session, names, observer))
        report = await following.stoppable(_report(session, task_id, logs))
    except following.Interrupted:
        return detached(session, task_id)
    if screen.json:
        screen.emit(report_json(report))
    else:
        screen.say(["", *render.report_lines(report, screen.look(), at=session.at)])
    return report.exit_code


def detached(session: Session, task_id: str) -> int:
    """Say that the task goes on, and how to look on again."""
    screen = session.screen
    command = screen.look().command(f"`midwatch attach {task_id}{session.at}`")
    screen.say(f"detached; the task goes on at {session.client.address.url}; look on again with {command}")
    if screen.json:
        screen.emit({"type": "detached", "id": task_id, "exit_code": following.STOPPED})
    return following.STOPPED


async def _report(session: Session, task_id: str, logs: Mapping[str, list[Event]]) -> Report:
    answer = await session.client.get(tasks.path("tasks", task_id), policy=PATIENT)
    return await tasks.report(session.client, answer, logs, PATIENT)


async def _watch(session: Session, names: list[str], observer: Observer) -> dict[str, list[Event]]:
    """The events of all attempts, each shown when it comes."""
    logs: dict[str, list[Event]] = {name: [] for name in names}
    jobs = [asyncio.create_task(_attempt(session, name, logs[name], observer)) for name in names]
    try:
        await asyncio.gather(*jobs)
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
    return logs


async def _attempt(session: Session, name: str, log: list[Event], observer: Observer) -> None:
    path = tasks.path("attempts", name, "events")
    async with aclosing(follow(session.client, path, observer.phase)) as messages:
        async for sent in messages:
            if sent.name != "event":
                continue
            event = tasks.event_of(_json(sent))
            if log and event.seq <= log[-1].seq:
                continue  # told twice
            log.append(event)
            observer.event(event)


def _json(sent: Sent) -> Mapping[str, Any]:
    try:
        value = json.loads(sent.data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise OperationError("the server sent an event that cannot be read", "upgrade this Midwatch")
    return value
