"""Tasks that are submitted, workers as processes of their own, and what must be true in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from midwatch import reading, wiring
from midwatch.domain.events import Event, ModelReplied, Proposed, ToolFinished, ToolStarted
from midwatch.domain.task import Task
from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.turns import Filter, Turn, Turns
from midwatch.workflows.start import Request
from midwatch.workspace.repository import Repository
from tests.support.model_server import ModelServer, Step, calls, says
from tests.support.repositories import UserRepository, git

ROOT = Path(__file__).parents[2]
FILE = "count.txt"
WORKER = (sys.executable, "-m", "midwatch", "worker")


def counting(number: int, *, seconds: float = 0.0) -> list[Step]:
    """A model that adds that many lines to a file, one with each command, so that one done twice, or not at all,
    changes the pull request."""
    pause = f"sleep {seconds}; " if seconds else ""
    steps = [calls("shell", command=f"{pause}echo line {n} >> {FILE}") for n in range(1, number + 1)]
    return [*steps, says("Count\n\nAll lines.")]


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that it has started and that have not been waited for: of `midwatch worker`, the worker itself."""
    if process.poll() is not None:
        return []
    try:
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass
class Office:
    """A state folder, a database, a repository; workers are started and ended one by one."""

    folder: Path
    url: str
    base_url: str
    sandbox: str = "process"
    lease: str = "3s"
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environ(self) -> Mapping[str, str]:
        """What all its processes see."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": self.base_url,
            VARIABLE: self.url,
        }

    async def make(self) -> None:
        """The repository and the schemas."""
        self.folder.mkdir(parents=True, exist_ok=True)
        UserRepository.make(self.folder / "repo", count__txt="zero\n")
        async with self.home() as home:
            from midwatch import working

            await home.store.database.migrate()
            engine = working.engine_of(home)
            await engine.migrate()
            await engine.close()

    @asynccontextmanager
    async def home(self) -> AsyncIterator[wiring.Home]:
        """The state folder from this process."""
        async with wiring.home(self.environ) as home:
            yield home

    async def submit(self, number: int = 1, *, attempts: int = 1) -> list[Task]:
        """So many tasks, each with its first turn."""
        async with self.home() as home:
            turns, made = Turns(home.store.database), []
            for n in range(number):
                check = f"test $(wc -l < {FILE}) -gt 1"
                request = Request(
                    f"Count, as task {n}", str(self.folder / "repo"), model="openai/scripted", checks=(check,),
                    sandbox=self.sandbox, attempts=attempts,
                )  # fmt: skip
                made.append(await wiring.start(home, request))
                await turns.submit(made[-1])
        return made

    def worker(self, *more: str, concurrency: int = 4) -> subprocess.Popen[bytes]:
        """One more, as a process."""
        with (self.folder / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                [*WORKER, "--concurrency", str(concurrency), "--lease", self.lease, *more],
                env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def close(self) -> None:
        """End every worker, and what it keeps."""
        kept = [pid for process in self.workers for pid in children(process)]
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        for pid in kept:
            with contextlib.suppress(ProcessLookupError):
                select.select([handle := os.pidfd_open(pid)], [], [], 30)
                os.close(handle)

    async def kept(self, process: subprocess.Popen[bytes], *others: int) -> int:
        """The worker itself of a process that was started, once there is one that takes turns and is none of the
        others."""
        found: list[int] = []

        async def count() -> int:
            named = self.words
            found[:] = [pid for pid in children(process) if pid not in others and f":{pid}-" in named]
            return len(found)

        await self.happens(count, 1)
        return found[0]

    @property
    def words(self) -> str:
        """What the workers have said."""
        path = self.folder / "workers.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    async def turns(self) -> Sequence[Turn]:
        """All of them, the newest task's first."""
        database = opened(self.url, self.folder / "state" / "midwatch")
        try:
            return await Turns(database).page(Filter(), limit=100_000)
        finally:
            await database.close()

    async def until(self, true: Callable[[Sequence[Turn]], bool], seconds: float = 120) -> Sequence[Turn]:
        """Look often. Fails with what the workers said after a time that only a broken program needs."""
        try:
            async with asyncio.timeout(seconds):
                while not true(turns := await self.turns()):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"it did not happen; the workers said:\n{self.words}") from None
        return turns

    async def begun(self, task: Task, replies: int) -> None:
        """Until a task's first attempt has that many replies in its log."""
        async with self.home() as home:

            async def count() -> int:
                events = await home.store.read(f"{task.id}.1")
                return sum(isinstance(event.body, ModelReplied) for event in events)

            await self.happens(lambda: count(), replies)

    async def happens(self, count: Callable[[], Awaitable[int]], least: int) -> None:
        """Until it is at least that."""
        try:
            async with asyncio.timeout(120):
                while await count() < least:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it did not happen; the workers said:\n{self.words}") from None


def ended(turns: Sequence[Turn]) -> bool:
    """Nothing is left to do."""
    return all(turn.status in ("done", "failed", "cancelled") for turn in turns)


@dataclass(frozen=True)
class Ending:
    """What tasks have come to, and what is wrong with it, a sentence each."""

    finished: int
    requests: int
    faults: tuple[str, ...]


async def ending(office: Office, tasks: Sequence[Task], lines: int) -> Ending:
    """Every task is finished, has one pull request whose file has each line once, a log that verifies, and results
    whose checkpoints hold what their commands have done."""
    faults: list[str] = []
    requests = finished = 0
    async with office.home() as home:
        everything = await home.forge.list()
        for task in tasks:
            report = await wiring.report(home, task.id)
            finished += report.finished
            faults += [] if report.finished else [f"{task.id} is {report.status}: {report.chosen.detail}"]
            mine = [request for request in everything if request.proposal.task_id == task.id]
            requests += len(mine)
            faults += [] if len(mine) == 1 else [f"{task.id} has {len(mine)} pull requests"]
            faults += (await reading.verify(home, task.id)).faults
            store = (await Repository.open(home.state, task.repository, refresh=False)).git_dir
            for attempt in report.attempts:
                faults += _of_log(attempt.attempt, await home.store.read(attempt.attempt), store)
            for request in mine:
                text = git(office.folder / "repo", "show", f"{request.proposal.branch}:{FILE}")
                faults += [] if text == _counted(lines) else [f"{task.id} has lines lost or doubled: {text!r}"]
        of_none = len(everything) - requests
        faults += [f"{of_none} pull requests are of no task"] if of_none else []
    return Ending(finished, requests, tuple(faults))


def _counted(lines: int) -> str:
    return "\n".join(["zero", *(f"line {n}" for n in range(1, lines + 1))])


def _of_log(attempt: str, events: Sequence[Event], store: Path) -> list[str]:
    """What is wrong with it: each call has been finished once, and was not begun after that; the checkpoint of the
    n-th has n lines."""
    finished: list[ToolFinished] = []
    faults: list[str] = []
    for body in (event.body for event in events):
        done = {result.call_id for result in finished}
        if isinstance(body, ToolStarted | ToolFinished) and body.call_id in done:
            faults.append(f"{attempt}: call {body.call_id} was done, and done again")
        if isinstance(body, ToolFinished):
            finished.append(body)
    proposed = {event.body.number for event in events if isinstance(event.body, Proposed)}
    faults += [f"{attempt}: it was proposed as {sorted(proposed)}"] if len(proposed) > 1 else []
    for n, result in enumerate(finished, 1):
        saved = result.checkpoint.commit and git(store, "show", f"{result.checkpoint.commit}:{FILE}", check=False)
        if saved != _counted(n):
            faults.append(f"{attempt}: the checkpoint of call {n} has {saved!r}")
    return faults


def serving_counts(server: ModelServer, number: int, **more: float) -> str:
    """The base URL of a model that counts."""
    return server.script(*counting(number, **more))
