"""Tasks: submitting them, and what has come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from midwatch import reading, wiring
from midwatch.engine.retention.archived import is_archived
from midwatch.engine.store import listing
from midwatch.server import capped, submitting, views
from midwatch.server.answers import EvidenceAnswer, PullRequestAnswer, TaskAnswer, TaskLine, Tasks
from midwatch.server.asked import Status, TaskAsked, TaskId, Word
from midwatch.server.problems import answers, conflicting, missing
from midwatch.server.service import Visit, Visiting, Wanted

if TYPE_CHECKING:
    from midwatch.engine.store.base import TaskRow

router = APIRouter(prefix="/tasks", tags=["tasks"])

MOST_LOOKS = 3
"""Pages that are looked through for one that is answered, where not every task is wanted."""
_BY_TURN = {"waiting": "queued", "running": "running", "failed": "failed", "cancelled": "cancelled", "paused": "paused"}
"""Words for how a task stands, by how its newest turn does; the others are said of tasks whose turn is done."""
_DIFF = {"text/x-diff": {"schema": {"type": "string"}}}


@router.post("", status_code=201, responses=answers(409))
async def submit(visiting: Visiting, asked: TaskAsked, wanted: Wanted, response: Response) -> TaskAnswer:
    """Submit a task. Answers when it is stored and queued; the work takes minutes."""
    row, turn, repository = await submitting.submit(visiting, asked, wanted)
    response.headers["Location"] = f"/api/v1/tasks/{row.task.id}"
    return views.task_answer(row, turn, repository.id, None, await visiting.waits(turn))


@dataclass(frozen=True, slots=True)
class _Only:
    """Which tasks are asked for; empty fields take all."""

    repository: str
    status: Status | None
    archived: bool
    mine: bool
    text: str


# A coroutine only so that the framework starts no thread for it.
async def _only(
    repository: Annotated[Word, Query(description="Only of this one: its id or its name.")] = "",
    status: Annotated[Status | None, Query(description="Only these, as `status` of a task says it.")] = None,
    archived: Annotated[bool, Query(description="Those that are archived, which are not listed else.")] = False,
    mine: Annotated[bool, Query(description="Only those that you wanted last.")] = False,
    text: Annotated[Word, Query(max_length=200, description="Only those with this in their prompt or id.")] = "",
) -> _Only:
    return _Only(repository, status, archived, mine, text.strip())


@router.get("")
async def listed(
    visiting: Visiting,
    only: Annotated[_Only, Depends(_only)],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str, Query(pattern=r"^([0-9a-z]{12})?$", description="The `next` of the page before.")] = "",
) -> Tasks:
    """The newest tasks that you may see. A page may hold fewer than `limit`; `next` says whether there are more."""
    known = await visiting.visible()
    ids = {one.location: one.id for one in known}
    among = None if visiting.who.everywhere else list(ids)
    if only.repository:
        among = [visiting.picked(known, only.repository, "viewer").location]
    found: list[TaskLine] = []
    turn, owner = _BY_TURN.get(only.status, "done") if only.status else "", visiting.who.name if only.mine else ""
    for _ in range(MOST_LOOKS):
        page = listing.Wanted(before, among, turn, only.archived, owner, only.text)
        rows, before = await visiting.service.home.store.listed(page, limit - len(found))
        lines = await _lines(visiting, rows, ids)
        found += [line for line in lines if only.status in (None, line.status)]
        if len(found) >= limit or not before:
            break
    return Tasks(tasks=found, next=before or None)


async def _lines(visiting: Visit, rows: Sequence[TaskRow], ids: dict[str, str]) -> list[TaskLine]:
    turns = await visiting.service.turns.of_tasks([row.task.id for row in rows])
    waits = await visiting.waits(*turns.values())
    sums = visiting.service.sums
    await sums.look()
    lines = [views.task_line(row, turns.get(row.task.id), ids, waits) for row in rows]
    return [line.model_copy(update={"sum": sums.of(row)}) for line, row in zip(lines, rows, strict=True)]


@router.get("/{task}")
async def one(visiting: Visiting, task: TaskId) -> TaskAnswer:
    """A task, with its attempts and its newest turn."""
    row, repository = await visiting.task(task)
    service = visiting.service
    request = await service.aside.do(service.home.forge.of_task(task))
    turn = await service.turns.newest(task)
    answer = views.task_answer(row, turn, repository.id if repository else "", request, await visiting.waits(turn))
    more = {
        "archived": await is_archived(service.home.store.database, task),
        "budgets": await capped.of_task(visiting, row.task, turn, repository),
        "submitted_by": await service.turns.submitter(task),
    }
    return answer.model_copy(update=more)


@router.get("/{task}/diff", response_class=Response, responses={200: {"content": _DIFF}, **answers(409)})
async def diff(visiting: Visiting, task: TaskId) -> Response:
    """The change of the attempt that is (or would be) offered against the base, byte for byte as `git apply` takes it;
    empty when nothing was changed."""
    await visiting.task(task)
    with conflicting():
        data = await visiting.service.aside.do(reading.diff(visiting.service.home, task))
    return Response(data, headers={"Content-Type": "text/x-diff", "X-Content-Type-Options": "nosniff"})


@router.get("/{task}/evidence", responses=answers(409))
async def evidence(visiting: Visiting, task: TaskId) -> EvidenceAnswer:
    """Which checks Midwatch itself ran on the final tree, how they ended, and which files were changed."""
    await visiting.task(task)
    with conflicting():
        report = await visiting.service.aside.do(wiring.report(visiting.service.home, task))
    return views.evidence_answer(report.chosen, report.changes)


@router.get("/{task}/pull-request")
async def pull_request(visiting: Visiting, task: TaskId) -> PullRequestAnswer:
    """Its pull request; 404 while it has none."""
    _, repository = await visiting.task(task)
    request = await visiting.service.aside.do(visiting.service.home.forge.of_task(task))
    if request is None:
        raise missing("pull request")
    return views.pull_request_answer(request, repository.id if repository else "")
