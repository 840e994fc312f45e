"""Changing what a task is to come to: a further message, another attempt, going back, a fork. Each part is imported
when it is asked for; `wiring.run` then goes on with the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from midwatch import __version__
from midwatch.domain.errors import InputError
from midwatch.domain.observer import Silent
from midwatch.reviewing import review as review
from midwatch.talking import converse
from midwatch.tools.approval import Nobody
from midwatch.wiring import DEFAULT_MODEL, named_model

if TYPE_CHECKING:
    from midwatch.domain.conversation import Image
    from midwatch.domain.events import Event
    from midwatch.domain.task import Task
    from midwatch.wiring import Home
    from midwatch.workflows.reopening import Shelf
    from midwatch.workflows.reviewed import Wish
    from midwatch.workflows.undoing import WentBack


async def tell(home: Home, name: str, text: str, images: Sequence[Image] = ()) -> Task:
    """Give a task a further message, with pictures that are in the blob store. Raises InputError for one that cannot
    take it."""
    from midwatch.workflows import reopening

    return await reopening.tell(_shelf(home), name, text, images)


async def choose(home: Home, name: str) -> Task:
    """Offer another attempt (`ID.2`) of a task. Raises InputError for one that cannot be offered."""
    from midwatch.workflows import choosing

    return await choosing.choose(_shelf(home), name)


async def choices(home: Home, name: str) -> tuple[Task, str, Sequence[Event]]:
    """The task, its attempt, and all its events, of which `course.steps` are those that one can go back to."""
    from midwatch.workflows import undoing

    return await undoing.choices(_shelf(home), name)


async def undo(home: Home, name: str, to: str) -> WentBack:
    """Go back to a step: `start`, `cmd:7`, or an event's number; in a conversation the person's folder goes back too.
    Raises as `undoing.undo`."""
    from midwatch.workflows import undoing

    shelf = _shelf(home)
    task, _, events = await undoing.choices(shelf, name)
    if task.kind != "conversation":
        return await undoing.undo(shelf, name, to)
    seq = undoing.later_than(events, to)
    async with converse(home, task.id, Silent(), Nobody()) as conversation:
        before = tuple(conversation.log.events)
        files = await conversation.undo(seq, undoing.ASKED)
        return undoing.went_back(task, conversation.log, before, files)


async def start_review(home: Home, wish: Wish, model: str | None, limits: Mapping[str, int]) -> Task:
    """Make a review, durable when this returns. Raises InputError for what cannot be reviewed, and for a model that
    cannot."""
    from midwatch.models.providers import BUILT_IN
    from midwatch.workflows.reviewed import make_review

    settings = home.settings
    name = model or settings.models.model
    if name == DEFAULT_MODEL:
        raise InputError(
            f"the embedded model {name!r} searches for edits; it cannot review",
            f"name a language model: --model PROVIDER/MODEL; providers are {', '.join(BUILT_IN)}",
        )
    await (await named_model(home, name)).close()
    repository = await home.repository(wish.repository)
    means = settings.means(home.state, home.environ)
    around = settings.surroundings(home.state, means, name, wish.sandbox, settings.limits.fill(limits))
    task = await make_review(wish, repository, around)
    await home.store.create(task)
    return task


async def fork(home: Home, name: str, at: str, message: str) -> Task:
    """A new task that begins with what another had done up to a step; empty for where it is now."""
    from midwatch.workflows import forking

    return await forking.fork(_shelf(home), name, at, message, f"midwatch {__version__}")


def _shelf(home: Home) -> Shelf:
    from midwatch.workflows.reopening import Shelf

    return Shelf(home.state, home.store, home.forge)
