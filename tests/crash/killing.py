"""One attempt, from a task that is submitted to a worker that has nothing left to do, again and again from the same
beginning; each time a process of it is killed at another step, and the others finish what it left."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psycopg

from midwatch import reading
from midwatch.agent.context import RESTARTED
from midwatch.domain.events import Checked, Message, ModelReplied, ToolFinished
from midwatch.domain.ids import new_task_id
from tests.crash import roles
from tests.crash.roles import Part
from tests.support import postgresql
from tests.support.model_server import ModelServer
from tests.support.office import FILE, Office, ending, serving_counts
from tests.support.repositories import git

ROLES = ("submit", "say", "work")
LINES = 2
_PATIENCE = 120.0


@dataclass(frozen=True)
class Kill:
    """Which process dies, and at which of its steps."""

    role: str
    step: str
    number: int
    """Among those of this name."""
    when: str
    """`before` it is durable, or `after`."""


@dataclass(frozen=True)
class Outcome:
    """What one run has come to."""

    kill: Kill | None
    happened: bool
    """The process was killed."""
    finished: bool
    requests: int
    """Pull requests."""
    tree: str
    results: tuple[tuple[str, bool, str, str], ...]
    """Of tool calls: the call, whether it went well, its output, the tree after it."""
    twice: int
    """What was done again that had been done: results of a call, replies that the log had, lines of the file."""
    verified: bool
    """The log's chain, its blobs and commits are right."""
    faults: tuple[str, ...]
    """What is wrong with it, a sentence each."""
    steps: tuple[tuple[str, str], ...]
    """The role and the step, in order, of the first process of each role."""


class Trouble(Exception):
    """A run cannot be brought to its end."""


class Stage:
    """Where the runs are: a folder, a model's endpoint, a database of each run's own. `server`: None for SQLite."""

    def __init__(self, folder: Path, models: ModelServer, server: postgresql.Server | None) -> None:
        self._folder, self._models, self._server = folder, models, server
        self._template: Office | None = None
        self._made = 0

    async def make(self) -> None:
        """The repository and the schemas that all begin with."""
        folder = self._folder / "template"
        url = self._server.database() if self._server is not None else ""
        self._template = Office(folder, url or _file(folder), "", sandbox="bubblewrap")
        await self._template.make()

    def fresh(self) -> Office:
        """As at the beginning."""
        assert self._template is not None
        self._made += 1
        folder = self._folder / str(self._made)
        shutil.copytree(self._template.folder, folder, symlinks=True)
        url = _file(folder)
        if self._server is not None:
            template, name = self._template.url.rpartition("/")[2], f"run{self._made}"
            with psycopg.connect(self._server.url("postgres"), autocommit=True) as db:
                db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            url = self._server.url(name)
        return Office(folder, url, serving_counts(self._models, LINES), sandbox="bubblewrap")

    async def run(self, kill: Kill | None = None) -> Outcome:
        """One attempt; its folder is gone afterwards when nothing is wrong with it."""
        office = self.fresh()
        going = _Run(office, new_task_id(), kill)
        troubles: list[str] = []
        try:
            await going.submit()
            await going.work()
        except Trouble as error:
            troubles.append(str(error))
        finally:
            going.close()
        outcome = await _outcome(office, going, self._models)
        outcome = replace(outcome, faults=(*troubles, *outcome.faults))
        if not outcome.faults:
            shutil.rmtree(office.folder)
        return outcome


class _Run:
    """The processes of one run."""

    def __init__(self, office: Office, task: str, kill: Kill | None) -> None:
        self.office, self.task, self.kill = office, task, kill
        self.happened = False
        self._processes: list[ForkServerProcess] = []

    async def submit(self) -> None:
        """The task and a message to it. Whoever got no answer asks again; not so when only the word to the engine was
        cut off: that is made up for by the worker."""
        for role, there in (("submit", "SELECT count(*) FROM turn"), ("say", "SELECT count(*) FROM message")):
            process = self._start(role)
            await self._until(lambda process=process: process.exitcode is not None)  # type: ignore[misc]
            if not self._fate(process, role) and not self._count(there):
                process = self._start(role, alive=True)
                await self._until(lambda process=process: process.exitcode is not None)  # type: ignore[misc]
                self._fate(process, "")

    async def work(self) -> None:
        """A worker, and another one when it dies, until nothing is left to do and it is told to stop."""
        for alive in (False, True):
            process = self._start("work", alive=alive)
            await self._until(lambda process=process: process.exitcode is not None or self._settled(process))  # type: ignore[misc]
            if process.exitcode is None:
                process.terminate()
                await self._until(lambda process=process: process.exitcode is not None)  # type: ignore[misc]
            if self._fate(process, "" if alive else "work"):
                return

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            process.kill()
            process.join()

    def _start(self, role: str, *, alive: bool = False) -> ForkServerProcess:
        office = self.office
        request = {
            "prompt": "Count", "repository": str(office.folder / "repo"), "model": "openai/scripted",
            "checks": (f"test $(wc -l < {FILE}) -gt 1",), "sandbox": office.sandbox,
        }  # fmt: skip
        part = Part(role, office.environ, office.folder, self.task, request)
        if self.kill is not None and self.kill.role == role and not alive:
            part = replace(part, dies=(self.kill.step, self.kill.number, self.kill.when))
        self._processes.append(process := roles.start(part))
        return process

    def _fate(self, process: ForkServerProcess, role: str) -> bool:
        """Whether it came to its own end; otherwise it died as it was to."""
        if process.exitcode == 0:
            return True
        wanted = self.kill is not None and self.kill.role == role
        if not wanted or process.exitcode != -signal.SIGKILL:
            raise Trouble(f"a process has ended with exit code {process.exitcode}: {self.office.words}")
        self.happened = True
        return False

    def _settled(self, worker: ForkServerProcess) -> bool:
        """Every turn has ended, the engine has nothing left, and there is no worker but that one, who takes turns."""
        engine = "dbos.workflow_status" if self.office.url.startswith("postgres") else "engine.workflow_status"
        return (
            self._count("SELECT count(*) FROM turn WHERE status NOT IN ('done', 'failed', 'cancelled')") == 0
            and self._count(f"SELECT count(*) FROM {engine} WHERE status IN ('ENQUEUED', 'DELAYED', 'PENDING')") == 0
            and self._count("SELECT count(*) FROM worker") == 1
            and self._count(f"SELECT count(*) FROM worker WHERE id LIKE '%:{worker.pid}-%'") == 1
        )

    def _count(self, query: str) -> int:
        if self.office.url.startswith("postgres"):
            with psycopg.connect(self.office.url, autocommit=True) as db:
                return int(db.execute(query).fetchone()[0])  # type: ignore[index]
        path = Path(self.office.url.removeprefix("sqlite://"))
        with closing(sqlite3.connect(path, timeout=30)) as lite:
            lite.execute("ATTACH ? AS engine", (str(path.parent / "engine.db"),))
            return int(lite.execute(query).fetchone()[0])

    async def _until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not true():
            if time.monotonic() > end:
                raise Trouble(f"it does not come to its end: {self.office.words}")
            await asyncio.sleep(0.1)


async def _outcome(office: Office, run: _Run, models: ModelServer) -> Outcome:
    async with office.home() as home:
        task = (await home.store.find(run.task)).task
        bodies = [event.body for event in await home.store.read(f"{task.id}.1")]
        requests = [request for request in await home.forge.list() if request.proposal.task_id == task.id]
        verified = not (await reading.verify(home, task.id)).faults
    end = await ending(office, [task], LINES)
    faults = list(end.faults)
    asked = len(models.requests_to(office.base_url)) - sum(isinstance(body, ModelReplied) for body in bodies)
    if asked > int(run.happened):
        faults.append(f"{asked} replies of the model were asked for again")
    calls = [body.call_id for body in bodies if isinstance(body, ToolFinished)]
    request = next(iter(requests), None)
    lines = git(office.folder / "repo", "show", f"{request.proposal.branch}:{FILE}").split("\n") if request else []
    twice = max(0, asked - 1) + len(calls) - len(set(calls)) + len(lines) - len(set(lines))
    if (said := sum(isinstance(body, Message) and body.text == roles.WORDS for body in bodies)) != 1:
        faults.append(f"the message stands in the log {said} times")
    if run.happened != (run.kill is not None):
        faults.append("the step at which to die was not reached")
    statuses = [turn.status for turn in await office.turns()]
    if statuses != ["done"]:
        faults.append(f"its turns are {statuses}")
    repository = office.folder / "repo"
    branches = git(repository, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    if branches != ["refs/heads/main", f"refs/heads/{task.branch}"]:
        faults.append(f"the repository has the branches {branches}")
    if left := git(repository, "status", "--porcelain"):
        faults.append(f"the working tree was changed: {left}")
    faults += [f"{path.name} is left" for path in (office.folder / "state/midwatch/attempts").glob("*")]
    return Outcome(
        run.kill,
        run.happened,
        bool(end.finished),
        end.requests,
        next((body.evidence.tree for body in bodies if isinstance(body, Checked)), ""),
        tuple(_result(body) for body in bodies if isinstance(body, ToolFinished)),
        twice,
        verified,
        tuple(faults),
        tuple((role, step) for role in ROLES for step in _steps(office, role)),
    )


def _result(body: ToolFinished) -> tuple[str, bool, str, str]:
    words = body.output.removeprefix(f"[{RESTARTED}]\n")  # the one thing that the model is told of a new box
    first, _, rest = words.partition("\n")  # which says how long it took
    return body.call_id.rpartition("_")[0], body.ok, f"{first.partition(' · ')[0]}\n{rest}", body.checkpoint.tree


def _steps(office: Office, role: str) -> Sequence[str]:
    return (office.folder / f"{role}.steps").read_text().splitlines()


def kills(undisturbed: Outcome) -> list[Kill]:
    """Before and after every step of a run."""
    found, counts = list[Kill](), Counter[tuple[str, str]]()
    for role, step in undisturbed.steps:
        counts[role, step] += 1
        found += [Kill(role, step, counts[role, step], when) for when in ("before", "after")]
    return found


def compared(outcome: Outcome, undisturbed: Outcome) -> tuple[str, ...]:
    """What is wrong with it, also beside a run that was not disturbed."""
    same = outcome.tree == undisturbed.tree, outcome.results == undisturbed.results
    return (
        *outcome.faults,
        *(() if same[0] else (f"the tree is {outcome.tree}, not {undisturbed.tree}",)),
        *(() if same[1] else (f"the results are {outcome.results}, not {undisturbed.results}",)),
    )


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / 'state' / 'midwatch' / 'state.db'}"
