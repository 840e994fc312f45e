"""Which of several attempts becomes the pull request, and making it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midwatch.agent.log import Log
from midwatch.domain.errors import InputError
from midwatch.domain.events import Proposed, Proposing, Stopped
from midwatch.domain.evidence import FileChange
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task
from midwatch.forges.base import Forge
from midwatch.workflows import comparing, describe
from midwatch.workflows.comparing import UNSEEN, Judgement
from midwatch.workflows.parts import Parts

CHOSEN = "another attempt was chosen by a person"


async def offer(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """The best attempt becomes the pull request; the others are closed with a word."""
    ready = [log for log in logs if log.checked is not None and log.stopped is None]
    if not ready:
        return
    changes = {log.attempt: await _changes(task, log, parts) for log in ready}
    first = min(map(_standing, ready))
    judged = await comparing.judgements(task, [log for log in ready if _standing(log) == first], parts)
    ready.sort(key=lambda log: _rank(log, changes[log.attempt], judged))
    best, *others = ready
    for log in logs:
        if log is not best and not log.finished:
            why = "another attempt was offered" if log in others else "it did not come to an end"
            why += f"; {comparing.in_words(judged[log.attempt])}" if log.attempt in judged else ""
            await log.append(Stopped("not_chosen", why))
    await propose(task, best, logs, parts)


def _standing(log: Log) -> tuple[int, bool]:
    """Evidence first, then work that was finished."""
    assert log.checked is not None
    verdict = {"passed": 0, "none": 1, "failed": 2}[log.checked.evidence.verdict]
    return verdict, log.outcome is not None and log.outcome.kind == "limit"


def _rank(
    log: Log, changes: Sequence[FileChange], judged: Mapping[str, Judgement]
) -> tuple[tuple[int, bool], Judgement, int]:
    """Then what a review has found, where it was asked for, then the smallest difference."""
    size = sum((c.added or 0) + (c.removed or 0) for c in changes)
    return _standing(log), judged.get(log.attempt, UNSEEN), size


async def propose(task: Task, log: Log, logs: Sequence[Log], parts: Parts) -> None:
    """Have the pull request of this attempt at the forge, from wherever that stands; the others of `logs` that still
    offer theirs, because a person has chosen this one since, are closed with a word."""
    proposal = describe.proposal(task, log, await _changes(task, log, parts))
    parts.observer.phase("opening the pull request")
    if not log.offered and log.proposing is None:
        await log.append(
            Proposing(proposal.branch, proposal.base, proposal.commit, proposal.title, proposal.draft)
        )  # the intent comes first, so that a crash in between is seen
    if standing := [other for other in logs if other is not log and not other.stopped]:
        await _require_unmerged(task, log, parts)
        for other in standing:
            await other.append(Stopped("not_chosen", CHOSEN))
    request = await parts.forge.propose(proposal, parts.repository.git_dir)
    if request.proposal.commit != proposal.commit:  # a person settled it while the work went on
        raise settled(request, log)
    known = log.proposed if log.offered else None
    if known is not None and (known.number, known.url) == (request.number, request.url):
        return
    await log.append(
        Proposed(parts.forge.name, request.number, request.url, proposal.branch, proposal.commit, proposal.draft)
    )


async def _require_unmerged(task: Task, log: Log, parts: Parts) -> None:
    """A choice that comes after the merge of another attempt's change is taken back."""
    request = await parts.forge.of_task(task.id)
    if request is not None and request.state == "merged":
        await log.append(Stopped("not_chosen", f"pull request {request.number} was merged before it was chosen"))
        raise settled(request, log)


async def _changes(task: Task, log: Log, parts: Parts) -> tuple[FileChange, ...]:
    assert log.checked is not None
    return await parts.repository.stat(task.base.tree, log.checked.evidence.tree)


async def intact(forge: Forge, task: Task) -> bool:
    """Whether the pull request that was proposed is still there, or was settled by a person."""
    request = await forge.of_task(task.id)
    return request is not None and (request.state != "open" or await forge.landed(request.proposal))


def settled(request: PullRequest, log: Log) -> InputError:
    """Why a pull request does not take what was done since a person settled it."""
    return InputError(
        f"pull request {request.number} was {request.state} in the meantime; it does not take what is done since",
        f"`midwatch fork {log.attempt}` makes a task of its own of it, with a pull request of its own",
    )
