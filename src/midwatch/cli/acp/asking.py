"""A question to the person, asked by the editor."""

from __future__ import annotations

from acp.interfaces import Client
from acp.schema import AllowedOutcome, PermissionOption, ToolCallUpdate

from midwatch.cli import words
from midwatch.cli.acp.differences import fenced, text_content
from midwatch.cli.acp.outbox import Outbox
from midwatch.cli.acp.updates import kind
from midwatch.tools.approval import Answer, Question

MOST = 80
"""Columns of what an answer covers."""


def options(question: Question) -> list[PermissionOption]:
    """The answers that an editor offers; the one for all of the conversation says what it covers."""
    named = ", ".join(f"`{words.line(prefix)} …`" for prefix in question.covers)
    always = f"Always allow {words.cut(named, MOST)}" if named else "Allow this for the rest of the conversation"
    return [
        PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
        PermissionOption(option_id="always", name=always, kind="allow_always"),
        PermissionOption(option_id="reject", name="Reject", kind="reject_once"),
    ]


class EditorApprover:
    """An `Approver`. A question that the editor takes back, or cannot be asked any more, is answered with no."""

    def __init__(self, client: Client, session: str, outbox: Outbox) -> None:
        self._client, self._session, self._outbox = client, session, outbox

    async def ask(self, question: Question) -> Answer:
        """The person's answer; waits for as long as they take."""
        await self._outbox.drain()  # the editor knows the call by then
        call = ToolCallUpdate(
            tool_call_id=question.call_id,
            title=words.cut(words.line(question.subject), 200),
            kind=kind(question.tool),
            status="pending",
            content=[text_content(f"{fenced(words.clean(question.subject), 'sh')}\n\n{words.clean(question.reason)}")],
        )
        try:
            response = await self._client.request_permission(self._session, call, options(question))
        except ConnectionError:
            return Answer(allowed=False, author="harness", reason="the editor has gone")
        outcome = response.outcome
        if not isinstance(outcome, AllowedOutcome):
            return Answer(allowed=False, reason="the question was taken back")
        allowed = outcome.option_id in ("allow", "always")
        return Answer(allowed=allowed, always=outcome.option_id == "always", reason="" if allowed else "they said no")
