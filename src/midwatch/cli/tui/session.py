"""The conversation that the screen shows: made with the first words, held open until another one is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch import talking, wiring
from midwatch.domain.evidence import FileChange
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.store.base import TaskRow
from midwatch.models.base import Model
from midwatch.tools.approval import Approver
from midwatch.workflows.conversation import Conversation
from midwatch.workflows.start import Request
from midwatch.workspace.repository import Repository

RECENT = 300
"""Tasks that are looked through for conversations."""


@dataclass
class Choices:
    """What the next conversation begins with."""

    folder: str
    model: str
    mode: str = "workspace"


class Session:
    """At most one open conversation. Its context is entered and left by a task of its own."""

    def __init__(self, home: wiring.Home, choices: Choices, observer: Observer, approver: Approver) -> None:
        self.home, self.choices = home, choices
        self._observer, self._approver = observer, approver
        self.talk: Conversation | None = None
        self._holder: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._models: list[Model] = []

    @property
    def task(self) -> Task | None:
        """Of the open conversation."""
        return self.talk.task if self.talk else None

    async def begin(self, prompt: str) -> Conversation:
        """A new conversation; `prompt` names it in lists and is not said yet. Raises MidwatchError."""
        request = Request(
            prompt.strip() or "(pictures)",
            self.choices.folder,
            model=self.choices.model,
            kind="conversation",
            mode=self.choices.mode,
        )
        task = await wiring.start(self.home, request)
        return await self.open(task.id)

    async def open(self, task_id: str) -> Conversation:
        """Open one that there is; the one before is closed. Raises MidwatchError."""
        await self.close()
        ready: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()
        self._end = asyncio.Event()
        self._holder = asyncio.create_task(self._hold(task_id, ready, self._end))
        try:
            self.talk = await ready
        except BaseException:
            await self.close()
            raise
        return self.talk

    async def _hold(self, task_id: str, ready: asyncio.Future[Conversation], end: asyncio.Event) -> None:
        try:
            async with talking.converse(self.home, task_id, self._observer, self._approver) as talk:
                if not ready.done():
                    ready.set_result(talk)
                    await end.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def close(self) -> None:
        """Close what is open; nothing of it is lost. May be called twice. Raises what went wrong in closing."""
        holder, self._holder, self.talk = self._holder, None, None
        self._end.set()
        if holder is not None:
            await asyncio.gather(holder)
        for model in self._models:
            await model.close()
        self._models.clear()

    async def choose(self, name: str) -> None:
        """Let another model answer, in this conversation and the next ones. Raises InputError."""
        model = await wiring.named_model(self.home, name)
        if self.talk is None:
            await model.close()
        else:
            self._models.append(model)
            await self.talk.choose(name, model)
        self.choices.model = name

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return (self.talk.log.model or self.talk.task.model) if self.talk else self.choices.model

    @property
    def window(self) -> int:
        """Tokens that fit into the model's window; 0 when that is not known yet."""
        return self.talk.model.window if self.talk else 0

    async def conversations(self) -> Sequence[TaskRow]:
        """The newest first; those of this folder before the others. Raises StoreError."""
        rows = [row for row in await self.home.store.recent(RECENT) if row.task.kind == "conversation"]
        rows.sort(key=lambda row: row.attempts[0].updated or row.task.created, reverse=True)
        return sorted(rows, key=lambda row: not self.is_here(row.task))

    def is_here(self, task: Task) -> bool:
        """Whether a conversation is about the folder of the person."""
        folder = f"{self.choices.folder.rstrip('/')}/"
        return folder.startswith(f"{task.repository.rstrip('/')}/")

    async def changes(self, since: str = "") -> tuple[FileChange, ...]:
        """The files that differ from the beginning, or from another tree. Raises MidwatchError."""
        if (pair := self._trees(since)) is None:
            return ()
        return await (await self._repository()).stat(*pair)

    async def difference(self) -> bytes:
        """The whole change since the beginning as a unified diff. Raises MidwatchError."""
        if (pair := self._trees("")) is None:
            return b""
        return await (await self._repository()).diff(*pair)

    async def going_back(self, to: int) -> tuple[FileChange, ...]:
        """What undoing to event `to` changes in the files. Raises MidwatchError."""
        from midwatch.agent.log import History

        assert self.talk is not None
        base, log = self.talk.task.base, self.talk.log
        point = History(log.events[:to]).checkpoint
        now = log.checkpoint.tree if log.checkpoint else base.tree
        return await (await self._repository()).stat(now, point.tree if point else base.tree)

    def _trees(self, since: str) -> tuple[str, str] | None:
        """From where to where; None when nothing can differ."""
        if self.talk is None or self.talk.log.checkpoint is None:
            return None
        return since or self.talk.task.base.tree, self.talk.log.checkpoint.tree

    async def _repository(self) -> Repository:
        assert self.talk is not None
        return await Repository.open(self.home.state, self.talk.task.repository, refresh=False)
