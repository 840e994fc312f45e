"""What a worker does with an environment because a person wants it: build it, or keep a terminal open in its box."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.observer import Silent
from midwatch.engine.sittings import Sitting, Sittings

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.sandbox.base import Box, Session
    from midwatch.wiring import Home
    from midwatch.workflows.environment import Environment, EnvironmentParts
    from midwatch.workspace.repository import Repository

IDLE = 15 * 60.0
"""Seconds without a key after which a terminal is closed."""
LONGEST = 2 * 3600.0
"""Seconds after which it is closed in any case."""
MOST_OUTPUT = 1 << 20
"""Bytes of a build's output that are shown; the rest of it is not kept beside the layers' own log."""
PIECE = 32 << 10
"""Bytes of output that are written at once: what comes faster than that is left out of a terminal."""
BACK = 24
"""Pieces of a terminal's output that are kept for who looks on."""
FAST, SLOW = 0.05, 0.25
"""Seconds between two looks for keys: while somebody types, and when nobody has for a while."""
_AWAKE = 5.0
STUCK = 5.0
"""Seconds that a terminal has to take keys; what it does not take then is dropped."""
_AROUND = 2
"""Lines of a recipe that are shown before and after the one that failed."""
_FLUSH = 0.25
_LAST = 2.0
"""Seconds that the last words of a terminal stay for those who read it."""


async def sit(home: Home, task: Task, leaving: Callable[[], bool]) -> None:
    """Do it to its end, and write down what came of it. `leaving`: whether the worker is about to stop, which ends a
    terminal. A build that was cut off is begun anew, a terminal is not. Raises OperationError for what may go better
    another time."""
    sittings = Sittings(home.store.database)
    sitting, begun_before = await sittings.begin(task.id)
    if sitting is None:
        raise InputError("nobody waits for this any more", "begin it anew from the environment's page")
    if sitting.ended:
        return
    if sitting.kind == "build":
        await _build(home, task, sittings, sitting)
    elif begun_before:
        await sittings.end(task.id, "closed", {"why": "the worker that had its box has stopped"})
        await sittings.forget(task.id)
    else:
        await _terminal(home, task, sitting, leaving)
    await sittings.tidy(sitting.repository)


async def _build(home: Home, task: Task, sittings: Sittings, sitting: Sitting) -> None:
    from midwatch.workflows.environment import Wanted, environment_layers
    from midwatch.workspace.layers.cache import Cache

    repository = await _repository(home, task)
    key = task.terms.layers
    lines = _Lines()
    async with _flushing(lines, sittings, task.id, 0):
        try:
            parts = await _parts(home, task, repository, lines)
            if key and sitting.options.get("fresh"):
                await Cache(home.state).drop(key)
            async with environment_layers(Wanted.by(task), parts) as environment:
                state, result = _made(environment, key)
        except InputError as error:
            state, result = "failed", {"message": error.message, "mend": error.mend}
        except OperationError as error:
            if _failing(error.message) is None:
                raise
            state, result = "failed", {"message": error.message, "mend": error.mend, "tail": error.detail}
    sentence = str(result.get("message") or next(iter(result.get("notes", ())), ""))
    result |= await _where(sentence, task, repository)
    await sittings.end(task.id, state, result)


def _made(environment: Environment, key: str) -> tuple[str, dict[str, Any]]:
    if not environment.made:
        kept = "with this sandbox nothing can be kept: each attempt runs the setup itself"
        return "empty", {"notes": [kept] if environment.commands else []}
    records = [layers.record for layers in environment.made]
    return "built" if environment.built else "kept", {
        "key": key,
        "seconds": round(sum(record.seconds for record in records), 3),
        "size": sum(record.size for record in records),
        "files": sum(record.files for record in records),
        "notes": [*environment.notes, *(text for record in records for text in record.left_out)],
    }


def _failing(message: str) -> Any:
    from midwatch.workflows.setup import failing

    return failing(message)


async def _where(sentence: str, task: Task, repository: Repository) -> Mapping[str, Any]:
    """Which command of the recipe the sentence is about, and its line."""
    from midwatch.workspace import objects
    from midwatch.workspace.recipe import FILE
    from midwatch.workspace.recipe_lines import line_of

    found = _failing(sentence)
    if found is None:
        return {}
    files = {FILE: task.terms.recipe.encode()} if task.terms.recipe else None
    files = files or dict(await objects.read_files(repository.git, task.base.commit, [FILE]))
    text = files.get(FILE, b"").decode("utf-8", "replace")
    line = line_of(text, found.what, found.number - 1)
    first = max(1, line - _AROUND)
    around = text.splitlines()[first - 1 : line + _AROUND] if line else []
    place = {"what": found.what, "number": found.number, "line": line, "ended": found.ended}
    return {"failing": {**place, "first": first, "around": around}}


async def _terminal(home: Home, task: Task, sitting: Sitting, leaving: Callable[[], bool]) -> None:
    """From its opening to its end, however it ends; nothing of what went to and fro stays."""
    sittings = Sittings(home.store.database)
    try:
        try:
            result = {"why": await _opened(home, task, sitting, leaving)}
        except (InputError, OperationError) as error:
            result = {"why": error.message, "mend": error.mend, "tail": error.detail}
        await sittings.end(task.id, "closed", result)
        await asyncio.sleep(_LAST)
    finally:
        await sittings.forget(task.id)


async def _opened(home: Home, task: Task, sitting: Sitting, leaving: Callable[[], bool]) -> str:
    """Keep it open; why it was closed."""
    from midwatch.workflows.environment import Wanted
    from midwatch.workflows.shell import looking_around, start_shell

    sittings, screen = Sittings(home.store.database), _Screen()
    rows, columns = int(sitting.options.get("rows", 24)), int(sitting.options.get("columns", 80))
    repository = await _repository(home, task)
    async with _flushing(screen, sittings, task.id, BACK):
        parts = await _parts(home, task, repository, screen)
        async with looking_around(Wanted.by(task), parts) as (box, notes):
            for note in notes:
                screen.phase(note)
            session = await start_shell(box, rows, columns, screen.output)
            return await _Typing(sittings, task.id, box, session, leaving).until_closed()


@dataclass(frozen=True, slots=True)
class _Typing:
    """Keys from the rows to a session."""

    sittings: Sittings
    task: str
    box: Box
    session: Session
    leaving: Callable[[], bool]

    async def until_closed(self) -> str:
        """Why it ended, in words."""
        loop = asyncio.get_running_loop()
        began = typed = loop.time()
        at = 0
        while True:
            result = await self.session.poll(FAST if loop.time() < typed + _AWAKE else SLOW)
            if result is not None:
                return f"the shell has ended ({result.ended})"
            if self.leaving():
                return "the worker that has its box is being stopped"
            if loop.time() > typed + IDLE:
                return f"nobody has typed for {IDLE / 60:.0f} minutes"
            if loop.time() > began + LONGEST:
                return f"it was open for {LONGEST / 3600:.0f} hours"
            pieces = await self.sittings.taken(self.task, at)
            if pieces:
                with contextlib.suppress(TimeoutError):  # a program that reads none must not keep its box for ever
                    async with asyncio.timeout(STUCK):
                        for _, piece in pieces:
                            await self._use(piece)
                at, typed = pieces[-1][0], loop.time()
                await self.sittings.done(self.task, at)

    async def _use(self, piece: bytes) -> None:
        from midwatch.workflows.shell import resize

        if piece[:1] == b"r":
            rows, columns = (int(part) for part in piece[1:].split(b"x"))
            await resize(self.box, rows, columns)
        else:
            await self.session.write(piece[1:])


async def _repository(home: Home, task: Task) -> Repository:
    return await home.repository(task.repository, task.base.commit)


async def _parts(home: Home, task: Task, repository: Repository, observer: Silent) -> EnvironmentParts:
    from midwatch.sandbox import drivers
    from midwatch.workflows.environment import EnvironmentParts

    sandbox = drivers.shared(task.sandbox, home.sandboxes)
    overlay = (await sandbox.probe()).overlay
    return EnvironmentParts(await home.means(task.repository), repository, sandbox, overlay, observer)


class _Lines(Silent):
    """What is done and what commands print, until it is written down."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self._left = MOST_OUTPUT

    def output(self, chunk: bytes) -> None:
        """As far as there is room for it."""
        if self._left > 0:
            self.waiting += chunk[: self._left]
            self._left -= len(chunk)
            if self._left <= 0:
                self.waiting += b"\n# more output is not shown\n"

    def phase(self, text: str) -> None:
        """A line of our own."""
        self.waiting += f"# {text}\n".encode("utf-8", "replace")

    def take(self) -> list[bytes]:
        """What is to be written now."""
        data, self.waiting = bytes(self.waiting), bytearray()
        return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


class _Screen(_Lines):
    """The same of a terminal: what comes faster than it can be shown is left out, and there is no end to it."""

    def output(self, chunk: bytes) -> None:
        """Keep the end of what has come since the last look."""
        self.waiting += chunk
        if len(self.waiting) > 2 * PIECE:
            self.waiting = bytearray(b"\r\n[some of the output is left out]\r\n") + self.waiting[-PIECE // 2 :]

    def phase(self, text: str) -> None:
        """A line of our own."""
        self.waiting += f"# {text}\r\n".encode("utf-8", "replace")


@asynccontextmanager
async def _flushing(lines: _Lines, sittings: Sittings, task: str, keep: int) -> AsyncIterator[None]:
    """Write down what has come, again and again; all of it is when the context ends."""

    async def flush() -> None:
        if pieces := lines.take():
            await sittings.put(task, "out", pieces, keep)

    async def always() -> None:
        while True:
            await asyncio.sleep(FAST if keep else _FLUSH)
            with contextlib.suppress(OperationError):  # it is only shown; the result says it
                await flush()

    flusher = asyncio.create_task(always())
    try:
        yield
    finally:
        flusher.cancel()
        await asyncio.gather(flusher, return_exceptions=True)
        with contextlib.suppress(OperationError):
            await flush()
