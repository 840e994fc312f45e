"""What a person looks at before they take a change: attempts beside each other, parts of a diff, and the record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from midwatch import reading
from midwatch.server import views
from midwatch.server.answers import EvidenceAnswer
from midwatch.server.asked import AttemptId, TaskId
from midwatch.server.problems import answers, conflicting
from midwatch.server.service import Visiting

router = APIRouter(tags=["reviewing"])

_LARGEST = 2**53 - 1
_DIFF = {"text/x-diff": {"schema": {"type": "string"}}}


class Head(BaseModel):
    """How far the log of an attempt goes."""

    attempt: str
    events: int
    hash: str = Field(description="Of the last event; it stands for the whole log.")


class VerificationAnswer(BaseModel):
    """What was computed once more, and what is wrong with it."""

    task: str
    ok: bool
    events: int = Field(description="Chained and as they were written.")
    outputs: int = Field(description="That match their SHA-256.")
    commits: int = Field(description="That hold exactly the tree that was checked.")
    heads: list[Head]
    faults: list[str] = Field(description="A sentence each; empty when all is as it was written.")


@router.post("/tasks/{task}/verify")
async def verify(visiting: Visiting, task: TaskId) -> VerificationAnswer:
    """Compute the task's record once more, as `midwatch verify` does: the chain of every log, every output, every
    commit and its tree, and the words of the pull request. Changes nothing; may take seconds."""
    await visiting.task(task)
    found = await visiting.service.aside.do(reading.verify(visiting.service.home, task))
    return VerificationAnswer(
        task=task,
        ok=not found.faults,
        events=found.events,
        outputs=found.blobs,
        commits=found.trees,
        heads=[Head(attempt=name, events=seq, hash=digest) for name, seq, digest in found.heads],
        faults=[views.text(fault) for fault in found.faults],
    )


@router.get("/attempts/{attempt}/diff", response_class=Response, responses={200: {"content": _DIFF}, **answers(409)})
async def diff(
    visiting: Visiting,
    attempt: AttemptId,
    first: Annotated[
        int, Query(alias="from", ge=0, le=_LARGEST, description="As it was after this event; 0: the base.")
    ] = 0,
    to: Annotated[int, Query(ge=0, le=_LARGEST, description="The same; 0: what it offers, or has by now.")] = 0,
) -> Response:
    """What one attempt has changed, as a whole or between two of its steps; empty when nothing differs."""
    await visiting.attempt(attempt)
    with conflicting():
        data = await visiting.service.aside.do(reading.attempt_diff(visiting.service.home, attempt, first, to))
    return Response(data, headers={"Content-Type": "text/x-diff", "X-Content-Type-Options": "nosniff"})


@router.get("/attempts/{attempt}/evidence", responses=answers(409))
async def evidence(visiting: Visiting, attempt: AttemptId) -> EvidenceAnswer:
    """Of one attempt: which checks Midwatch itself ran on its final tree, and which files it has changed."""
    await visiting.attempt(attempt)
    with conflicting():
        report, changed = await visiting.service.aside.do(reading.attempt_changes(visiting.service.home, attempt))
    return views.evidence_answer(report, changed)
