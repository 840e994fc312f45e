"""What processes of an office do that are killed at a step: submit a task, tell it something, be a worker.

They are forked from a process that has loaded everything, since loading takes longer than what they do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = (
    "dbos",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "midwatch.engine.database.postgresql",
    "midwatch.engine.durable.dbos_engine",
    "midwatch.forges.landing",
    "midwatch.models.config",
    "midwatch.models.transport",
    "midwatch.tools.toolset",
    "midwatch.workflows.read",
    "midwatch.workflows.review",
    "midwatch.workflows.solve",
    "midwatch.workflows.start",
    "midwatch.working",
    "tests.crash.deadly",
    "tests.crash.roles",
)
WORDS = "Mind the last line."
AUTHOR = "ann"
_LEASE, _BEAT = 15.0, 1.0


@dataclass(frozen=True)
class Part:
    """What a process is to do, and at which step it dies."""

    role: str
    """`submit`, `say`, `work`."""
    environ: Mapping[str, str]
    folder: Path
    task: str
    """Its id."""
    request: Mapping[str, object] = field(default_factory=dict)
    """Of a task to be made, as `workflows.start.Request` has it."""
    dies: tuple[str, int, str] = ("", 0, "")
    """A step's name, its number among those of this name, and `before` or `after`."""

    @property
    def journal(self) -> Path:
        """The steps of this role's first process."""
        return self.folder / f"{self.role}.steps"


def start(part: Part) -> ForkServerProcess:
    """A process for it, which runs now."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    process = context.Process(target=_perform, args=(part,))
    process.start()
    return process


def _perform(part: Part) -> None:
    from tests.crash.deadly import Death

    words = os.open(part.folder / "workers.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(words, standard)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(part.environ)
    journal = part.journal if not part.journal.exists() else part.journal.with_suffix(".again")
    Death(journal, *part.dies).install()
    asyncio.run({"submit": _submit, "say": _say, "work": _work}[part.role](part))


def _end_with_parent() -> None:
    """What asked for the process may be killed itself; the fork server would go on as long as this does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


async def _submit(part: Part) -> None:
    """As the server does for a request with a key of its own: twice is once."""
    from midwatch import wiring, working
    from midwatch.engine.handing import hand_over
    from midwatch.engine.turns import Turns
    from midwatch.workflows.start import Request

    async with wiring.home() as home:
        turns, engine = Turns(home.store.database), working.engine_of(home)

        async def keep(task: object) -> None:
            await turns.submit(task)  # type: ignore[arg-type]

        task = await wiring.start(home, Request(id=part.task, **part.request), keep)  # type: ignore[arg-type]
        turn = await turns.newest(task.id)
        assert turn is not None
        await hand_over(turns, engine, turn)
        await engine.close()


async def _say(part: Part) -> None:
    from midwatch import wiring, working
    from midwatch.engine.handing import hand_over
    from midwatch.engine.turns import Turns

    async with wiring.home() as home:
        turns, engine = Turns(home.store.database), working.engine_of(home)
        task = (await home.store.find(part.task)).task
        await hand_over(turns, engine, await turns.say(task, WORDS, AUTHOR))
        await engine.close()


async def _work(_: Part) -> None:
    """A worker, until it is told to stop."""
    from midwatch import wiring, working
    from midwatch.engine.workers import Terms
    from midwatch.sandbox.slots import Slots

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    options = working.Options(2, Slots(2), Terms(_LEASE, _BEAT), lambda turn, text: print(os.getpid(), turn, text))
    async with wiring.home() as home:
        engine = working.engine_of(home)
        await working.work(home, engine, options, stop)
        await engine.close()
