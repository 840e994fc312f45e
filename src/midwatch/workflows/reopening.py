"""Taking up an attempt that has been worked on before, because a person wants something else of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.agent.context import shown_prompt
from midwatch.agent.course import introduced
from midwatch.agent.log import History, Log
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event, Message
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.ids import task_of
from midwatch.domain.interventions import Interrupted
from midwatch.domain.observer import Silent
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.engine.store.base import Store, TaskRow
from midwatch.forges.base import Forge
from midwatch.workflows.read import make_report
from midwatch.workspace.location import is_url
from midwatch.workspace.repository import Repository

TOLD = "a person said something else"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where tasks are kept."""

    state: Path
    store: Store
    forge: Forge

    async def repository(self, task: Task) -> Repository:
        """The store of the task's repository; starts no process."""
        return await Repository.open(self.state, task.repository, refresh=False)


@dataclass(frozen=True, slots=True)
class Reopened:
    """An attempt in this process's hands."""

    task: Task
    log: Log

    @property
    def files(self) -> Checkpoint:
        """The files as they are now."""
        return self.log.checkpoint or start_of(self.task)


def start_of(task: Task) -> Checkpoint:
    """The files before anything was done."""
    return Checkpoint(task.base.tree, task.base.commit)


async def meant(shelf: Shelf, name: str) -> tuple[TaskRow, str]:
    """The task and the attempt that a person means by an id: `ID.2` its second attempt, `ID` the one that is (or would
    be) offered. Raises InputError when there is none."""
    row = await shelf.store.find(name)
    if "." not in name:
        return row, (await make_report(shelf.store, shelf.state, shelf.forge, row.task.id)).chosen.attempt
    wanted = f"{row.task.id}.{name.partition('.')[2]}"
    known = [attempt.attempt for attempt in row.attempts]
    if wanted not in known:
        raise InputError(f"there is no attempt {name}", f"its attempts are: {', '.join(known)}")
    return row, wanted


@asynccontextmanager
async def reopened(shelf: Shelf, name: str) -> AsyncIterator[Reopened]:
    """The attempt, held while the context lasts, and what it has come to kept for good. Raises InputError when another
    process works on the task, when the task has not begun, and for what cannot be taken up again: a part of another
    attempt, a review, an attempt that was not chosen, a change that a person has merged or refused."""
    row, attempt = await meant(shelf, name)
    task = row.task
    if task.kind in ("subtask", "review"):
        raise another_kind(task)
    with ExitStack() as leases:
        for state in row.attempts:
            leases.enter_context(hold(shelf.state / "locks", state.attempt))
        log = await Log.open(shelf.store, attempt, Silent())
        require_begun(log, attempt)
        await _require_chosen(shelf, row, log)
        await _require_unsettled(shelf, task, log)
        await keep(await shelf.repository(task), attempt, log)
        yield Reopened(task, log)


def require_begun(history: History, attempt: str) -> None:
    """Raises InputError before the model has been given its task."""
    if not introduced(history.events):
        task = attempt.partition(".")[0]
        raise InputError(f"task {task} has not begun yet", f"`midwatch resume {task}` begins it")


def another_kind(task: Task) -> InputError:
    """Why something that is no plain task cannot be gone on with as one."""
    match task.kind:
        case "subtask":
            mend = f"go on with that: midwatch resume {task_of(task.parent)}"
            return InputError(f"{task.id} is a part of attempt {task.parent}", mend)
        case "review":
            mend = f"`midwatch resume {task.id}` goes on with it, `midwatch review` begins another"
            return InputError(f"{task.id} is a review, which has no files of its own", mend)
        case "environment":
            mend = "the environment of its repository has what can be done with it"
            return InputError(f"{task.id} is no task: it builds an environment, or is a terminal in one", mend)
    return InputError(f"{task.id} is a {task.kind}", f'say something in it: midwatch exec resume {task.id} "…"')


async def _require_chosen(shelf: Shelf, row: TaskRow, log: Log) -> None:
    """A task has one pull request, so the attempt that was offered is the only one that goes on."""
    others = [state.attempt for state in row.attempts if state.attempt != log.attempt]
    passed_over = log.stopped is not None and log.stopped.reason == "not_chosen"
    if (log.proposed is None or passed_over) and any([_offers(await shelf.store.read(name)) for name in others]):
        raise InputError(
            f"attempt {log.attempt} was not chosen: another one is offered",
            f"`midwatch fork {log.attempt}` makes a task of its own of it",
        )


def _offers(events: Sequence[Event]) -> bool:
    """Whether the pull request is this attempt's, also while it is worked on again."""
    history = History(events)
    passed_over = history.stopped is not None and history.stopped.reason == "not_chosen"
    return history.proposing is not None or (history.proposed is not None and not passed_over)


async def taken_over(forge: Forge, task: Task) -> PullRequest | None:
    """The pull request of this task's branch, where it is a later task's by now; asks no forge."""
    found = await of_branch(forge, task)
    return found if found is not None and found.proposal.task_id > task.id else None


async def of_branch(forge: Forge, task: Task) -> PullRequest | None:
    """The pull request of this task's branch, where it is another task's; asks no forge."""
    if not is_url(task.repository):
        return None
    found = (one for one in await forge.list(task.repository) if one.proposal.branch == task.branch)
    return next((one for one in found if one.proposal.task_id not in ("", task.id)), None)


async def require_own(forge: Forge, task: Task) -> None:
    """Raises InputError where that is so: this one's commit would be pushed over that of the later task."""
    if (taken := await taken_over(forge, task)) is not None:
        later = taken.proposal.task_id
        raise InputError(
            f"pull request {taken.number} of task {task.id} is task {later}'s now",
            f"say it to that one: midwatch tell {later}",
        )


async def _require_unsettled(shelf: Shelf, task: Task, history: History) -> None:
    request = await shelf.forge.of_task(task.id)
    if request is None and history.proposed is not None:
        await require_own(shelf.forge, task)
    if request is not None and request.state != "open":
        raise InputError(
            f"pull request {request.number} of task {task.id} is {request.state} already",
            f"`midwatch fork {task.id}` makes a task of its own of what was done",
        )


async def keep(repository: Repository, attempt: str, history: History) -> None:
    """Hold on to the files as they are and to the commit that was offered, whatever git cleans up later: the log still
    names them when the attempt has gone another way. May be called again."""
    number = len(history.events)
    if history.checkpoint is not None:
        await repository.keep(f"before/{attempt}/{number}", history.checkpoint.commit)
    if history.checked is not None:
        await repository.keep(f"offered/{attempt}/{number}", history.checked.commit)


async def tell(shelf: Shelf, name: str, text: str, images: Sequence[Image] = ()) -> Task:
    """Give the attempt a further message of the person: it is to be worked on again (`solve`), from where it is, and
    its pull request brought up to date. `images` are in the blob store. Raises as `reopened`, and InputError when the
    attempt has nothing left of its limits."""
    if not text.strip():
        raise InputError("the message is empty", 'say what is to be done: midwatch tell ID "…"')
    async with reopened(shelf, name) as found:
        if found.task.kind != "task":
            raise another_kind(found.task)
        require_left(found.log, found.task)
        await found.log.append(*spoken(found.log, text, images))
    return found.task


def spoken(history: History, text: str, images: Sequence[Image] = ()) -> list[Interrupted | Message]:
    """The events of a person's message: calls that have no result yet get none, since a message comes after them."""
    ended = [Interrupted(history.checkpoint, TOLD)] if history.next_unanswered() else []
    return [*ended, Message("person", shown_prompt(text), tuple(images))]


def require_left(history: History, task: Task) -> None:
    """Raises InputError when nothing is left of the attempt's tokens or money; turns and time count anew from each
    request."""
    limits, mend = task.limits, f"`midwatch fork {task.id}` has limits of its own"
    if limits.tokens is not None and history.usage.total >= limits.tokens:
        raise InputError(f"task {task.id} has used up its {limits.tokens} tokens", mend)
    if limits.cost_microusd is not None and history.cost_microusd >= limits.cost_microusd:
        raise InputError(f"task {task.id} has used up its ${limits.cost_microusd / 1e6:.6g}", mend)
