"""What a person wants of a task that a server has."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from midwatch.cli import render, words
from midwatch.cli.remote import address, attaching, tasks
from midwatch.cli.remote.session import Session, opened
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

_SAID = {
    "cancel": ("cancelled; what was done stays", "will end at its next move; what was done stays"),
    "pause": ("paused", "will stop at its next move"),
    "resume": ("goes on", "goes on as soon as a worker has room"),
    "retry": ("tries again", "tries again as soon as a worker has room"),
    "messages": ("has been told", "has been told"),
    "choose": ("is offered", "will be offered as soon as a worker has room"),
}
"""When it is so at once, and when it will be."""
_AT_ONCE = ("cancelled", "paused", "running")


async def steer(options: Namespace, screen: Screen, where: address.Address, verb: str, body: object = None) -> int:
    """Ask for it, and say how the task stands then; with `--follow` look on. The exit code."""
    async with opened(options, screen, where) as session:
        task_id = await _whole(session, options.id)
        posted = await session.client.post(tasks.path("tasks", task_id, verb), body)
        _say(session, task_id, verb, posted.value)
        return await attaching.attach(session, task_id) if getattr(options, "follow", False) else 0


async def archive(options: Namespace, screen: Screen, where: address.Address, verb: str) -> int:
    """Take tasks from the lists (`archive`), or put them back (`unarchive`)."""
    async with opened(options, screen, where) as session:
        for name in options.ids:
            task_id = await _whole(session, name)
            await session.client.post(tasks.path("tasks", task_id, verb), None)
            say_archived(screen, task_id, verb)
    return 0


def say_archived(screen: Screen, task_id: str, verb: str) -> None:
    """That it is done."""
    if screen.json:
        screen.emit({"type": verb, "id": task_id})
    else:
        done = "archived; `midwatch list --archived` has it" if verb == "archive" else "listed again"
        screen.say(f"{screen.look().mark(True)} {task_id} {done}")


async def attach(options: Namespace, screen: Screen, where: address.Address) -> int:
    """Look on at a task."""
    async with opened(options, screen, where) as session:
        task_id, _ = await tasks.named(session.client, options.id)
        return await attaching.attach(session, task_id)


async def choose(options: Namespace, screen: Screen, where: address.Address) -> int:
    """Have another of a task's attempts offered."""
    async with opened(options, screen, where) as session:
        task_id, attempt = await tasks.named(session.client, options.id)
        if not attempt:
            raise InputError(f"{words.line(options.id)} is a task", f"name the attempt: {task_id}.2 is its second one")
        posted = await session.client.post(tasks.path("tasks", task_id, "choose"), {"attempt": attempt})
        _say(session, f"{task_id}.{attempt}", "choose", posted.value)
        return await attaching.attach(session, task_id) if options.follow else 0


async def fork(options: Namespace, screen: Screen, where: address.Address, message: str) -> int:
    """A new task that begins with what another had done."""
    async with opened(options, screen, where) as session:
        task_id, attempt = await tasks.named(session.client, options.id)
        body = {"step": options.at, "message": message, "attempt": attempt}
        posted = await session.client.post(tasks.path("tasks", task_id, "fork"), body)
        return await begun(session, posted.value, follow=options.follow)


async def begun(session: Session, answer: Mapping[str, Any], *, follow: bool) -> int:
    """Say what a task is that was just made; with `follow` look on."""
    screen, look, task = session.screen, session.screen.look(), tasks.task(answer)
    if screen.json:
        screen.emit({"type": "task", **answer})
    else:
        screen.say(render.task_lines(task, look))
    if follow:
        if not screen.json:
            screen.say()
        return await attaching.attach(session, task.id)
    if not screen.json:
        command = look.command(f"midwatch attach {task.id}{session.at}")
        screen.say(["", f"{look.mark(True)} queued at {session.client.address.url}; look on with {command}"])
    return 0


def _say(session: Session, task_id: str, verb: str, told: Mapping[str, Any]) -> None:
    screen, state = session.screen, str((told.get("turn") or {}).get("state", ""))
    if screen.json:
        screen.emit({"type": verb.removesuffix("s"), "id": task_id, "state": state, "turn": told.get("turn")})
        return
    now, soon = _SAID[verb]
    screen.say(f"{screen.look().mark(True)} {task_id} {now if state in _AT_ONCE else soon}")


async def _whole(session: Session, name: str) -> str:
    task_id, attempt = await tasks.named(session.client, name)
    if attempt:
        raise InputError(f"{words.line(name)} is an attempt", f"name the task: {task_id}")
    return task_id
