"""A conversation: turns of a person with the agent, on a copy of their folder, and what changes there brought back.

The log is the only state here too. A turn that was cut off goes on; a checkpoint that had not reached the folder is
brought there at the next turn. Where folder and copy disagree, the person's folder wins, and the model is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from midwatch.agent import compaction, context, modes
from midwatch.agent.delegate import Parent, with_subtasks
from midwatch.agent.log import History, Log
from midwatch.agent.loop import Workplace, compact, work
from midwatch.agent.requests import Requests
from midwatch.domain.conversation import Image, Usage
from midwatch.domain.errors import InputError, MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Failed, Message
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.ids import attempt_id
from midwatch.domain.interventions import FilesImported, Interrupted, ModeChosen, ModelChosen, Undone
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.models.base import Model
from midwatch.workflows.folder import Folder
from midwatch.workflows.parts import Parts, begun, told_instructions
from midwatch.workflows.reopening import keep, start_of
from midwatch.workflows.servers import equipped
from midwatch.workflows.site import Site, site
from midwatch.workflows.start import work_folder
from midwatch.workflows.tidy import tidy_at_the_end

MOST_FILES = 100
"""Names of changed files that are told."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn has come to."""

    ended: str
    """`done`, `limit` or `interrupted`."""
    text: str
    """The model's last words, or why it ended."""
    usage: Usage
    """Of this turn alone."""
    first: int
    """The first event of the turn."""
    notes: tuple[str, ...] = ()
    """What a person should know: changes that could not be brought to their folder."""


class Conversation:
    """An open conversation. One turn at a time; made by `converse`."""

    def __init__(self, task: Task, log: Log, place: Site, bench: Workplace, parts: Parts) -> None:
        self.task = task
        self.log = log
        """For reading."""
        self._place, self._parts = place, parts
        self._folder = Folder(parts.repository, task, log)
        self._inbox: list[Message] = []
        self._same_box = log.checkpoint is None
        self._turn: asyncio.Task[None] | None = None
        parent = Parent(log, bench.tools, parts.store, parts.state / "locks", lambda: self._bench)
        bench = replace(bench, saved=self._saved, inbox=self._take, go_to=self._go_to)
        self._bench = with_subtasks(bench, parent)

    async def turn(
        self, text: str | None, images: Sequence[Image] = (), schema: Mapping[str, Any] | None = None
    ) -> Turn:
        """Say something and let the agent work until it answers, a limit ends it, or `interrupt` does; None goes on
        with a turn that was cut off. `images` are in the blob store. Raises MidwatchError for what stopped it; the next
        turn goes on from there. Cancelling it is an interruption."""
        first, spent = len(self.log.events) + 1, self.log.usage
        self._folder.notes.clear()
        if text is not None:
            if self.log.outcome is None and self.log.items:
                await self.log.append(Interrupted(self.log.checkpoint, "the turn was cut off before"))
            await self._import()
            said = Message("person", context.shown_prompt(text), tuple(images), schema or {})
            await self.log.append(*await self._opening(), *self._restarted(), *_mode_told(self.log), said)
        elif self.log.outcome is not None or not self.log.items:
            raise InputError("there is no turn to go on with", "say something")
        else:
            await self._folder.reach(self._ours())
        await self._work()
        while self._inbox and self.log.outcome is not None and self.log.outcome.kind == "done":
            await self.log.append(*self._take())
            await self._work()
        outcome = self.log.outcome
        assert outcome is not None
        usage = self.log.usage - spent
        return Turn(outcome.kind, outcome.text, usage, first, tuple(self._folder.notes))

    async def _work(self) -> None:
        self._turn = asyncio.create_task(work(self.log, self._bench, same_box=self._same_box))
        self._same_box = True
        try:
            await self._turn
        except asyncio.CancelledError:
            await self._interrupted()
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
        except MidwatchError as error:
            if not isinstance(error, StaleEpoch | StoreError):
                await self.log.append(Failed(error.message, error.mend))
            raise
        finally:
            self._turn = None
            if left := self._bench.requests.take():
                await self.log.append(*left)

    async def _interrupted(self) -> None:
        """Keep the files as they are, and say in the log that a person ended the turn."""
        if self.log.outcome is not None:
            return
        checkpoint, _ = await modes.save(self._bench.tree, self._bench.box, self.task.mode)
        await self.log.append(Interrupted(checkpoint, "a person ended the turn"))
        await self._saved(checkpoint)

    def interrupt(self) -> None:
        """End the turn: its command is killed, its files stay. Nothing happens when there is none."""
        if self._turn is not None:
            self._turn.cancel()

    @property
    def working(self) -> bool:
        """Whether a turn is being worked on."""
        return self._turn is not None

    async def settle_on(self, mode: str, name: str, model: Model) -> None:
        """Write down the mode and the model that it was opened with, where they are others than before."""
        if name != (self.log.model or self.task.model):
            await self.choose(name, model)
        started = self.log.task
        if mode != (self.log.mode or (started.mode if started else mode)):
            await self.choose_mode(mode)

    @property
    def model(self) -> Model:
        """Which answers from the next turn on."""
        return self._bench.model

    def say(self, text: str, images: Sequence[Image] = ()) -> None:
        """Queue a message: the model reads it at its next call. For while a turn is being worked on."""
        self._inbox.append(Message("person", context.shown_prompt(text), tuple(images), self.log.schema))

    def take_back(self) -> Sequence[Message]:
        """What was queued and the model has not read: it is not said, and given back."""
        return self._take()

    def _take(self) -> Sequence[Message]:
        taken, self._inbox = tuple(self._inbox), []
        return taken

    async def _saved(self, checkpoint: Checkpoint) -> None:
        # an interruption waits until the folder is whole again
        bringing = asyncio.ensure_future(self._folder.bring(checkpoint))
        try:
            await asyncio.shield(bringing)
        except asyncio.CancelledError:
            await asyncio.wait([bringing])
            raise

    async def _opening(self) -> list[Message]:
        """What comes before the first words."""
        if self.log.items:
            return []
        told = await told_instructions(self.task, self._parts)
        where = context.environment(self.task, self._bench.box.workdir, self._place.environment.notes)
        first = "\n\n".join((where, *context.given(self.task)))
        return [*([Message("repository", told)] if told else []), Message("harness", first)]

    def _restarted(self) -> list[Message]:
        """Said once where the box is not the one of earlier turns."""
        told = self._same_box or not self.log.commands
        self._same_box = True
        if told:
            return []
        return [Message("harness", f"[{context.RESTARTED}]")]

    async def _import(self) -> None:
        """See what the person has changed in their folder since, and go on with that."""
        ours = self._ours()
        theirs = await self._folder.settle(ours)
        if theirs is None:
            return
        changes = await self._parts.repository.stat(ours.tree, theirs.tree)
        files = tuple(change.path for change in changes[:MOST_FILES])
        await self._go_to(theirs)
        more = f" and {len(changes) - len(files)} more" if len(changes) > len(files) else ""
        words = f"[The person has changed files in their folder, and yours are the same now: {', '.join(files)}{more}]"
        told = [Message("harness", words)] if self.log.items else []
        await self.log.append(FilesImported(theirs, files), *told)

    def _ours(self, history: History | None = None) -> Checkpoint:
        """The files of the copy, now or at an earlier time."""
        return (history or self.log).checkpoint or start_of(self.task)

    async def _go_to(self, checkpoint: Checkpoint) -> None:
        """Make the files of the copy those of a checkpoint."""
        await self._place.go_to(self._bench.tree, self._bench.box, checkpoint)

    async def undo(self, to: int, reason: str = "undo") -> tuple[FileChange, ...]:
        """Go back to where it was after event `to`, files and conversation, and say what changes in the folder; what
        the person changed in other places stays. Raises InputError while a turn is being worked on, when there is no
        such event, or when it does not fit what the person has changed: then nothing has been touched."""
        if self.working or not 0 < to < len(self.log.events):
            raise InputError(
                f"there is no going back to event {to} now", "interrupt the turn, and name an earlier event"
            )
        point, ours = self._ours(History(self.log.events[:to])), self._ours()
        await self._folder.settle(ours)
        changes = await self._folder.turn_back(ours, point)
        await keep(self._parts.repository, self.log.attempt, self.log)
        await self._go_to(point)
        await self.log.append(Undone(to, point, reason))
        return changes

    async def compact(self) -> bool:
        """Sum the conversation up now; False when there is nothing that could be left out."""
        if self.working or not compaction.possible(self.log, self._bench.model):
            return False
        await compact(self.log, self._bench)
        return True

    async def choose(self, name: str, model: Model) -> None:
        """Let another model answer from the next call on; the one before is left open."""
        await self.log.append(ModelChosen(name))
        self._bench = replace(self._bench, model=model)

    async def choose_mode(self, mode: str) -> bool:
        """Let the agent do more or less from the next turn on. True when the conversation must be opened again for it,
        because another sandbox is needed. Raises InputError while a turn is being worked on, and for what is no
        mode."""
        if self.working or mode not in modes.WORDS:
            raise InputError(
                f"the mode cannot be {mode!r} now", f"the modes are {', '.join(modes.WORDS)}, between two turns"
            )
        again = (mode == "full") != (self.task.mode == "full")
        await self.log.append(ModeChosen(mode))
        if not again:
            self.task = self._folder.task = replace(self.task, mode=mode)
            self._bench = replace(self._bench, task=self.task)
        return again


def _mode_told(log: Log) -> list[Message]:
    """What the model must know of a mode that was chosen since it was last spoken to."""
    for event in reversed(log.events):
        if isinstance(event.body, ModeChosen):
            mode = event.body.mode
            return [
                Message("harness", f"[The person has chosen the mode {mode}: {modes.WORDS.get(mode, 'see there')}]")
            ]
        if isinstance(event.body, Message):
            break
    return []


def as_chosen(task: Task, history: History, driver: str, mode: str = "") -> Task:
    """The task of a conversation in this mode, or in the one that was chosen last. `driver` is the sandbox of one that
    was begun without."""
    mode = mode or history.mode or task.mode
    if mode == "full":
        return replace(task, mode=mode, sandbox="process")
    return replace(task, mode=mode, sandbox=driver if task.mode == "full" else task.sandbox)


@asynccontextmanager
async def converse(task: Task, parts: Parts) -> AsyncIterator[Conversation]:
    """Open a conversation, new or from its log, with a box of its own; closed with the context. Raises InputError when
    another process has it open, and as `site`."""
    name = attempt_id(task.id, 1)
    with hold(parts.state / "locks", name):
        log = await Log.open(parts.store, name, parts.observer)
        async with site(task, await begun(task, [log], parts), parts.site) as place:
            async with _bench(task, log, place, parts) as bench:
                yield Conversation(task, log, place, bench, parts)
        with contextlib.suppress(MidwatchError, OSError):
            await bench.tree.remove()
            parts.blobs.sweep()
            await tidy_at_the_end(parts.state, parts.means.settings)


@asynccontextmanager
async def _bench(task: Task, log: Log, place: Site, parts: Parts) -> AsyncIterator[Workplace]:
    if place.ready and (place.ready.built or not log.items):
        await log.append(place.ready)
    parts.observer.phase("preparing the workspace")
    tree = await place.workspace(work_folder(parts.state, log.attempt), log.attempt, log.checkpoint)
    requests = Requests("work")
    async with (
        place.box(tree, log.attempt, requests.note, parts.support, later=True) as box,
        equipped(task, log, box, parts.tools, parts.servers) as tools,
    ):
        yield Workplace(
            task, parts.model, tools, box, tree, parts.blobs, parts.observer, requests, parts.approver,
            purse=parts.purse,
        )  # fmt: skip
