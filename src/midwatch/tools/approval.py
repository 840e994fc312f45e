"""Asking a person before something is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked."""

    call_id: str
    tool: str
    subject: str
    """What is to be done, in full: a command line, a call with its arguments."""
    reason: str
    """Why a person must decide."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided."""

    allowed: bool
    author: str = "person"
    """`person`, or `harness` where nobody could be asked."""
    reason: str = ""
    """For the model; a person may say what to do instead."""
    always: bool = False
    """Also for the same subject later in this attempt."""


class Approver(Protocol):
    """Asks a person."""

    async def ask(self, question: Question) -> Answer:
        """The answer; may wait for as long as a person takes. Cancelling takes the question back."""


class Nobody:
    """There is nobody to ask, so the answer is no, at once."""

    async def ask(self, question: Question) -> Answer:
        """No."""
        return Answer(allowed=False, author="harness", reason="nobody can be asked while this runs")
