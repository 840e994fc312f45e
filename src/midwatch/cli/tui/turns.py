"""Turns of the conversation: begun by what the person says; what is said meanwhile is queued."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from midwatch.cli.tui.session import Session
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.events import Message


@dataclass(frozen=True, slots=True)
class Words:
    """What the person says."""

    text: str
    images: tuple[Image, ...] = ()


class Onlooker(Protocol):
    """Told how turns go."""

    def began(self) -> None:
        """A turn has begun."""

    def ended(self, notes: Sequence[str], error: MidwatchError | None) -> None:
        """It is over: what the person should know, and what stopped it."""

    def given_back(self, said: Sequence[Words]) -> None:
        """This was queued and has not been read."""


class Turns:
    """At most one at a time. `spawn` runs a coroutine beside everything else, and lets a bug in it end the program."""

    def __init__(
        self, session: Session, onlooker: Onlooker, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._session, self._onlooker, self._spawn = session, onlooker, spawn
        self._task: asyncio.Task[None] | None = None
        self._early: list[Words] = []
        self.queued: list[str] = []
        """What was said and not read yet."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def working(self) -> bool:
        """Whether one is under way."""
        return not self._idle.is_set()

    def say(self, said: Words) -> None:
        """Begin a turn with it, or queue it for the one that is under way."""
        if not self.working:
            self._begin(said)
            return
        self.queued.append(said.text)
        if self._session.talk is not None and self._session.talk.working:
            self._session.talk.say(said.text, said.images)
        else:
            self._early.append(said)

    def go_on(self) -> bool:
        """Go on with a turn that was cut off; False when there is none."""
        if self.working or not self.cut_off:
            return False
        self._begin(None)
        return True

    @property
    def cut_off(self) -> bool:
        """Whether the last turn has no end."""
        talk = self._session.talk
        return talk is not None and not self.working and talk.log.outcome is None and bool(talk.log.items)

    def read(self, text: str) -> None:
        """Something that was queued is in the conversation now."""
        if text in self.queued:
            self.queued.remove(text)

    def interrupt(self) -> None:
        """End the turn; what it did stays. Nothing happens when there is none."""
        talk = self._session.talk
        if talk is not None and talk.working:
            talk.interrupt()
        elif self._task is not None:
            self._task.cancel()

    async def rest(self) -> None:
        """Until no turn is under way."""
        await self._idle.wait()

    def _begin(self, said: Words | None) -> None:
        self._idle.clear()
        self._onlooker.began()
        self._spawn(self._run(said))

    async def _run(self, said: Words | None) -> None:
        """One turn, with its end told whatever it is."""
        self._task = asyncio.current_task()
        notes: tuple[str, ...] = ()
        failure: MidwatchError | None = None
        try:
            notes = await self._turn(said)
        except (MidwatchError, asyncio.CancelledError) as error:
            failure = error if isinstance(error, MidwatchError) else None
            if said is not None and not self._is_said(said):  # a model without a key, a sandbox that cannot be made
                self._early.insert(0, said)
        finally:
            self._task = None
            left = self._take_back()
            self._idle.set()
            self._onlooker.ended(notes, None if failure is None or self._is_told(failure) else failure)
            if left:
                self._onlooker.given_back(left)

    async def _turn(self, said: Words | None) -> tuple[str, ...]:
        talk = self._session.talk
        if talk is None:
            if said is None:
                raise InputError("there is no turn to go on with", "say something")
            talk = await self._session.begin(said.text)
        for early in self._early:
            talk.say(early.text, early.images)
        self._early.clear()
        notes: tuple[str, ...] = ()
        while True:
            turn = await (talk.turn(None) if said is None else talk.turn(said.text, said.images))
            notes += turn.notes
            left = self._take_back() if turn.ended == "done" else []
            if not left:  # else it was said when the model had just finished
                return notes
            images = tuple(image for one in left for image in one.images)
            said = Words("\n\n".join(one.text for one in left), images)

    def _take_back(self) -> list[Words]:
        talk = self._session.talk
        left = [Words(one.text, one.images) for one in talk.take_back()] if talk else []
        left += self._early
        self._early, self.queued = [], []
        return left

    def _is_said(self, said: Words) -> bool:
        """Whether the conversation holds it already."""
        talk = self._session.talk
        bodies = [event.body for event in talk.log.events] if talk else []
        last = next((b for b in reversed(bodies) if isinstance(b, Message) and b.author == "person"), None)
        return last is not None and last.text == said.text

    def _is_told(self, error: MidwatchError) -> bool:
        """Whether the log, and so the screen, says it already."""
        talk = self._session.talk
        last = talk.log.events[-1].body if talk and talk.log.events else None
        return getattr(last, "error", None) == error.message
