"""What processes of an office do that are killed at a step: submit a task, tell it something, be a worker.

They are forked from a process that has loaded everything, since loading takes longer than what they do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = (
    "dbos",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "midwatch.cli.commands.worker",
    "midwatch.cli.program",
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
LEASE = "6s"


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
    fatal: int = 0
    when: str = ""

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
    from midwatch.cli import program
    from tests.crash.deadly import Death

    words = os.open(part.folder / "workers.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(words, standard)
    os.environ.clear()
    os.environ.update(part.environ)
    journal = part.journal if not part.journal.exists() else part.journal.with_suffix(".again")
    Death(journal, part.fatal, part.when).install()
    if part.role == "work":
        sys.exit(program.perform(["worker", "--concurrency", "2", "--lease", LEASE]))
    asyncio.run({"submit": _submit, "say": _say}[part.role](part))


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
