"""Running a task in the foreground: who looks on, and what the first and the second Ctrl-C do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from midwatch import wiring
from midwatch.cli import render
from midwatch.cli.jsonlines import JsonObserver, report_json
from midwatch.cli.plain import PlainObserver
from midwatch.cli.screen import Screen
from midwatch.domain.errors import MidwatchError
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task

if TYPE_CHECKING:
    from midwatch.cli.live import LiveObserver

T = TypeVar("T")

STOPPED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY = 0.5
"""Seconds between two looks at which files have changed."""


class Interrupted(Exception):
    """A wish, not an error: a person asked to stop; everything that ran has been ended."""


async def stoppable(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end. The first SIGINT, SIGTERM or SIGHUP cancels it and, once it has cleaned up, raises
    Interrupted; the second leaves the process at once (boxes die with it)."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            leave_at_once()
        asked = True
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if asked:
            raise Interrupted from None
        raise
    except MidwatchError:
        if asked:  # what breaks while everything is being ended is not news
            raise Interrupted from None
        raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def leave_at_once() -> None:
    """End this process now, and what it has started. Boxes end their commands when they notice, so only what was
    started itself is killed here: in the groups of these are the keepers that see to it."""
    for child in _children():
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    if os.isatty(1):
        os.write(1, b"\x1b[?25h\n")  # the live view hides the cursor
    os._exit(STOPPED)


def leave_within(lease: float) -> None:
    """Leave at once when this process is still there after a worker's lease, or 20 seconds where that is shorter: what
    it waits for may never come."""
    seconds = max(lease, 20.0)

    def leave() -> None:
        os.write(2, b"midwatch: what was to be ended did not end in %d s, and is left as by a crash\n" % seconds)
        leave_at_once()

    late = threading.Timer(seconds, leave)
    late.daemon = True  # waits for nobody when the process ends in time
    late.start()


def _children() -> list[int]:
    """The processes that any thread of this one has started and that still run."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for tasks in Path("/proc/self/task").glob("*/children"):
            found += map(int, tasks.read_text(encoding="ascii").split())
    return found


async def follow(home: wiring.Home, task: Task, screen: Screen) -> int:
    """Work on the task with somebody looking on, then say what it has come to; the exit code."""
    try:
        report = await watched(home, task, screen, lambda observer: wiring.run(home, task.id, observer))
    except Interrupted:
        return stopped(screen, task.id)
    if screen.json:
        screen.emit(report_json(report))
    else:
        screen.say(["", *render.report_lines(report, screen.look(), current_folder())])
    return report.exit_code


async def watched(
    home: wiring.Home, task: Task, screen: Screen, work: Callable[[Observer], Coroutine[Any, Any, T]]
) -> T:
    """Work on the task with somebody looking on. Raises as `stoppable`."""
    screen.task_id = task.id
    async with _observer(home, task, screen) as observer:
        return await stoppable(work(observer))


def stopped(screen: Screen, task_id: str) -> int:
    """Say how to go on."""
    look = screen.look()
    screen.say(f"stopped; go on with {look.command(f'`midwatch resume {task_id}`')}")
    if screen.json:
        screen.emit({"type": "stopped", "id": task_id, "exit_code": STOPPED})
    return STOPPED


def current_folder() -> str:
    """The current folder; empty when it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - the folder may be gone, and only its name is wanted
    except OSError:
        return ""


@contextmanager
def looking_on(screen: Screen, *, several: bool, opened: str | None = None) -> Iterator[Observer]:
    """Who looks on: a program, a person at a terminal, or a file. `opened`: what happened before that time is only
    counted; now where it is None."""
    if screen.json:
        yield JsonObserver(screen)
    elif screen.terminal:
        from midwatch.cli.live import LiveObserver

        with LiveObserver(screen, several=several, opened=opened) as live:
            yield live
    else:
        yield PlainObserver(screen, several=several, opened=opened)


@asynccontextmanager
async def _observer(home: wiring.Home, task: Task, screen: Screen) -> AsyncIterator[Observer]:
    """The same for a task of this machine, whose files can be looked at."""
    with looking_on(screen, several=task.attempts > 1) as observer:
        if screen.json or not screen.terminal:
            yield observer
            return
        watcher = asyncio.create_task(_watch(home, task, cast("LiveObserver", observer)))
        try:
            yield observer
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def _watch(home: wiring.Home, task: Task, observer: LiveObserver) -> None:
    """Keep the live view's count of changed files fresh until cancelled."""
    from midwatch.workspace.repository import Repository

    seen = ""
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        tree = observer.progress.tree
        if tree in ("", seen):
            continue
        try:
            repository = await Repository.open(home.state, task.repository, refresh=False)
            observer.changed(await repository.stat(task.base.tree, tree))
        except MidwatchError:
            pass  # a picture for a person; the report has the truth
        seen = tree
