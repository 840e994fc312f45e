"""Asking a person during an attempt: what they allowed for all of it is remembered in its log, and while they think the
attempt's clock stands still."""

from __future__ import annotations

import time
from dataclasses import replace

from midwatch.agent.log import Log
from midwatch.domain.interventions import ApprovalGiven
from midwatch.tools.approval import Answer, Approver, Question


class Remembering:
    """An `Approver` that does not ask again for what was allowed with `always` in this attempt."""

    def __init__(self, approver: Approver, log: Log) -> None:
        self._approver = approver
        self._log = log

    async def ask(self, question: Question) -> Answer:
        """As `Approver.ask`; at once where all that the question covers has been allowed before."""
        wanted = question.covers or (question.subject,)
        left = tuple(one for one in wanted if one not in self._allowed(question.tool))
        if not left:
            return Answer(allowed=True, reason="allowed before, for all of this attempt")
        began = time.monotonic()
        with self._log.waiting():
            answer = await self._approver.ask(replace(question, covers=left) if question.covers else question)
        return replace(answer, waited_ms=round((time.monotonic() - began) * 1000))

    def _allowed(self, tool: str) -> set[str]:
        bodies = (event.body for event in self._log.events)
        return {
            one for b in bodies if isinstance(b, ApprovalGiven) and b.tool == tool and b.allowed for one in b.covers
        }
