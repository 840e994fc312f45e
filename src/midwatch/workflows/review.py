"""A review: the model reads a change, the harness reads its answer. Nothing is kept of what was done in the box."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.agent import context, findings
from midwatch.agent.log import Log
from midwatch.agent.loop import Workplace, work
from midwatch.agent.requests import Requests
from midwatch.domain.errors import MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Failed, Message, Stopped
from midwatch.domain.evidence import FileChange
from midwatch.domain.ids import attempt_id
from midwatch.domain.interventions import Reviewed
from midwatch.domain.review import Dropped, Finding
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.sandbox.base import WORKDIR
from midwatch.workflows.environment import IN_PLACE
from midwatch.workflows.parts import Parts, begun
from midwatch.workflows.reviewed import changed, parent_of, rules
from midwatch.workflows.site import Site, site
from midwatch.workflows.start import work_folder
from midwatch.workspace import objects
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository

ASKED_AGAIN = 2
"""How often a model is asked again whose answer does not fit."""
MOST_FILES = 300
"""Changed files that are listed to the model; git shows it all of them."""
_WHAT = (
    "The change under review is the commit HEAD, which has one parent (none, if it is the first of its repository). "
    "`git show --format= HEAD` shows it, `git show --format= HEAD -- PATH` a part of it."
)


async def review(task: Task, parts: Parts) -> Reviewed | Stopped:
    """Work on a review to its end, from wherever it stands; a finished one answers at once. `Stopped` when it came to
    no result. Raises what stopped it; calling again goes on. Raises InputError when another process works on it."""
    name = attempt_id(task.id, 1)
    with hold(parts.state / "locks", name):
        log = await Log.open(parts.store, name, parts.observer)
        if log.reviewed is None and log.stopped is None:
            try:
                await _review(task, log, parts)
            except MidwatchError as error:
                if not isinstance(error, StaleEpoch | StoreError):
                    await log.append(Failed(error.message, error.mend))
                raise
        await Workspace(parts.repository, work_folder(parts.state, name)).remove()
    result = log.reviewed or log.stopped
    assert result is not None
    return result


async def _review(task: Task, log: Log, parts: Parts) -> None:
    async with site(task, await begun(task, [log], parts), parts.site) as place:
        if not log.items:
            await log.append(await _opening(task, log, parts))
        parts.observer.phase("preparing the workspace")
        tree = await place.workspace(work_folder(parts.state, log.attempt), log.attempt, log.checkpoint)
        await _work(task, log, (place, tree), parts)


async def _work(task: Task, log: Log, where: tuple[Site, Workspace], parts: Parts) -> None:
    (place, tree), requests = where, Requests("work")
    async with place.box(tree, log.attempt, requests.note, parts.support) as box:
        bench = Workplace(
            task, parts.model, parts.tools, box, tree, parts.blobs, parts.observer, requests, purse=parts.purse
        )
        asked, same_box = _asked_again(log), False
        while True:
            await work(log, bench, same_box=same_box)
            assert log.outcome is not None
            if log.outcome.kind != "done":
                await log.append(Stopped("no_review", log.outcome.text))
                return
            try:
                answer = findings.read(log.outcome.text, box.workdir)
            except findings.BadAnswer as error:
                if asked == ASKED_AGAIN:
                    await log.append(Stopped("no_review", f"the model's answers do not fit their form: {error}"))
                    return
                asked, same_box = asked + 1, True
                await log.append(Message("harness", findings.again(error)))
            else:
                held, dropped = await sorted_out(answer.findings, task, parts.repository)
                await log.append(Reviewed(held, answer.verdict, answer.explanation, dropped))
                return


def _asked_again(log: Log) -> int:
    said = [event.body for event in log.events if isinstance(event.body, Message)]
    return sum(message.author == "harness" and message.text.startswith("Your answer does not") for message in said)


async def _opening(task: Task, log: Log, parts: Parts) -> Message:
    """The first message: what is under review, and by which rules."""
    changes = await changed(parts.repository, task)
    told = await rules(parts.repository, await parent_of(parts.repository, task), changes)
    in_place = parts.sandbox.name in IN_PLACE
    workdir = str(work_folder(parts.state, log.attempt) / "tree") if in_place else WORKDIR
    text = "\n\n".join(
        part
        for part in (
            context.environment(task, workdir),
            f"{_WHAT} Its files:\n{listed(changes)}",
            told,
            context.shown_prompt(task.prompt),
        )
        if part
    )
    return Message("person", text, schema=findings.SCHEMA)


def listed(changes: Sequence[FileChange]) -> str:
    """A line for each changed file."""
    lines = [f"- {c.path} ({c.status}, {_lines(c)})" for c in changes[:MOST_FILES]]
    more = len(changes) - MOST_FILES
    return "\n".join([*lines, *([f"- and {more} more"] if more > 0 else [])])


def _lines(change: FileChange) -> str:
    return "binary" if change.added is None else f"+{change.added} -{change.removed}"


async def sorted_out(
    found: Sequence[Finding], task: Task, repository: Repository
) -> tuple[tuple[Finding, ...], tuple[Dropped, ...]]:
    """Those that name a place in the reviewed files (or a file that the change deletes), and the others with the
    reason."""
    git, commit = repository.git, task.base.commit
    there = set(await objects.files(git, commit))
    deleted = {change.path for change in await changed(repository, task) if change.status == "D"}
    contents = await objects.read_files(git, commit, sorted({f.file for f in found if f.file in there}))
    held, dropped = [], []
    for finding in found:
        reason = ""
        if finding.file not in there | deleted:
            reason = "there is no such file"
        elif finding.file in contents and finding.last_line > (lines := _count(contents[finding.file])):
            reason = f"the file has {lines} lines"
        if reason:
            place = (finding.file, finding.first_line, finding.last_line)
            dropped.append(Dropped(finding.title, *place, reason))
        else:
            held.append(finding)
    return tuple(held), tuple(dropped)


def _count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))
