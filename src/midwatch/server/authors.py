"""Whose the messages are that stand in an attempt's log, which says no more than that a person said them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from midwatch.agent.context import shown_prompt
from midwatch.domain.events import Message
from midwatch.engine.letters import addressed
from midwatch.engine.store.records import load

if TYPE_CHECKING:
    from midwatch.wiring import Home


class Author(BaseModel):
    """Who said something further."""

    seq: int = Field(description="The number of the event that the message is.")
    name: str = Field(description="A user, or `@CONNECTION/LOGIN` for somebody at a forge.")


class Authors(BaseModel):
    """Who said what, in order; what the task began with is not among it."""

    authors: list[Author]


async def authors(home: Home, attempt: str) -> Authors:
    """Found as those who deliver messages find them: by what was said, in the order in which it was."""
    letters = await home.store.database.read(lambda db: addressed(db, attempt))
    waiting = [(letter, shown_prompt(letter.text)) for letter in letters]
    found: list[Author] = []
    for event in map(load, await home.store.of_kinds(attempt, ("message",)) if waiting else ()):
        body = event.body
        if not isinstance(body, Message) or body.author != "person":
            continue
        for at, (letter, text) in enumerate(waiting):
            if event.seq > letter.after and text == body.text and letter.images == body.images:
                found.append(Author(seq=event.seq, name=letter.author))
                del waiting[at]
                break
    return Authors(authors=found)
