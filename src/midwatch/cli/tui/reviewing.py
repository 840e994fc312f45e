"""A review of the person's folder beside the conversation: a task of its own, whose findings are shown here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from midwatch import revising
from midwatch.cli import words
from midwatch.cli.reviews import Wanted, review_lines
from midwatch.cli.screen import Look
from midwatch.cli.tui.session import Session
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.events import Stopped
from midwatch.domain.interventions import Reviewed
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.workflows.reviewed import Wish

Note = Callable[[str], Awaitable[None]]


class Reviewing:
    """At most one review at a time."""

    def __init__(self, session: Session, note: Note) -> None:
        self._session, self._note = session, note
        self._work: asyncio.Task[Reviewed | Stopped] | None = None

    async def run(self, focus: str, width: int) -> None:
        """Review the uncommitted changes of the folder, or what its branch has over the default one, and say what was
        found. Raises MidwatchError."""
        if self._work is not None:
            raise InputError("a review is being made already", "wait for its findings")
        session = self._session
        wish = Wish(focus=focus, repository=session.choices.folder)
        task = await revising.start_review(session.home, wish, session.model, {})
        await self._note(f"reviewing {words.line(task.prompt)}, in a sandbox of its own ({task.id})")
        self._work = asyncio.create_task(revising.review(session.home, task, Silent()))
        try:
            result = await self._work
        except MidwatchError as error:
            mend = error.mend or f"`midwatch resume {task.id}` goes on with it"
            raise type(error)(f"the review could not go on: {error.message}", mend) from None
        finally:
            self._work = None
        await self._note("\n".join(lines(task, result, width)))

    async def stop(self) -> None:
        """End what is being made; `midwatch resume` goes on with it. May be called when there is none."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(MidwatchError, asyncio.CancelledError):
                await self._work


def lines(task: Task, result: Reviewed | Stopped, width: int) -> list[str]:
    """What it came to."""
    found = review_lines(task, result, Wanted(), Look(width=max(40, min(width, 110))))
    return [*found, f"`midwatch resume {task.id}` shows it again"]
