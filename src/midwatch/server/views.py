"""From what is kept to what clients are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from midwatch.domain.codec import to_json
from midwatch.domain.labels import split
from midwatch.engine.turns import BATCH
from midwatch.engine.waits import Wait
from midwatch.server.accounts.forms import time_of
from midwatch.server.answers import (
    AttemptAnswer,
    AttemptLine,
    BaseAnswer,
    Change,
    Check,
    EvidenceAnswer,
    PullRequestAnswer,
    TaskAnswer,
    TaskLine,
    TurnAnswer,
    UndoneAnswer,
)
from midwatch.workspace.names import without_secret

if TYPE_CHECKING:
    from midwatch.domain.evidence import FileChange
    from midwatch.domain.pull_request import PullRequest
    from midwatch.domain.task import Task
    from midwatch.engine.store.base import AttemptState, TaskRow
    from midwatch.engine.turns import Turn
    from midwatch.workflows.report import AttemptReport
    from midwatch.workflows.undoing import WentBack

_NOTHING = Wait("")
_ENDED = {"proposed": "done", "reviewed": "done"}
_ORDER = ("running", "done", "answered", "interrupted", "failed", "waiting")


def text(value: str) -> str:
    """As JSON can hold it: a file's name may be no UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def status(row: TaskRow, turn: Turn | None) -> str:
    """A task's state in a word or two, by its newest turn and the last events of its attempts."""
    if turn is not None and turn.status not in ("done",):
        return "waiting" if turn.status == "queued" else turn.status
    found = [_status_of(state, row.task) for state in row.attempts]
    return min(found, key=lambda word: _ORDER.index(word) if word in _ORDER else len(_ORDER), default="waiting")


def _status_of(state: AttemptState, task: Task) -> str:
    if state.last_kind == "stopped":
        return "answered" if task.mode == "read-only" else "no change"
    if not state.last_kind:
        return "waiting"
    return _ENDED.get(state.last_kind, "failed" if state.last_kind == "failed" else "interrupted")


LISTED = 1000
"""Characters of a prompt in lists."""


Waits = Mapping[str, Wait]
"""What turns wait for, by their ids."""


def turn_answer(turn: Turn | None, waits: Waits) -> TurnAnswer | None:
    """A turn."""
    if turn is None:
        return None
    wait = waits.get(turn.id, _NOTHING)
    return TurnAnswer(
        id=turn.id,
        state=turn.status,
        detail=turn.error,
        mend=turn.mend,
        wish=turn.wish,
        by=turn.owner,
        priority="interactive" if turn.priority < BATCH else "batch",
        labels=list(split(turn.labels)),
        begin_at=_time(turn.begin_at),
        waits_for=text(wait.why),
        waits_until=_time(wait.until),
    )


def task_line(row: TaskRow, turn: Turn | None, repositories: Mapping[str, str], waits: Waits) -> TaskLine:
    """A task in a line; `repositories`: ids by location."""
    task = row.task
    wait = waits.get(turn.id, _NOTHING) if turn is not None else _NOTHING
    return TaskLine(
        id=task.id,
        status=status(row, turn),
        repository=repositories.get(task.repository, ""),
        location=without_secret(task.repository),
        prompt=text(task.prompt[:LISTED]),
        model=task.model,
        branch=task.branch,
        kind=task.kind,
        mode=task.mode,
        by=turn.owner if turn is not None else "",
        waits_for=text(wait.why),
        waits_until=_time(wait.until),
        created=task.created,
        updated=max((state.updated for state in row.attempts), default="") or task.created,
        tries=len(row.attempts),
    )


def task_answer(
    row: TaskRow, turn: Turn | None, repository: str, request: PullRequest | None, waits: Waits
) -> TaskAnswer:
    """A task."""
    task = row.task
    line = task_line(row, turn, {task.repository: repository}, waits)
    return TaskAnswer(
        **line.model_dump() | {"prompt": text(task.prompt)},
        base=BaseAnswer(commit=task.base.commit, ref=text(task.base.ref), branch=text(task.base.branch)),
        checks=[text(check) for check in task.checks],
        checks_from=text(task.checks_from),
        limits=to_json(task.limits),
        sandbox=task.sandbox,
        notes=[text(note) for note in (*task.notes, task.base.note) if note],
        attempts=[attempt_line(state) for state in row.attempts],
        turn=turn_answer(turn, waits),
        pull_request=request.number if request is not None else None,
    )


def _time(seconds: float) -> str | None:
    """As it is told: UTC; None for 0."""
    return time_of(seconds) if seconds else None


def attempt_line(state: AttemptState) -> AttemptLine:
    """An attempt in a line."""
    return AttemptLine(id=state.attempt, events=state.seq, last_kind=state.last_kind, updated=state.updated)


def attempt_answer(state: AttemptState, report: AttemptReport, task: str) -> AttemptAnswer:
    """An attempt."""
    evidence = report.evidence
    return AttemptAnswer(
        **attempt_line(state).model_dump(),
        task=task,
        status=report.status,
        detail=text(report.detail),
        mend=text(report.mend),
        turns=report.turns,
        tokens=to_json(report.usage),
        cost_microusd=report.cost_microusd,
        seconds=round(report.seconds, 3),
        text=text(report.text),
        limit=text(report.limit),
        commands=len(report.commands),
        verdict=evidence.verdict if evidence else "none",
        tree=report.tree,
        commit=report.commit,
        hash=report.hash,
    )


def evidence_answer(chosen: AttemptReport, changed: Sequence[FileChange]) -> EvidenceAnswer:
    """The evidence of an attempt, and the files that it has changed."""
    evidence = chosen.evidence
    runs = evidence.checks if evidence else ()
    return EvidenceAnswer(
        attempt=chosen.attempt,
        verdict=evidence.verdict if evidence else "none",
        tree=evidence.tree if evidence else "",
        commit=chosen.commit,
        checks=[
            Check(
                number=number, command=text(run.command), passed=run.passed, exit_code=run.exit_code, ended=run.ended,
                seconds=run.duration_ms / 1000, digest=run.digest, bytes=run.bytes, lines=run.lines,
            )
            for number, run in enumerate(runs, 1)
        ],
        changes=changes(changed),
    )  # fmt: skip


def changes(found: Sequence[FileChange]) -> list[Change]:
    """Changed files."""
    return [
        Change(path=text(c.path), old_path=text(c.old_path), status=c.status, added=c.added, removed=c.removed)
        for c in found
    ]


def pull_request_answer(request: PullRequest, repository: str) -> PullRequestAnswer:
    """A pull request; `repository` is the id."""
    proposal = request.proposal
    return PullRequestAnswer(
        number=request.number,
        task=proposal.task_id,
        repository=repository,
        location=without_secret(proposal.repository),
        state=request.state,
        draft=proposal.draft,
        verdict=proposal.verdict,
        title=text(proposal.title),
        body=text(proposal.body),
        branch=text(proposal.branch),
        base=text(proposal.base),
        commit=proposal.commit,
        url=text(request.url),
        created=request.created,
        updated=request.updated,
        merge_commit=request.merge_commit,
    )


def undone_answer(back: WentBack) -> UndoneAnswer:
    """An attempt that went back."""
    return UndoneAnswer(
        task=back.task.id,
        attempt=back.attempt,
        to=back.to,
        tree=back.checkpoint.tree,
        commit=back.checkpoint.commit,
        files=changes(back.files),
        commands=back.commands,
    )
