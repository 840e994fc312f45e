"""What a person wants of a task that is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Response

from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.engine.accounts.audit import stands
from midwatch.engine.database.further import Further
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import OPEN, Asked, Turn, Turns, newest
from midwatch.server import pictured, submitting, views
from midwatch.server.accounts.repeating import Operation
from midwatch.server.answers import PullRequestAnswer, TaskAnswer, Told, UndoneAnswer
from midwatch.server.asked import ChoiceAsked, ForkAsked, MessageAsked, TaskId, UndoAsked
from midwatch.server.problems import answers, conflicting, missing
from midwatch.server.service import Visit, Visiting, Wanted
from midwatch.server.trusted import require_steerable
from midwatch.succeeding import latest
from midwatch.workflows import choosing, undoing
from midwatch.workflows.reopening import Shelf, another_kind

if TYPE_CHECKING:
    from midwatch.engine.database.base import Connection

_ENDING = ("cancel", "pause")
"""What a member may want of any task."""

router = APIRouter(prefix="/tasks/{task}", tags=["tasks"], responses=answers(409))


@router.post("/messages", status_code=202)
async def say(visiting: Visiting, task: TaskId, asked: MessageAsked, wanted: Wanted) -> Told:
    """Say something further: a running attempt gets it with its next model call; else the next turn is opened, and the
    same pull request is brought up to date."""

    async def said(turns: Turns, found: Task) -> Turn:
        await pictured.keep(visiting.service.home.blobs, asked.images)
        wanted_by = Asked(visiting.who.name, images=pictured.images_of(asked.images))
        return await turns.say(found, asked.text, visiting.who.name, wanted_by)

    return await _steer(visiting, task, "message", wanted, said)


@router.post("/cancel", status_code=202)
async def cancel(visiting: Visiting, task: TaskId, wanted: Wanted) -> Told:
    """End the work on a task. What was done stays; `retry` or a message takes it up again, and `fork` makes another
    of it."""
    return await _wish(visiting, task, "cancel", wanted)


@router.post("/pause", status_code=202)
async def pause(visiting: Visiting, task: TaskId, wanted: Wanted) -> Told:
    """Stop the work on a task at its next move, until `resume`."""
    return await _wish(visiting, task, "pause", wanted)


@router.post("/resume", status_code=202)
async def resume(visiting: Visiting, task: TaskId, wanted: Wanted) -> Told:
    """Go on with a task that is paused or has failed; one that waits for its time begins now."""
    return await _again(visiting, task, "resume", wanted)


@router.post("/retry", status_code=202)
async def retry(visiting: Visiting, task: TaskId, wanted: Wanted) -> Told:
    """Try once more what has failed or was cancelled, from the last step in the log."""
    return await _again(visiting, task, "retry", wanted)


@router.post("/fork", status_code=201)
async def fork(visiting: Visiting, task: TaskId, asked: ForkAsked, wanted: Wanted, response: Response) -> TaskAnswer:
    """A new task, with a pull request of its own, that begins with what this one had done up to a step."""
    row, repository = await visiting.task(task, "member")
    with conflicting():
        await require_steerable(visiting, row.task, repository)
    made, turn = await submitting.fork(visiting, row, repository, asked, wanted)
    response.headers["Location"] = f"/api/v1/tasks/{made.id}"
    kept = await visiting.service.home.store.find(made.id)
    waits = await visiting.waits(turn)
    return views.task_answer(kept, turn, repository.id if repository else "", None, waits)


@router.post("/choose", status_code=202)
async def choose(visiting: Visiting, task: TaskId, asked: ChoiceAsked) -> Told:
    """Have another of its attempts offered: the same pull request is brought up to date with it."""
    row, repository = await visiting.task(task, "member")
    with conflicting():
        look = await _latest(visiting, row.task)
        shelf = await _idle(visiting, row.task, look, OPEN, "wait until its attempts have ended")
        await visiting.service.aside.do(choosing.choose(shelf, f"{task}.{asked.attempt}"))
        turns = visiting.turns("task.choose", task, repository, also=look)
        turn = await turns.again(row.task, "choose", Asked(visiting.who.name))
    return await _told(visiting, turn)


@router.post("/undo")
async def undo(visiting: Visiting, task: TaskId, asked: UndoAsked) -> UndoneAnswer:
    """Go back to an earlier step of an attempt: files and conversation are as they were then. What is asked of it next
    goes on from there; until then its pull request stays as it is. Only while nobody works on the task."""
    row, repository = await visiting.task(task, "member")
    with conflicting():
        if row.task.kind != "task":
            raise another_kind(row.task)
        submitting.require_contained(visiting, row.task)
        await require_steerable(visiting, row.task, repository)
        mend = f"`midwatch pause {task}` stops it; then undo, then `midwatch resume {task}`"
        look = await _latest(visiting, row.task)
        shelf = await _idle(visiting, row.task, look, ("queued", "running"), mend)
        name = f"{task}.{asked.attempt}" if asked.attempt else task
        back = await visiting.service.aside.do(undoing.undo(shelf, name, asked.step))
    await visiting.note("task.undo", task, repository)
    return views.undone_answer(back)


@router.post("/pull-request/merge")
async def merge(visiting: Visiting, task: TaskId) -> PullRequestAnswer:
    """Merge its pull request into the base branch; answered as it is when that was done before."""
    return await _settle(visiting, task, "merge")


@router.post("/pull-request/close")
async def close(visiting: Visiting, task: TaskId) -> PullRequestAnswer:
    """Close its pull request without merging it; the branch stays."""
    return await _settle(visiting, task, "close")


async def _wish(visiting: Visit, task_id: str, wish: Literal["cancel", "pause"], wanted: Operation) -> Told:
    async def wished(turns: Turns, task: Task) -> Turn:
        return await turns.wish(task.id, wish, visiting.who.name)

    return await _steer(visiting, task_id, wish, wanted, wished)


async def _again(visiting: Visit, task_id: str, kind: Literal["resume", "retry"], wanted: Operation) -> Told:
    async def opened(turns: Turns, task: Task) -> Turn:
        return await turns.again(task, kind, Asked(visiting.who.name))

    return await _steer(visiting, task_id, kind, wanted, opened)


async def _steer(
    visiting: Visit, task_id: str, verb: str, wanted: Operation, do: Callable[[Turns, Task], Awaitable[Turn]]
) -> Told:
    row, repository = await visiting.task(task_id, "member")
    with conflicting():
        if row.task.kind != "task":
            raise another_kind(row.task)
        if verb not in _ENDING:
            submitting.require_contained(visiting, row.task)
            await require_steerable(visiting, row.task, repository)
        turns, entry = visiting.service.turns, wanted.entry_id()
        turn = await turns.newest(task_id) if await stands(turns.database, entry) else None  # its answer was lost
        if turn is None:
            look = None if verb in _ENDING else await _latest(visiting, row.task)
            turn = await do(visiting.turns(f"task.{verb}", task_id, repository, entry, look), row.task)
    return await _told(visiting, turn)


async def _latest(visiting: Visit, task: Task) -> Callable[[Connection], None]:
    return await visiting.service.aside.do(latest(visiting.service.home, task))


async def _idle(
    visiting: Visit, task: Task, look: Callable[[Connection], None], busy: Sequence[str], mend: str
) -> Shelf:  # fmt: skip
    """Where tasks are kept, for a task that nobody has go on: its last turn stands at none of these words, and `look`
    is content. Raises InputError else; whatever is changed there is looked at again in the same transaction, so that an
    attempt which a worker has begun meanwhile is not taken from it."""
    home = visiting.service.home

    def both(db: Connection, _: object = None) -> None:
        last = newest(db, task.id)
        if last is not None and last.status in busy:
            raise InputError(f"task {task.id} is {last.status}", mend)
        look(db)

    await home.store.database.read(both)
    return Shelf(home.state, SqlStore(Further(home.store.database, both)), home.forge)


async def _told(visiting: Visit, turn: Turn) -> Told:
    """Hand it over, and answer with it."""
    turn = await visiting.service.hand(turn)
    return Told(task=turn.task, turn=views.turn_answer(turn, await visiting.waits(turn)))


async def _settle(visiting: Visit, task_id: str, how: Literal["merge", "close"]) -> PullRequestAnswer:
    _, repository = await visiting.task(task_id, "maintainer")
    forge, aside = visiting.service.home.forge, visiting.service.aside
    request = await aside.do(forge.of_task(task_id))
    if request is None:
        raise missing("pull request")
    settle = forge.merge if how == "merge" else forge.close
    with conflicting():
        request = await aside.do(settle(request.proposal.repository, request.number))
    await visiting.note(f"pull-request.{how}", task_id, repository)
    return views.pull_request_answer(request, repository.id if repository else "")
