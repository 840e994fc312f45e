"""One turn from its order to its last event. Whatever happens, the stream has an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch import talking, wiring
from midwatch.cli.codex import prompt as prompts
from midwatch.cli.codex import stream as streams
from midwatch.cli.codex import values
from midwatch.cli.codex.calls import Ground
from midwatch.cli.codex.order import Order
from midwatch.cli.codex.presenter import MOST_OUTPUT, Presenter, usage_fields
from midwatch.cli.following import leave_at_once
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError, MidwatchError, ModelError, OperationError
from midwatch.domain.events import ToolFinished
from midwatch.domain.ids import attempt_id
from midwatch.domain.interventions import McpConnected
from midwatch.domain.task import Task
from midwatch.engine.lease import holder
from midwatch.sandbox import drivers
from midwatch.sandbox.early import Early
from midwatch.tools.approval import Nobody
from midwatch.workflows.start import Request

if TYPE_CHECKING:
    from midwatch.workflows.conversation import Conversation, Turn

MOST_CALLS, MOST_SECONDS = 10_000, 7 * 24 * 3600
"""Model calls and seconds of work of a whole conversation where the person's settings say nothing."""

LEASE_LOOKS = 200

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PHRASES = {400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
            429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
            504: "Gateway Timeout"}  # fmt: skip


@dataclass
class Turning:
    """A turn that is being done."""

    order: Order
    screen: Screen
    stream: streams.Stream
    signal: int = 0
    """What has asked it to stop; 0 for nothing."""
    thread: str = "--last"
    """The conversation, as `exec resume` takes it."""

    async def run(self) -> int:
        """Do it; the exit code."""
        work = asyncio.create_task(self._guarded())
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            if self.signal:
                self.stream.abandon(_interrupted(number))
                leave_at_once()
            self.signal = number
            work.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            return await work
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def _guarded(self) -> int:
        """Every way in which it can end."""
        try:
            with _state(self.screen.environ, ephemeral=self.order.ephemeral) as environ:
                return await self._turn(environ)
        except asyncio.CancelledError:
            if not self.signal:
                raise
            return await self._stopped()
        except MidwatchError as error:
            if self.signal:  # what breaks while everything is being ended is not news
                return await self._stopped()
            await self.stream.failed(
                words(error), error.mend.replace("`midwatch resume`", f"`midwatch exec resume {self.thread}`")
            )
            return 1
        except Exception as error:  # noqa: BLE001 - a bug is shown whole, and the stream still ends
            import traceback

            sys.stderr.write(traceback.format_exc())
            await self.stream.failed(
                f"a bug in Midwatch: {type(error).__name__}: {error}", "please report the lines above"
            )
            return 1

    async def _stopped(self) -> int:
        await self.stream.failed(_interrupted(self.signal))
        return 128 + self.signal

    async def _turn(self, environ: Mapping[str, str]) -> int:
        order = self.order
        said = await prompts.read(order.prompt)
        for note in (*said.notes, *(f"the setting {name} is not known" for name in order.values.unknown)):
            self.stream.note(note)
        if order.values.get("sandbox_workspace_write", "network_access"):
            self.stream.note("network_access is taken, without effect: a repository's recipe names the hosts")
        around = values.environment(order.values, environ)
        async with wiring.home(around, lambda found: values.adjusted(found, order.values, order.folders)) as home:
            async with _tried_early(home, order.mode):
                return await self._talk(home, said.text)

    async def _talk(self, home: wiring.Home, text: str) -> int:
        order = self.order
        if order.resume is None:
            task = await wiring.start(home, _request(order, text, home))
        else:
            task = await _earlier(home, order)
        self.thread = task.id
        self.stream.thread(task.id)
        if order.resume and not _within(order.folder, task):
            self.stream.note(f"the conversation goes on in its own folder, {task.repository}")
        pictures, faults = prompts.images(order.images, home.blobs)
        model = values.model_name(order.values, home.settings.models) if order.resume is not None else ""
        await _released(home, task)
        async with talking.converse(home, task.id, self.stream, Nobody(), order.mode, model) as talk:
            self._begin(home, talk)
            for fault in (*faults, *_unusable(talk), *_cut(text)):
                self.stream.note(fault)
            began = time.monotonic()
            turn = await talk.turn(text, pictures, order.schema)
            return await self._over(talk, turn, round((time.monotonic() - began) * 1000))

    def _begin(self, home: wiring.Home, talk: Conversation) -> None:
        """The turn starts, on the files as they are."""
        task = talk.task

        def output(event: ToolFinished) -> str:
            return _read(home.blobs.path(event.digest), event.bytes)

        async def differ(old: str, new: str) -> str:
            from midwatch.workspace.repository import Repository

            repository = await Repository.open(home.state, task.repository, refresh=False)
            return (await repository.diff(old, new)).decode("utf-8", "replace")

        tree = (talk.log.checkpoint or task.base).tree
        retries = values.retries(home.settings.models, talk.log.model or task.model)
        self.stream.turn(Presenter(Ground(task.repository, task.folder, task.id), output), differ, tree, retries)

    async def _over(self, talk: Conversation, turn: Turn, milliseconds: int) -> int:
        for note in turn.notes:
            self.stream.note(note)
        for fault in streams.told(self.order.answer_file, turn.text if turn.ended == "done" else ""):
            self.stream.note(fault)
        if turn.ended != "done":
            await self.stream.failed(turn.text)
            return 1
        log = talk.log
        cost = log.cost_microusd if log.cost_known else None
        extra = {"turn_usage": usage_fields(turn.usage), "duration_ms": milliseconds, "cost_microusd": cost}
        await self.stream.completed(turn.text, usage_fields(log.usage), extra)
        return 0


def _unusable(talk: Conversation) -> list[str]:
    """The MCP servers that this turn has to do without."""
    latest = {event.body.server: event.body for event in talk.log.events if isinstance(event.body, McpConnected)}
    return [f"the MCP server {name} cannot be used: {body.error}" for name, body in latest.items() if body.error]


def _cut(text: str) -> Sequence[str]:
    from midwatch.agent.context import PROMPT_CAP

    if len(text) <= PROMPT_CAP:
        return ()
    return (f"of the {len(text):,} characters of the prompt the model is shown the first {PROMPT_CAP:,}",)


def _interrupted(number: int) -> str:
    return f"interrupted by {signal.Signals(number).name}"


def words(error: MidwatchError) -> str:
    """What went wrong; of a model in the words that Codex's clients look for."""
    if not isinstance(error, ModelError):
        return error.message
    if error.status and error.retryable:
        return f"exceeded retry limit, last status: {_status(error.status)}: {error.message}"
    if error.status:
        return f"unexpected status {_status(error.status)}: {error.message}"
    return f"stream disconnected before completion: {error.message}" if error.retryable else error.message


def _status(number: int) -> str:
    return f"{number} {_PHRASES[number]}" if number in _PHRASES else str(number)


def _request(order: Order, text: str, home: wiring.Home) -> Request:
    """A new conversation."""
    settings, limits = home.settings, dict[str, int]()
    if settings.limits.turns is None:
        limits["turns"] = MOST_CALLS
    if settings.limits.seconds is None:
        limits["seconds"] = MOST_SECONDS
    mode = order.mode or "read-only"
    models = settings.models
    return Request(
        prompt=text,
        repository=order.folder,
        model=values.model_name(order.values, models) or values.default_model(order.values, models),
        limits=limits,
        sandbox="process" if mode == "full" else None,
        kind="conversation",
        mode=mode,
    )


async def _earlier(home: wiring.Home, order: Order) -> Task:
    """The conversation to go on with. Raises InputError when there is none."""
    assert order.resume is not None
    if order.resume:
        task = (await home.store.find(order.resume)).task
        if task.kind != "conversation":
            raise InputError(f"{task.id} is no conversation", f"`midwatch resume {task.id}` goes on with it")
        return task
    rows = [row for row in await home.store.recent(1000) if row.task.kind == "conversation"]
    if not order.anywhere:
        rows = [row for row in rows if _within(order.folder, row.task)]
    if rows:  # not by id: those of one second are in no order
        return max(rows, key=lambda row: row.attempts[-1].updated if row.attempts else "").task
    raise InputError("there is no conversation of this folder", 'begin one: midwatch exec "…"')


@contextlib.asynccontextmanager
async def _tried_early(home: wiring.Home, mode: str) -> AsyncIterator[None]:
    """Try the sandbox while git looks at the repository."""
    name = "process" if mode == "full" else home.settings.sandbox.driver
    home.sandboxes[name] = early = Early(drivers.make(name))
    try:
        yield
    finally:
        await early.drop()


async def _released(home: wiring.Home, task: Task) -> None:
    """Wait a little where another process still closes what it did: a client may end a turn and at once ask for the
    next one."""
    for _ in range(LEASE_LOOKS):
        if holder(home.state / "locks", attempt_id(task.id, 1)) is None:
            return
        await asyncio.sleep(0.05)


def _within(folder: str, task: Task) -> bool:
    return os.path.normpath(Path(task.repository) / task.folder) == folder


def _read(path: Path, size: int) -> str:
    """A command's output; of a very long one its beginning and its end."""
    with path.open("rb") as file:
        if size <= MOST_OUTPUT:
            return file.read().decode("utf-8", "replace")
        half = MOST_OUTPUT // 2
        head = file.read(half)
        file.seek(size - half)
        left_out = f"\n[… {size - MOST_OUTPUT} bytes left out …]\n"
        return head.decode("utf-8", "replace") + left_out + file.read().decode("utf-8", "replace")


@contextlib.contextmanager
def _state(environ: Mapping[str, str], *, ephemeral: bool) -> Iterator[Mapping[str, str]]:
    """The environment, with a state folder that is gone afterwards where that is asked for."""
    if not ephemeral:
        yield environ
        return
    folder = tempfile.mkdtemp(prefix="midwatch-")
    try:
        yield {**environ, "XDG_STATE_HOME": folder}
    finally:
        from midwatch.workspace.deletion import delete

        try:
            delete(Path(folder))  # a box leaves folders that their owner may not look into
        except OperationError as error:
            sys.stderr.write(f"midwatch: {error.message}\n")
