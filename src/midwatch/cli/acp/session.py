"""One session of an editor: a conversation that is open while it is talked in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acp.interfaces import Client
from acp.schema import Cost, CurrentModeUpdate, PromptResponse, SessionInfoUpdate, StopReason, Usage, UsageUpdate

from midwatch import talking, wiring
from midwatch.cli import words
from midwatch.cli.acp import orders
from midwatch.cli.acp.asking import EditorApprover
from midwatch.cli.acp.contents import Block, Prompt, read
from midwatch.cli.acp.outbox import Outbox
from midwatch.cli.acp.updates import Translator, answered, course
from midwatch.domain.conversation import Usage as Tokens
from midwatch.domain.errors import InputError, MidwatchError, ModelError
from midwatch.domain.events import Event, LimitReached
from midwatch.domain.task import Task
from midwatch.workflows.conversation import Conversation, Turn
from midwatch.workflows.start import Request
from midwatch.workspace.repository import Repository

TITLE = 60
"""Columns of a session's title."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What conversations of this process begin with."""

    model: str | None = None
    mode: str | None = None
    """None: the settings'."""
    sandbox: str | None = None


class Session:
    """May be made for a conversation that is there (`task`), or for one that begins with the first prompt."""

    def __init__(self, home: wiring.Home, client: Client, folder: Path, wishes: Wishes, known: Task | str) -> None:
        self.home, self.folder, self.wishes = home, folder, wishes
        self.task = known if isinstance(known, Task) else None
        self.id = known.id if isinstance(known, Task) else known
        self.mode = wishes.mode or home.settings.agent.mode
        """What the next turn is to be worked on in."""
        self.notices: list[str] = []
        """Said with the next turn."""
        top = Path(self.task.repository) if self.task else folder
        self.outbox = Outbox(client, self.id, top)
        self.outbox.repository = self._repository
        self._top = top
        self._approver = EditorApprover(client, self.id, self.outbox)
        self._conversation: Conversation | None = None
        self._holder: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._turn: asyncio.Task[PromptResponse] | None = None
        self._cancelled = False

    async def _repository(self) -> Repository:
        assert self.task is not None
        return await Repository.open(self.home.state, self.task.repository, refresh=False)

    async def prompt(self, blocks: Sequence[Block]) -> PromptResponse:
        """Say something and work until there is an answer. Raises InputError while another prompt is worked on, and
        MidwatchError for what stopped it; the next prompt goes on from there."""
        if self._turn is not None:
            raise InputError("the last prompt is still being worked on", "wait for its answer, or cancel it")
        self._cancelled = False
        self._turn = asyncio.create_task(self._answer(blocks))
        try:
            return await self._turn
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._cancelled or (current is not None and current.cancelling()):
                raise
            return PromptResponse(stop_reason="cancelled")
        finally:
            self._turn = None
            await self.outbox.drain()

    def cancel(self) -> None:
        """End the turn: what was being done stops, its files stay. May be called again, and when there is none."""
        if self._turn is None:
            return
        self._cancelled = True
        if self._conversation is not None and self._conversation.working:
            self._conversation.interrupt()
        else:
            self._turn.cancel()

    async def _answer(self, blocks: Sequence[Block]) -> PromptResponse:
        prompt = read(blocks, self._top, self.home.blobs)
        if order := orders.parse(prompt.words):
            self.outbox.put(answered(await orders.obey(order, self)))
            return PromptResponse(stop_reason="end_turn")
        if not prompt.words.strip() and not prompt.images:
            raise InputError("the prompt is empty", "say what is to be done")
        conversation = await self.ready(prompt)
        for notice in self.notices:
            self.outbox.put(answered(f"> {notice}\n\n"))
        self.notices.clear()
        try:
            turn = await conversation.turn(prompt.text, prompt.images)
        except MidwatchError as error:
            if not isinstance(error, InputError | ModelError):
                await self.close()  # the next prompt gets a box of its own
            raise
        for note in turn.notes:
            self.outbox.put(answered(f"\n\n> {words.clean(note)}\n"))
        self._count(conversation)
        return PromptResponse(stop_reason=_reason(conversation, turn), usage=_usage(turn.usage))

    def _count(self, conversation: Conversation) -> None:
        log = conversation.log
        cost = Cost(amount=log.cost_microusd / 1e6, currency="USD") if log.cost_known and log.cost_microusd else None
        used = UsageUpdate(
            session_update="usage_update", used=log.context_tokens, size=conversation.model.window, cost=cost
        )
        self.outbox.put(used)

    async def ready(self, prompt: Prompt | None = None) -> Conversation:
        """The conversation, open and in the mode that was asked for. `prompt` begins one that is not there yet; without
        it that is an InputError."""
        if self.task is None:
            if prompt is None:
                raise InputError("nothing has been said in this session yet", "say what is to be done")
            await self._begin(prompt)
        conversation = self._conversation or await self._open()
        if conversation.task.mode != self.mode and await conversation.choose_mode(self.mode):
            await self.close()
            conversation = await self._open()
        return conversation

    async def _begin(self, prompt: Prompt) -> None:
        asked = prompt.words.strip() or "(a picture)"
        request = Request(
            prompt=asked,
            repository=str(self.folder),
            model=self.wishes.model,
            sandbox=None if self.mode == "full" else self.wishes.sandbox,
            kind="conversation",
            mode=self.mode,
            id=self.id,
        )
        self.task = await wiring.start(self.home, request)
        self._top = self.outbox.top = Path(self.task.repository)
        self.outbox.put(SessionInfoUpdate(session_update="session_info_update", title=title_of(self.task)))

    async def _open(self) -> Conversation:
        self._end.clear()
        self.outbox.opening = True
        opened = asyncio.Event()
        self._holder = asyncio.create_task(self._hold(opened))
        waiting = asyncio.create_task(opened.wait())
        try:
            await asyncio.wait({self._holder, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._holder.cancel()
            await asyncio.gather(self._holder, return_exceptions=True)
            raise
        finally:
            waiting.cancel()
        if self._conversation is None:
            holder, self._holder = self._holder, None
            await holder
            raise InputError("the session was closed", "load it again")
        return self._conversation

    async def _hold(self, opened: asyncio.Event) -> None:
        """Have the conversation open until `close`."""
        async with talking.converse(self.home, self.id, self.outbox, self._approver) as conversation:
            self._conversation = conversation
            self.outbox.opening = False
            opened.set()
            try:
                await self._end.wait()
            finally:
                self._conversation = None

    async def close(self) -> None:
        """End the box. The next prompt opens it again; what was said stays. May be called again."""
        self._end.set()
        holder, self._holder = self._holder, None
        if holder is not None:
            await asyncio.gather(holder, return_exceptions=True)

    async def leave(self) -> None:
        """End a turn that is being worked on, the box, and the sending of updates."""
        turn = self._turn
        if turn is not None:
            self._cancelled = True
            turn.cancel()
            await asyncio.gather(turn, return_exceptions=True)
        await self.close()
        await self.outbox.close()

    async def replay(self) -> None:
        """Send all that was said and done, and the mode that it ended in. For a session whose task is there."""
        translator = Translator(replay=True)
        for event in course(await self.events()):
            for update in translator.of(event):
                self.outbox.put(update)
        for update in translator.drop("the work was cut off"):
            self.outbox.put(update)
        await self.outbox.drain()

    async def events(self) -> Sequence[Event]:
        """The log as it is now."""
        row = await self.home.store.find(self.id)
        return await self.home.store.read(row.attempts[0].attempt)

    def mode_is(self, mode: str) -> None:
        """Work in that mode from the next turn on, and tell the editor of it. Raises InputError for what is none."""
        self.mode = orders.require_mode(mode)
        self.outbox.put(CurrentModeUpdate(session_update="current_mode_update", current_mode_id=mode))


def _reason(conversation: Conversation, turn: Turn) -> StopReason:
    if turn.ended == "interrupted":
        return "cancelled"
    if turn.ended == "limit":
        limits = [e.body.limit for e in conversation.log.events if isinstance(e.body, LimitReached)]
        return "max_tokens" if limits and limits[-1] in ("tokens", "context") else "max_turn_requests"
    last = conversation.log.last_reply
    return "refusal" if last is not None and last.stop == "refusal" else "end_turn"


def _usage(tokens: Tokens) -> Usage:
    return Usage(
        total_tokens=tokens.total,
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        thought_tokens=tokens.reasoning_tokens,
        cached_read_tokens=tokens.cached_input_tokens,
        cached_write_tokens=tokens.cache_write_tokens,
    )


def title_of(task: Task) -> str:
    """A session's name for a list."""
    return words.cut(words.line(task.prompt), TITLE)
