"""The story of a task: attempts, evidence, and exactly one pull request.

Beginning and going on after a crash are the same call: each step looks into the log whether it has been done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from midwatch.agent import hooks, instructions
from midwatch.agent.context import opening
from midwatch.agent.delegate import Parent, with_subtasks
from midwatch.agent.log import Log
from midwatch.agent.loop import Workplace, work
from midwatch.agent.requests import Requests
from midwatch.domain.errors import InputError, MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Checked, Failed, Message, Proposed, Proposing, Stopped, TaskStarted
from midwatch.domain.evidence import FileChange
from midwatch.domain.ids import attempt_id
from midwatch.domain.observer import Observer
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.lease import hold
from midwatch.engine.store.base import Store
from midwatch.forges.base import Forge
from midwatch.models.base import Model
from midwatch.sandbox.base import WORKDIR, Protections, Sandbox
from midwatch.sandbox.slotted import SlottedSandbox
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.toolset import ToolSet
from midwatch.workflows import describe
from midwatch.workflows.environment import IN_PLACE
from midwatch.workflows.evidence import CheckParts, check
from midwatch.workflows.plan import Means
from midwatch.workflows.servers import ServerParts, equipped
from midwatch.workflows.site import Site, SiteParts, site
from midwatch.workflows.start import work_folder
from midwatch.workflows.tidy import tidy
from midwatch.workspace import objects
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository


def _nothing_said(_: str) -> Sequence[Message]:
    return ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a workflow works with; picked by wiring."""

    state: Path
    store: Store
    blobs: Blobs
    repository: Repository
    sandbox: Sandbox
    model: Model
    tools: ToolSet
    forge: Forge
    observer: Observer
    support: Path | None
    """Programs of the model that its boxes may read."""
    harness: str
    """Name and version of this program."""
    means: Means
    """What the settings and the machine give to environments."""
    personal: bytes = b""
    """The person's own instructions for every agent."""
    mcp: McpSettings = field(default_factory=McpSettings)
    """The MCP servers that a task may name."""
    approver: Approver = field(default_factory=Nobody)
    """Who is asked where a person must decide."""
    inbox: Callable[[str], Sequence[Message]] = _nothing_said
    """Takes what a person has said meanwhile to the attempt of that id, for its next model call."""

    @property
    def late(self) -> bool:
        """Whether workspaces and boxes are made at their first use: where many attempts share slots, most of them wait
        for something else."""
        return isinstance(self.sandbox, SlottedSandbox)

    @property
    def site(self) -> SiteParts:
        """What making boxes takes."""
        return SiteParts(self.repository, self.sandbox, self.means, self.blobs, self.observer)

    @property
    def servers(self) -> ServerParts:
        """What opening MCP servers takes."""
        return ServerParts(self.state, self.observer, self.mcp, self.means.environ)


async def solve(task: Task, parts: Parts) -> None:
    """Work on every attempt, then offer the best. Returns at once when the task is finished. Raises what stopped it;
    calling again goes on. Raises InputError when another process works on the task."""
    names = [attempt_id(task.id, n) for n in range(1, task.attempts + 1)]
    with ExitStack() as leases:
        for name in names:
            leases.enter_context(hold(parts.state / "locks", name))
        logs = [await Log.open(parts.store, name, parts.observer) for name in names]
        offered = next((log for log in logs if log.offered), None)
        if offered is None:
            await _require_open(task, logs, parts)
            await _attempts(task, logs, parts)
            await _offer(task, logs, parts)
        elif not await intact(parts.forge, task):
            await _propose(task, offered, await _changes(task, offered, parts), parts)
        for name in names:
            await Workspace(parts.repository, work_folder(parts.state, name)).remove()
        parts.blobs.sweep()
    settings = parts.means.settings
    with suppress(MidwatchError, OSError):  # what goes wrong with that is no matter of the task's
        await tidy(parts.state, settings.keep_gib, settings.keep_days)


async def _require_open(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """Nothing is spent on a change that its pull request would not take any more."""
    reopened = next((log for log in logs if log.proposed), None)
    request = await parts.forge.of_task(task.id) if reopened is not None else None
    if reopened is not None and request is not None and request.state == "merged":
        raise _settled(request, reopened)


def _settled(request: PullRequest, log: Log) -> InputError:
    return InputError(
        f"pull request {request.number} was {request.state} in the meantime; it does not take what is done since",
        f"`midwatch fork {log.attempt}` makes a task of its own of it, with a pull request of its own",
    )


async def _attempts(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """All of them at once, in the same environment."""
    if all(log.finished or log.checked is not None for log in logs):
        return
    protections = await begun(task, logs, parts)
    try:
        async with site(task, protections, parts.site) as place:
            for log in logs:
                await _introduce(task, log, place, parts)
            going = (_attempt(task, log, place, parts) for log in logs)
            troubles = await asyncio.gather(*going, return_exceptions=True)
    except MidwatchError as error:
        for log in logs:
            await _failed(log, error)
        raise
    _raise_unless_some_ended(troubles)


async def begun(task: Task, logs: Sequence[Log], parts: Parts) -> Protections:
    """Try the sandbox, and write down with what the attempts begin that have not begun. Raises as `Sandbox.probe`."""
    parts.observer.phase("trying the sandbox")
    protections = await parts.sandbox.probe()
    for number, log in enumerate(logs, 1):
        if log.task is None:
            await log.append(TaskStarted(task, number, parts.sandbox.name, protections.words, parts.harness))
    return protections


async def _failed(log: Log, error: MidwatchError) -> None:
    if not log.finished and not isinstance(error, StaleEpoch | StoreError):
        await log.append(Failed(error.message, error.mend))


def _raise_unless_some_ended(troubles: Sequence[BaseException | None]) -> None:
    """One attempt that could not go on does not hold the others back; a bug or a cancellation always flies."""
    errors = [t for t in troubles if t is not None]
    for error in errors:
        if not isinstance(error, MidwatchError) or isinstance(error, StaleEpoch | StoreError):
            raise error
    if errors and len(errors) == len(troubles):
        raise errors[0]


async def _attempt(task: Task, log: Log, place: Site, parts: Parts) -> None:
    """One attempt from wherever it stands to its evidence (or to the word that nothing was changed)."""
    if log.finished:
        return
    try:
        if log.outcome is None or hooks.due(log, task):
            await _work(task, log, place, parts)
        if log.stopped is None and log.checked is None:
            await _check(task, log, place, parts)
    except MidwatchError as error:
        await _failed(log, error)
        raise


async def _introduce(task: Task, log: Log, place: Site, parts: Parts) -> None:
    """Tell the log of the environment, and the model of its task."""
    ready = [place.ready] if place.ready and (place.ready.built or not log.items) else []
    if log.items or log.finished:
        if not log.finished and ready:
            await log.append(*ready)
        return
    workdir = WORKDIR
    if parts.sandbox.name in IN_PLACE:
        workdir = str(work_folder(parts.state, log.attempt) / "tree")
    told = await told_instructions(task, parts)
    first = [Message("repository", told)] if told else []
    await log.append(*ready, *first, Message("person", opening(task, workdir, place.environment.notes)))


async def told_instructions(task: Task, parts: Parts) -> str:
    """What the person and the repository tell every agent, as of the base commit."""
    git = parts.repository.git
    there = await objects.files(git, task.base.commit, *instructions.places(task.folder))
    contents = await objects.read_files(git, task.base.commit, instructions.wanted(there, task.folder), follow=True)
    return instructions.told(parts.personal, contents, task.folder)


async def _work(task: Task, log: Log, place: Site, parts: Parts) -> None:
    parts.observer.phase("preparing the workspace")
    late = parts.late
    tree = await place.workspace(work_folder(parts.state, log.attempt), log.attempt, log.checkpoint, later=late)
    requests = Requests("work")
    opening = place.late_box if late else place.box
    try:
        async with (
            opening(tree, log.attempt, requests.note, parts.support) as box,
            equipped(task, log, box, parts.tools, parts.servers) as tools,
        ):
            bench = Workplace(
                task, parts.model, tools, box, tree, parts.blobs, parts.observer, requests, parts.approver,
                inbox=partial(parts.inbox, log.attempt), go_to=partial(place.go_to, tree, box),
            )  # fmt: skip
            parent = Parent(log, tools, parts.store, parts.state / "locks", lambda: bench)
            await work(log, with_subtasks(bench, parent))
    finally:
        await _tell(log, requests)


async def _tell(log: Log, requests: Requests) -> None:
    """Add what is left: a connection may last until its box is closed, and is told of then."""
    if left := requests.take():
        await log.append(*left)


async def _check(task: Task, log: Log, place: Site, parts: Parts) -> None:
    final = log.checkpoint
    if task.mode == "read-only" and log.outcome is not None and log.outcome.kind == "done":
        await log.append(Stopped("answered", log.outcome.text.strip()))
        return
    if final is None or final.tree == task.base.tree:
        text = log.outcome.text.strip() if log.outcome else ""
        await log.append(Stopped("no_change", text or "the model ended without changing a file"))
        return
    requests = Requests("check")
    bench = CheckParts(parts.blobs, parts.observer, requests)
    folder = work_folder(parts.state, log.attempt) / "check"
    try:
        evidence = await check(place, f"{log.attempt}.check", folder, final, bench)
    except BaseException:
        await _tell(log, requests)
        raise
    when = log.events[-1].time
    message = describe.commit_message(task, log, evidence)
    commit = await parts.repository.commit(final.tree, task.base.commit, message, when)
    await log.append(*requests.take(), Checked(evidence, commit))


async def _offer(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """The best attempt becomes the pull request; the others are closed with a word."""
    ready = [log for log in logs if log.checked is not None and log.stopped is None]
    if not ready:
        return
    changes = {log.attempt: await _changes(task, log, parts) for log in ready}
    ready.sort(key=lambda log: _rank(log, changes[log.attempt]))
    best, *others = ready
    for log in logs:
        if log is not best and not log.finished:
            why = "another attempt was offered" if log in others else "it did not come to an end"
            await log.append(Stopped("not_chosen", why))
    await _propose(task, best, changes[best.attempt], parts)


def _rank(log: Log, changes: Sequence[FileChange]) -> tuple[int, bool, int]:
    """Evidence first, then work that was finished, then the smallest difference."""
    assert log.checked is not None
    verdict = {"passed": 0, "none": 1, "failed": 2}[log.checked.evidence.verdict]
    unfinished = log.outcome is not None and log.outcome.kind == "limit"
    return verdict, unfinished, sum((c.added or 0) + (c.removed or 0) for c in changes)


async def _changes(task: Task, log: Log, parts: Parts) -> tuple[FileChange, ...]:
    assert log.checked is not None
    return await parts.repository.stat(task.base.tree, log.checked.evidence.tree)


async def intact(forge: Forge, task: Task) -> bool:
    """Whether the pull request that was proposed is still there, or was settled by a person."""
    request = await forge.of_task(task.id)
    return request is not None and (request.state != "open" or await forge.landed(request.proposal))


async def _propose(task: Task, log: Log, changes: Sequence[FileChange], parts: Parts) -> None:
    proposal = describe.proposal(task, log, changes)
    parts.observer.phase("opening the pull request")
    if not log.offered and not isinstance(log.events[-1].body, Proposing):
        await log.append(
            Proposing(proposal.branch, proposal.base, proposal.commit, proposal.title, proposal.draft)
        )  # the intent comes first, so that a crash in between is seen
    request = await parts.forge.propose(proposal, parts.repository.git_dir)
    if request.proposal.commit != proposal.commit:  # a person settled it while the work went on
        raise _settled(request, log)
    known = log.proposed if log.offered else None
    if known is not None and (known.number, known.url) == (request.number, request.url):
        return
    await log.append(
        Proposed(parts.forge.name, request.number, request.url, proposal.branch, proposal.commit, proposal.draft)
    )
