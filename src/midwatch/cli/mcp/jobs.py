"""Tasks that this process works on: so many at once, the others wait.

Each has a file in the state folder, locked as long as its server lives. A server that starts finds the files that
nobody has locked: tasks that another one has left unfinished.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from midwatch import wiring
from midwatch.domain.conversation import Delta
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.events import Event
from midwatch.engine.lease import hold, holder

log = logging.getLogger("midwatch.mcp")


@dataclass
class Job:
    """One task, and what those who wait for it are told. An `Observer`."""

    task_id: str
    state: str = "waiting"
    """`waiting` for its turn, `running`, `ended` (its report says how), `cancelled`, or `failed`."""
    error: str = ""
    """Why it failed."""
    mend: str = ""
    doing: str = "waiting for its turn"
    events: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something has changed, and replaced by a new one."""
    work: asyncio.Task[None] | None = None

    def _tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()

    def become(self, state: str, doing: str = "") -> None:
        """Change the state."""
        self.state, self.doing = state, doing or state
        self._tell()

    def fail(self, error: str, mend: str) -> None:
        """It could not go on."""
        self.error, self.mend = error, mend
        self.become("failed", error)

    def event(self, event: Event) -> None:
        """Count it."""
        self.events += 1
        self._tell()

    def delta(self, delta: Delta) -> None:
        """Nothing."""

    def output(self, chunk: bytes) -> None:
        """Nothing."""

    def phase(self, text: str) -> None:
        """Keep it."""
        self.doing = text
        self._tell()

    @property
    def over(self) -> bool:
        """Nothing more is done for it by this process."""
        return self.state in ("ended", "cancelled", "failed")


class Jobs:
    """The jobs of this process. `close` ends them; they are gone on with by the next one."""

    def __init__(self, home: wiring.Home, at_once: int) -> None:
        self._home = home
        self._slots = asyncio.Semaphore(at_once)
        self._jobs: dict[str, Job] = {}
        self._folder = home.state / "mcp"

    def get(self, task_id: str) -> Job | None:
        """The job of a task, also one that is over; None for what this process has not worked on."""
        return self._jobs.get(task_id)

    def begin(self, task_id: str) -> Job:
        """Work on a task, which is there, as soon as there is room; at once the same job when it is worked on already.
        Raises InputError when another server does."""
        job = self._jobs.get(task_id)
        if job is not None and not job.over:
            return job
        lock = ExitStack()
        lock.enter_context(hold(self._folder, task_id, stays=True))  # the next server's list of what to go on with
        job = self._jobs[task_id] = Job(task_id)
        job.work = asyncio.create_task(self._work(job))
        job.work.add_done_callback(lambda _: lock.close())
        return job

    async def _work(self, job: Job) -> None:
        try:
            async with self._slots:
                job.become("running", "starting")
                await wiring.run(self._home, job.task_id, job)
        except MidwatchError as error:
            log.warning("task %s could not go on: %s", job.task_id, error.message)
            if isinstance(error, InputError):  # the same again would fail the same
                self._forget(job.task_id)
            job.fail(error.message, error.mend)
        except Exception:
            log.exception("task %s: this is a bug in Midwatch; please report it", job.task_id)
            job.fail("a bug in Midwatch ended the work", f"`midwatch resume {job.task_id}` goes on from the last step")
        else:
            self._forget(job.task_id)
            job.become("ended")

    def _forget(self, task_id: str) -> None:
        self._file(task_id).unlink(missing_ok=True)

    def _file(self, task_id: str) -> Path:
        return self._folder / f"{task_id}.lock"

    async def cancel(self, task_id: str) -> bool:
        """End the work on a task for good; what was done stays, and a person can resume it. False when this process
        does not work on it."""
        job = self._jobs.get(task_id)
        if job is None or job.work is None or job.over:
            return False
        job.become("cancelled")
        job.work.cancel()
        await asyncio.gather(job.work, return_exceptions=True)
        self._forget(task_id)  # also when it had not begun
        return True

    def left(self) -> list[str]:
        """Tasks that servers before this one have left unfinished, the oldest first."""
        if not self._folder.is_dir():
            return []
        names = sorted(path.stem for path in self._folder.glob("*.lock"))
        return [name for name in names if name not in self._jobs and holder(self._folder, name) is None]

    async def close(self) -> None:
        """End all work; it is gone on with at the next start."""
        running = [job.work for job in self._jobs.values() if job.work is not None and not job.work.done()]
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)
