"""Being a worker: take turns of tasks from the engine, work on them, and hand over what is left when told to stop."""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from midwatch import __version__, wiring
from midwatch.announcing import announce
from midwatch.arriving.taking import arrive
from midwatch.counting import keep_count
from midwatch.domain.errors import InputError, MidwatchError, NewerLog, OperationError, StaleEpoch, StoreError
from midwatch.domain.ids import task_of
from midwatch.domain.labels import joined
from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.handing import another, find_lost, sweep
from midwatch.engine.lease import Held
from midwatch.engine.shift import MOST_UNCLOSED, Shift
from midwatch.engine.sittings import KIND
from midwatch.engine.turns import Turns
from midwatch.engine.workers import Lease, Terms, new_id
from midwatch.equipping import sit
from midwatch.leaving import Going, handed_over, let_go
from midwatch.reconciling import reconcile
from midwatch.reviewing import review
from midwatch.sandbox import drivers
from midwatch.workflows.postbox import Postbox
from midwatch.workflows.reopening import Shelf

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.base import Engine
    from midwatch.engine.letters import Letter
    from midwatch.engine.turns import Turn
    from midwatch.sandbox.slots import Slots
    from midwatch.settings import Settings
    from midwatch.wiring import Home

T = TypeVar("T")

LOOK = 0.25
"""Seconds between two looks at what people want of the turns that are worked on."""
SWEEP = 2.0
"""Seconds between two looks at what was not handed to the engine, or not closed."""
FORGET = 7 * 86400.0
"""Seconds after which the engine forgets what was ordered and has ended."""
MOST_TRIES = 6
"""In a row, without getting further."""
FIRST_PAUSE = 5.0
"""Seconds before a turn that could not go on is tried again; each further pause is twice as long."""
HELD_PAUSE = 5.0
"""Seconds before a turn is tried again whose task another process works on."""
NEWER_PAUSE = 30.0
"""Seconds before a turn is tried again that only a newer release can work on."""

_CUT = OperationError("the work was cut off, and nobody wanted that", "`midwatch retry` goes on with it")
"""A part of it has cancelled the whole."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker works."""

    capacity: int
    """Turns at the same time."""
    slots: Slots
    """For boxes with processes: a turn that waits for a model or a person has none."""
    terms: Terms = field(default_factory=Terms)
    note: Callable[[str, str], None] = lambda _turn, _text: None
    """Told in a line what happens to a turn (empty: to the worker itself); from any thread."""
    trouble: Callable[[BaseException], None] = lambda _: None
    """Told what has ended a turn that nobody wanted to end."""
    labels: tuple[str, ...] = ()
    """What this worker has: it takes turns that demand these, or none."""
    started: Callable[[], None] = lambda: None
    """Called once it takes turns."""


def engine_of(home: Home) -> Engine:
    """The engine beside the home's database. Raises InputError when the server part is not installed."""
    from midwatch.engine.durable.address import engine_url
    from midwatch.engine.durable.dbos_engine import DbosEngine

    return DbosEngine(engine_url(home.environ.get(VARIABLE, ""), home.state))


async def work(home: Home, engine: Engine, options: Options, stop: asyncio.Event) -> None:
    """Be a worker until `stop` is set; then whatever it was doing is handed over, and this returns. One process is one
    worker. Raises StoreError when the database cannot be used at the start."""
    worker = _Worker(home, engine, options)
    await worker.start()
    doings = (worker.watch(), worker.sweep(), reconcile(home), announce(home), arrive(home), keep_count(home))
    loops = [asyncio.create_task(doing) for doing in doings]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*loops, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*loops, stopped):
            task.cancel()
        await asyncio.wait([*loops, stopped])
        await worker.drain()
    for task in loops:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


class _Worker:
    def __init__(self, home: Home, engine: Engine, options: Options) -> None:
        self._before = home.adjust
        self._home = replace(home, sandboxes=drivers.slotted(options.slots), adjust=self._adjusted)
        self._engine, self._options = engine, options
        self._url = home.environ.get(VARIABLE, "")
        self._lease = Lease(
            new_id(), lambda: opened(self._url, home.state), options.capacity, __version__, options.terms,
            self._reaped, lambda text: options.note("", text), options.labels,
        )  # fmt: skip
        self._turns = Turns(home.store.database)
        self._shift = Shift(home.store.database, self._lease.id)
        self._going: dict[str, Going] = {}
        self._owners: dict[str, str] = {}
        self._waiting: set[asyncio.Task[object]] = set()
        self._draining = False
        self._lost, self._looked, self._closed = 0, "", ""

    def _adjusted(self, settings: Settings) -> Settings:
        """What a turn spends counts for whoever wants it."""
        settings = self._before(settings) if self._before else settings
        return replace(settings, accounts=lambda task: self._owners.get(task.id, ""))

    async def start(self) -> None:
        """Have a lease, then take turns."""
        if not self._url.startswith("postgres"):  # there, `midwatch migrate` alone changes the schema
            await self._home.store.database.migrate()
            await self._engine.migrate()
        await asyncio.to_thread(preload)
        await self._lease.start()
        options = self._options
        await self._engine.launch(self._lease.id, options.capacity, self.do, options.labels)
        options.started()
        has = f", and has the labels {joined(options.labels)}" if options.labels else ""
        options.note("", f"worker {self._lease.id} takes up to {options.capacity} turns{has}")

    async def do(self, run: str) -> str:
        """One run of the engine. See `Work`."""
        await self._may_begin()
        lost = self._lease.lost
        turn = await self._patiently(lambda: self._shift.begin(run))
        if turn is None:
            return "not now"
        try:
            ended = await self._begun(turn, lost)
        except Exception:  # no turn stays with a worker that does not work on it
            await self._patiently(lambda: self._shift.again(turn, HELD_PAUSE))
            raise
        self._options.note(turn.id, ended)
        with suppress(MidwatchError):  # the next sweep does the same
            await another(self._turns, self._engine)
        return ended

    async def _begun(self, turn: Turn, lost: int) -> str:
        """Work on it to its end. `lost`: as the lease had it before."""
        self._options.note(turn.id, f"begins ({turn.kind})" if turn.losses + turn.tries == 0 else "goes on")
        postbox = Postbox()
        going = Going(turn, asyncio.create_task(self._solve(turn, postbox)), postbox)
        self._going[turn.id] = going
        self._owners[turn.task] = turn.owner
        if self._draining or not self._mine or lost != self._lease.lost:  # the lease ended while it was taken
            going.end("drain")
        try:
            await asyncio.wait([going.doing])
            return await self._patiently(lambda: self._ended(going))
        finally:
            if self._going.get(turn.id) is going:
                del self._going[turn.id]
                self._owners.pop(turn.task, None)

    async def _may_begin(self) -> None:
        """Wait for the lease. When the worker ends instead, another one takes the run up."""
        me = asyncio.current_task()
        assert me is not None
        self._waiting.add(me)
        try:
            while self._draining or not self._mine:  # noqa: ASYNC110 - the lease is kept on another thread
                await asyncio.sleep(LOOK)
        finally:
            self._waiting.discard(me)

    @property
    def _mine(self) -> bool:
        """The turns that are worked on here are this worker's."""
        return self._lease.ours and self._lost == self._lease.lost

    async def watch(self) -> None:
        """What people want of the turns, and whether they are this worker's still."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self._look()
            except StoreError as error:
                self._options.note("", f"could not look: {error.message}")

    async def sweep(self) -> None:
        """What a crash has left between the rows, the engine and the logs."""
        for rounds in itertools.count(1):
            doings: list[Callable[[], Awaitable[object]]] = [partial(sweep, self._turns, self._engine), self._close_all]
            if not rounds % 15:
                doings.append(self._find_lost)
            if not rounds % 300:
                doings.append(partial(self._engine.tidy, FORGET))
            for doing in doings:  # none of them waits for what another one cannot do
                try:
                    await doing()
                except MidwatchError as error:
                    self._options.note("", f"could not sweep: {error.message}")
            await asyncio.sleep(SWEEP)

    async def _close_all(self) -> None:
        found = await self._shift.unclosed(self._closed)
        self._closed = found[-1].id if len(found) == MOST_UNCLOSED else ""
        for turn in found:
            try:
                await self._close(turn)
            except MidwatchError as error:  # the others can be closed all the same
                self._options.note(turn.id, f"its log does not say yet that it was cancelled: {error.message}")

    async def _find_lost(self) -> None:
        self._looked = await find_lost(self._turns, self._engine, self._looked)

    async def drain(self) -> None:
        """Hand over within a lease, then drop it. Where the database does not answer, others take up what is left of
        the turns when that is over."""
        self._draining = True
        await self._engine.rest()  # what is handed over, and what comes now, is another's
        lease = self._options.terms.lease
        self._options.note("", f"stopping; handing over {len(self._going)} turns")
        answered = await handed_over(self._going, lease)
        with suppress(MidwatchError, TimeoutError):  # another worker's sweep does the same
            async with asyncio.timeout(lease / 6 if answered else 0):
                await sweep(self._turns, self._engine)
        await self._engine.stop()
        for task in self._waiting:
            task.cancel()
        await self._lease.stop()
        self._options.note("", "stopped")

    async def _look(self) -> None:
        if not self._mine:
            await self._let_go()
            return
        if not self._going:
            return
        wishes, letters = await self._shift.wanted()
        for turn in wishes:
            if turn.id in self._going:
                self._going[turn.id].end(turn.wish, turn.wished_by)
        if letters:
            tasks = {going.turn.task: going.postbox for going in self._going.values()}
            for letter in letters:
                if (postbox := tasks.get(task_of(letter.attempt))) is not None:
                    postbox.put([letter])

    async def _let_go(self) -> None:
        """The lease is over: whatever this worker was doing may be another's now."""
        lost = self._lease.lost
        if self._going:
            self._options.note("", f"the lease is over; letting go of {len(self._going)} turns")
        begun = [going.turn for going in self._going.values()]
        await let_go(self._going.values(), self._options.terms.lease)
        await self._patiently(lambda: self._shift.let_go(begun))  # the next look would not know any more what had begun
        self._lost = lost

    async def _solve(self, turn: Turn, postbox: Postbox) -> None:
        from midwatch.workflows.recalling import recall

        task = (await self._home.store.find(turn.task)).task
        if task.kind == KIND:
            await sit(self._home, task, lambda: postbox.at_move is not None)
            return
        letters = await self._shift.letters(task.id)
        postbox.put(letters)
        if turn.kind in ("retry", "message"):
            await recall(self._shelf, task.id, begun=turn.kind == "retry")
        if letters:
            await self._reopen(task, await postbox.read(self._home.store))
        if task.kind == "review":
            await review(self._home, task, postbox)
            return
        done = await wiring.run(self._home, task.id, postbox, postbox.take)
        await self._shift.delivered(postbox.arrived)
        await self._shift.settle(task.id, but=done.chosen.attempt)

    async def _reopen(self, task: Task, letters: Sequence[Letter]) -> None:
        """A task that is finished takes a message up as `midwatch tell` does. What it cannot take is not kept."""
        from midwatch.workflows.reopening import tell

        found = await wiring.report(self._home, task.id)
        first = next((letter for letter in letters if letter.attempt == found.chosen.attempt), None)
        if first is None or not found.finished:
            return
        try:
            await tell(self._shelf, first.attempt, first.text, first.images)
        except Held:
            raise
        except InputError:
            await self._shift.settle(task.id)
            raise

    async def _ended(self, going: Going) -> str:
        """Write down how a turn ended, and say it in words."""
        turn, shift = going.turn, self._shift
        await shift.delivered(going.postbox.arrived)
        error = _CUT if going.doing.cancelled() else going.doing.exception()
        if going.why and error is not None:
            return await self._stopped(going)
        if error is not None:
            self._options.trouble(error)
        tries = await shift.tries(turn) if isinstance(error, OperationError) else 0
        match error:
            case None:
                kept = await shift.end(turn, "done")
            case StaleEpoch() | Held():
                kept = await shift.again(turn, HELD_PAUSE)
                return f"let go: {error.message}" if kept else "let go"
            case NewerLog():
                await shift.again(turn, NEWER_PAUSE)
                return f"left to a newer worker: {error.message}"
            case OperationError() if tries < MOST_TRIES:
                pause = FIRST_PAUSE * 2 ** (tries - 1)
                await shift.again(turn, pause, failed=True)
                return f"could not go on, again in {pause:.0f} s: {error.message}"
            case MidwatchError():
                kept = await shift.end(turn, "failed", error.message, error.mend)
                return f"failed: {error.message}"
            case _:
                self._options.note(turn.id, "".join(traceback.format_exception(error)).rstrip())
                what = f"a bug in Midwatch: {type(error).__name__}: {error}"
                kept = await shift.end(turn, "failed", what, "the worker's output has all of it; please report it")
                return f"failed: {what}"
        return "done" if kept else "let go"

    async def _stopped(self, going: Going) -> str:
        turn = going.turn
        match going.why:
            case "cancel":
                if await self._shift.end(turn, "cancelled", unclosed=True):
                    await self._close(replace(turn, wished_by=going.by))
                return "cancelled"
            case "pause":
                await self._shift.end(turn, "paused")
                return "paused"
            case "lost":
                return "let go"  # `_let_go` queues it
        await self._shift.again(turn)
        return "handed over, in the middle of a move" if going.why == "cut" else "handed over"

    async def _close(self, turn: Turn) -> None:
        """Let the logs of a cancelled turn say so."""
        from midwatch.workflows.cancelling import cancel

        try:
            await cancel(self._shelf, turn.task, turn.wished_by)
        except (Held, NewerLog):
            return  # the next sweep does, or a newer worker's
        except InputError as error:
            self._options.note(turn.id, f"its log does not say that it was cancelled: {error.message}")
        await self._shift.closed(turn)

    @property
    def _shelf(self) -> Shelf:
        return Shelf(self._home.state, self._home.store, self._home.forge)

    async def _reaped(self, live: Sequence[str], _: Sequence[str]) -> None:
        await self._engine.recover(live)

    async def _patiently(self, doing: Callable[[], Awaitable[T]]) -> T:
        """Do it when the database answers. What the lease's end makes of it meanwhile, the database refuses."""
        while True:
            try:
                return await doing()
            except StoreError as error:
                self._options.note("", f"waiting for the database: {error.message}")
                await asyncio.sleep(1)


def preload() -> None:
    """What the first turn would load while its lease runs already. May be called twice; starts no thread."""
    from midwatch.models import transport
    from midwatch.sandbox import drivers as drivers
    from midwatch.tools import toolset as toolset
    from midwatch.workflows import read as read
    from midwatch.workflows import review as review
    from midwatch.workflows import solve as solve

    transport.preload()
