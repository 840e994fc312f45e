"""Asking a person before something is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from midwatch.domain.interventions import ApprovalGiven


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked."""

    call_id: str
    tool: str
    subject: str
    """What is to be done, in full: a command line, a call with its arguments."""
    reason: str
    """Why a person must decide."""
    covers: tuple[str, ...] = ()
    """What a person allows who answers with `always`: prefixes of commands. Empty: the very subject."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided."""

    allowed: bool
    author: str = "person"
    """`person`, or `harness` where nobody could be asked."""
    reason: str = ""
    """For the model; a person may say what to do instead."""
    always: bool = False
    """Also for what the question covers, later in this attempt."""
    waited_ms: int = 0
    """How long the person took."""


class Approver(Protocol):
    """Asks a person."""

    async def ask(self, question: Question) -> Answer:
        """The answer; may wait for as long as a person takes. Cancelling takes the question back."""


class Nobody:
    """There is nobody to ask, so the answer is no, at once."""

    async def ask(self, question: Question) -> Answer:
        """No."""
        return Answer(allowed=False, author="harness", reason="nobody can be asked while this runs")


def decided(question: Question, answer: Answer) -> ApprovalGiven:
    """The event that tells of an answer; it belongs to the events of the call's result."""
    covers = (question.covers or (question.subject,)) if answer.allowed and answer.always else ()
    return ApprovalGiven(
        call_id=question.call_id,
        tool=question.tool,
        subject=question.subject,
        allowed=answer.allowed,
        author=answer.author,
        reason=answer.reason,
        covers=covers,
        waited_ms=answer.waited_ms,
    )
