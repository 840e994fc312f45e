"""What people say to a task while it is worked on, from its rows to the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from midwatch.agent.context import shown_prompt
from midwatch.domain.events import Checked, Event, Message, ModelReplied, ToolFinished
from midwatch.domain.observer import Silent
from midwatch.engine.letters import Letter
from midwatch.engine.store.base import Store

_MOVES = (ModelReplied, ToolFinished, Checked)
"""After one of these nothing is under way that would have to be done again."""


class Postbox(Silent):
    """Of one task that this process works on; also the observer of its logs. A letter has arrived when it stands in
    the log of its attempt, whoever wrote it there."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, int], Letter] = {}
        self._waiting: list[Letter] = []
        self._arrived: list[tuple[str, int]] = []
        self._seen: set[tuple[str, int]] = set()
        """The events with which they did: an event that is seen again brings no other letter."""
        self.at_move: Callable[[], None] | None = None
        """Called when a move (a model call, a tool call, the checks) has been written down; from whatever made it."""

    def put(self, letters: Sequence[Letter]) -> None:
        """These are to be said. Those it has had already are not said twice, and those that stand in the log are only
        told from others in the same words."""
        for letter in letters:
            if letter.key not in self._letters:
                self._letters[letter.key] = letter
                self._waiting += [letter] if letter.waits else []

    def take(self, attempt: str) -> Sequence[Message]:
        """See `Parts.inbox`."""
        mine = [letter for letter in self._waiting if letter.attempt == attempt]
        self._waiting = [letter for letter in self._waiting if letter.attempt != attempt]
        return [Message("person", shown_prompt(letter.text), letter.images) for letter in mine]

    def event(self, event: Event) -> None:
        """Look whether a letter has arrived."""
        body = event.body
        if self.at_move is not None and isinstance(body, _MOVES):
            self.at_move()
        if not isinstance(body, Message) or body.author != "person" or (event.attempt, event.seq) in self._seen:
            return
        for letter in sorted(self._letters.values(), key=lambda letter: letter.number):  # as they were said
            known = letter.key in self._arrived or letter.attempt != event.attempt
            same = shown_prompt(letter.text) == body.text and letter.images == body.images
            if not known and event.seq > letter.after and same:
                self._arrived.append(letter.key)
                self._seen.add((event.attempt, event.seq))
                self._waiting = [waiting for waiting in self._waiting if waiting.key != letter.key]
                return

    async def read(self, store: Store) -> Sequence[Letter]:
        """Look through the logs of the attempts that are to hear something: who had the task before may have been
        killed with a letter in the log and no word of it in its row. The letters that have not arrived."""
        for attempt in sorted({letter.attempt for letter in self._letters.values()}):
            for event in await store.read(attempt):
                self.event(event)
        return [one for one in self._letters.values() if one.waits and one.key not in self._arrived]

    @property
    def arrived(self) -> Sequence[tuple[str, int]]:
        """The keys of the letters that stand in their logs."""
        return tuple(self._arrived)
