"""Opening a conversation of a person with the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from midwatch.wiring import parts_of

if TYPE_CHECKING:
    from midwatch.domain.observer import Observer
    from midwatch.tools.approval import Approver
    from midwatch.wiring import Home
    from midwatch.workflows.conversation import Conversation


@asynccontextmanager
async def converse(
    home: Home, task_id: str, observer: Observer, approver: Approver, mode: str = "", model: str = ""
) -> AsyncIterator[Conversation]:
    """A conversation, open while the context lasts, in this `mode` and with this `model` from now on (empty: as they
    were last). Raises as `workflows.conversation.converse`."""
    from midwatch.agent.log import History
    from midwatch.workflows import conversation as talks

    row = await home.store.find(task_id)
    history = History(await home.store.read(row.attempts[0].attempt))
    task = talks.as_chosen(row.task, history, home.settings.sandbox.driver, mode)
    name = model or history.model or task.model
    async with parts_of(home, task, name, observer, approver) as parts, talks.converse(task, parts) as talk:
        await talk.settle_on(task.mode, name, parts.model)
        yield talk
