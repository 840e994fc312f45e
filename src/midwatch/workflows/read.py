"""Reading what tasks have come to. Never changes anything but an epoch-free look at logs and git objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from midwatch.agent.log import History
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.ids import task_of
from midwatch.domain.task import Task
from midwatch.engine.lease import holder
from midwatch.engine.store.base import Store, TaskRow
from midwatch.forges.base import Forge
from midwatch.workflows import describe
from midwatch.workflows.offering import intact
from midwatch.workflows.report import AttemptReport, Report, attempt_report
from midwatch.workflows.start import work_folder
from midwatch.workspace import lfs_offered, patch
from midwatch.workspace.location import is_url
from midwatch.workspace.repository import Repository, no_files_at


async def histories(store: Store, row: TaskRow) -> list[tuple[str, History]]:
    """The folded logs of a task's attempts, in order."""
    return [(a.attempt, History(await store.read(a.attempt))) for a in row.attempts]


async def make_report(store: Store, state: Path, forge: Forge, prefix: str) -> Report:
    """What a task has come to. Reads logs, git objects and the forge; opens nothing for writing."""
    row = await store.find(prefix)
    attempts = attempt_reports(await histories(store, row), state)
    chosen = preferred(attempts)
    changes: tuple[FileChange, ...] = ()
    tree = final_tree(chosen)
    if tree and tree != row.task.base.tree:
        repository = await Repository.open(state, row.task.repository, refresh=False)
        changes = await repository.stat(row.task.base.tree, tree)
    return Report(row.task, tuple(attempts), chosen, changes, await forge.of_task(row.task.id))


def attempt_reports(found: Sequence[tuple[str, History]], state: Path) -> list[AttemptReport]:
    """Each attempt, summed up."""
    return [attempt_report(name, history, holder(state / "locks", name) is not None) for name, history in found]


def preferred(attempts: Sequence[AttemptReport]) -> AttemptReport:
    """The one that is (or would be) offered."""
    return min(attempts, key=_preference)


def _preference(report: AttemptReport) -> tuple[int, str]:
    order = (
        "done", "answered", "limit", "running", "interrupted", "failed", "waiting", "no change", "not chosen",
        "cancelled",
    )  # fmt: skip
    return order.index(report.status) if report.status in order else len(order), report.attempt


def final_tree(report: AttemptReport) -> str:
    """The tree that an attempt offers, or the last one that was saved; empty when nothing was."""
    if report.evidence is not None:
        return report.evidence.tree
    return report.tree


async def settled(store: Store, state: Path, forge: Forge, task: Task) -> bool:
    """Nothing is left to do: offered and still there (or nothing to offer), and cleaned up."""
    report = await make_report(store, state, forge, task.id)
    if not report.finished or any(work_folder(state, a.attempt).exists() for a in report.attempts):
        return False
    offered = any(a.status in ("done", "limit") for a in report.attempts)
    return not offered or await intact(forge, task)


async def difference(store: Store, state: Path, forge: Forge, prefix: str) -> bytes:
    """The unified diff of the chosen attempt against the base; empty when nothing changed."""
    report = await make_report(store, state, forge, prefix)
    tree = final_tree(report.chosen)
    if not tree or tree == report.task.base.tree:
        return b""
    repository = await Repository.open(state, report.task.repository, refresh=False)
    return await repository.diff(report.task.base.tree, tree)


async def attempt_changes(store: Store, state: Path, attempt: str) -> tuple[AttemptReport, tuple[FileChange, ...]]:
    """One attempt, and the files that it has changed. Raises as `make_report`."""
    row, _, report = await _attempt(store, state, attempt)
    tree = final_tree(report)
    if not tree or tree == row.task.base.tree:
        return report, ()
    repository = await Repository.open(state, row.task.repository, refresh=False)
    return report, await repository.stat(row.task.base.tree, tree)


async def attempt_difference(store: Store, state: Path, attempt: str, first: int = 0, last: int = 0) -> bytes:
    """The unified diff of one attempt between where it was after event `first` (0: the base) and after `last` (0: what
    it offers, or has now); empty when nothing differs. Raises as `make_report`."""
    row, events, report = await _attempt(store, state, attempt)
    base = row.task.base.tree
    old = _saved(events[:first], base) if first else base
    # between two moments of the work both are as it was saved: what is offered may have pointers of Git LFS instead
    new = _saved(events[: last or None], base) if first or last else final_tree(report) or base
    if old == new:
        return b""
    repository = await Repository.open(state, row.task.repository, refresh=False)
    return await repository.diff(old, new)


async def _attempt(store: Store, state: Path, attempt: str) -> tuple[TaskRow, Sequence[Event], AttemptReport]:
    row = await store.find(task_of(attempt))
    history = History(await store.read(attempt))
    return row, history.events, attempt_reports([(attempt, history)], state)[0]


def _saved(events: Sequence[Event], base: str) -> str:
    """The tree that was saved last within them."""
    checkpoint = History(events).checkpoint
    return checkpoint.tree if checkpoint is not None else base


async def mail(store: Store, state: Path, forge: Forge, prefix: str) -> bytes:
    """The change of the chosen attempt as one mail that `git am` takes; empty when nothing changed."""
    report = await make_report(store, state, forge, prefix)
    task, tree = report.task, final_tree(report.chosen)
    if not tree:
        return b""
    repository = await Repository.open(state, task.repository, refresh=False)
    title = report.pull_request.proposal.title if report.pull_request else describe.from_prompt(task.prompt)
    message = describe.message(title, task)
    return await patch.export(repository, task.base, Checkpoint(tree, report.chosen.commit), message, task.created)


async def apply(store: Store, state: Path, forge: Forge, prefix: str, target: str | None) -> tuple[FileChange, ...]:
    """Put the change into a person's working tree (theirs to commit). Refused whole when it does not fit."""
    report = await make_report(store, state, forge, prefix)
    tree = final_tree(report.chosen)
    if not tree or tree == report.task.base.tree:
        raise InputError(f"task {report.task.id} has changed no file", f"`midwatch show {report.task.id}` says why")
    if is_url(place := target or report.task.repository):  # there is nothing to be fetched for that
        raise no_files_at(place)
    source = await Repository.open(state, report.task.repository, refresh=False)
    repository = await Repository.open(state, place)
    if repository.place is not None:  # with the contents of Git LFS, which the person's own filter puts there
        await lfs_offered.bring(repository.place, source.git_dir, report.task.base.tree, tree)
    return await repository.apply_to_user_tree(report.task.base.tree, tree, source.git_dir)
