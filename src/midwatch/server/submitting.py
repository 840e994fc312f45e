"""Making tasks that are queued with the same transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from midwatch import __version__, wiring
from midwatch.domain.errors import InputError
from midwatch.engine.turns import BATCH, INTERACTIVE, Asked
from midwatch.models.config import takes_pictures
from midwatch.server import pictured
from midwatch.server.accounts.caller import require_trusted
from midwatch.server.problems import Problem, conflicting
from midwatch.workflows import forking
from midwatch.workflows.reopening import Shelf

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.store.base import TaskRow
    from midwatch.engine.turns import Turn
    from midwatch.server.accounts.repeating import Operation
    from midwatch.server.asked import ForkAsked, TaskAsked
    from midwatch.server.pictured import ImageAsked
    from midwatch.server.service import Visit
    from midwatch.wiring import Home


async def submit(visit: Visit, asked: TaskAsked, operation: Operation) -> tuple[TaskRow, Turn, Registered]:
    """A new task with its first turn; the same one for the same operation. Its repository is looked into on another
    thread. Raises Problem for what the caller may not ask for, InputError for what cannot be done."""
    repository = await visit.repository(asked.repository, "member")
    await _require_allowed(visit, asked)
    request = asked.request(repository.location, operation.task_id())
    request = replace(request, limits=visit.service.home.settings.limits.capped(request.limits))
    wanted = Asked(
        visit.who.name,
        INTERACTIVE if asked.priority == "interactive" else BATCH,
        asked.begins(time.time()),
    )
    home = visit.service.home
    if asked.images:
        request = replace(request, notes=(*request.notes, *_unseen(home, asked.model)))
    keeping = _Keeping(visit, "task.submit", repository, wanted, asked.images)
    task = await visit.service.aside.do(wiring.start(home, request, keeping.create))
    home.opened.pop(task.id, None)  # a worker opens it for itself
    kept = await home.store.find(task.id)
    if (kept.task.prompt, kept.task.repository) != (task.prompt, task.repository):  # ids are made of time and chance
        raise Problem(503, "another task has been given this id", "send it again", headers={"Retry-After": "1"})
    return kept, await visit.service.hand(keeping.made()), repository


async def fork(
    visit: Visit, row: TaskRow, repository: Registered | None, asked: ForkAsked, operation: Operation
) -> tuple[Task, Turn]:
    """A new task that begins with what another had done; the same one for the same operation, however far the other
    has gone since. Raises Problem 409 for what cannot be forked there."""
    require_contained(visit, row.task)
    home = visit.service.home
    if (made := await _forked(visit, row.task, operation.task_id())) is not None:
        return made
    keeping = _Keeping(visit, "task.fork", repository, Asked(visit.who.name))
    shelf = Shelf(home.state, _Queued(home.store, keeping), home.forge)
    name = f"{row.task.id}.{asked.attempt}" if asked.attempt else row.task.id
    with conflicting():
        made_by, new = f"midwatch {__version__}", operation.task_id()
        task = await visit.service.aside.do(forking.fork(shelf, name, asked.step, asked.message, made_by, new))
    return task, await visit.service.hand(keeping.made())


async def _forked(visit: Visit, origin: Task, task_id: str) -> tuple[Task, Turn] | None:
    """What an earlier try of the same has made, whose answer was lost. Raises Problem 503 where another task has the
    id."""
    try:
        kept = await visit.service.home.store.find(task_id)
    except InputError:
        return None
    turn = await visit.service.turns.newest(task_id)
    if turn is None or not any(note.startswith(f"{forking.FORKED}{origin.id}.") for note in kept.task.notes[-1:]):
        raise Problem(503, "another task has been given this id", "send it again", headers={"Retry-After": "1"})
    return kept.task, await visit.service.hand(turn)


def require_contained(visit: Visit, task: Task) -> None:
    """Raises Problem 403 for whoever would have a task go on whose commands run without a sandbox because an
    administrator said so: what they say to it would be done on the server itself."""
    usual = visit.service.home.settings.sandbox.driver == "process"
    if task.sandbox == "process" and not usual:
        require_trusted(visit.who, "this task has no sandbox: it is for administrators of the server")


async def _require_allowed(visit: Visit, asked: TaskAsked) -> None:
    """Who may say that commands run without a sandbox, or that what a repository says is to be trusted."""
    if asked.mode == "full" or asked.sandbox == "process":
        require_trusted(visit.who, "commands without a sandbox are for administrators of the server")
    if asked.trust_project or asked.trust_recipe or asked.include_uncommitted:
        await visit.repository(asked.repository, "maintainer")
    if (asked.model or "").startswith("replay/"):
        raise InputError("what another task was answered cannot be played here", "name a configured model")


def _unseen(home: Home, name: str | None) -> Sequence[str]:
    """What a person should know who sends pictures to a model that is not shown any. Raises InputError for a model that
    there is not."""
    models = home.settings.models
    if takes_pictures(name or models.model, models):
        return ()
    return ("the model is not known to take pictures: it is told that there are some, and is not shown them",)


class _Keeping:
    """Keeps a task together with its turn, and with the word on who made it."""

    def __init__(
        self,
        visit: Visit,
        action: str,
        repository: Registered | None,
        asked: Asked,
        images: Sequence[ImageAsked] = (),
    ) -> None:
        self._visit, self._action, self._repository, self._asked = visit, action, repository, asked
        self._images = images
        self._made: Turn | None = None

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """In place of `Store.create`."""
        await pictured.keep(self._visit.service.home.blobs, self._images)
        turns = self._visit.turns(self._action, task.id, self._repository)
        self._made = await turns.submit(task, begun, self._asked)

    def made(self) -> Turn:
        """The turn."""
        if self._made is None:
            raise Problem(500)
        return self._made


@dataclass(frozen=True, slots=True)
class _Queued:
    """The store, but that what is created is queued."""

    store: Any
    keeping: _Keeping

    def __getattr__(self, name: str) -> Any:
        return self.keeping.create if name == "create" else getattr(self.store, name)
