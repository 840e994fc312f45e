"""What is told of a task: pages of bounded size, of those tasks alone whose repository a client may name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from midwatch import reading, wiring
from midwatch.cli import words
from midwatch.cli.mcp.answers import (
    ChangedFile,
    Check,
    DiffPage,
    Line,
    LogLine,
    LogPage,
    Offered,
    OutputPage,
    Proof,
    Status,
)
from midwatch.cli.mcp.jobs import Jobs
from midwatch.cli.mcp.roots import Roots
from midwatch.cli.screen import Look
from midwatch.cli.steps import Steps, step_line
from midwatch.domain.errors import InputError, StoreError
from midwatch.domain.events import Checked, Event, ToolFinished
from midwatch.domain.evidence import CheckRun
from midwatch.domain.interventions import SessionEnded
from midwatch.domain.task import Task
from midwatch.engine.lease import holder
from midwatch.engine.store.base import TaskRow
from midwatch.workflows.report import Report

MOST_FILES = 100
MOST_EVENTS = 500
MOST_LINES = 1000
MOST_CHARACTERS = 60_000
"""Of one answer."""
KINDS = ("task", "review")
"""Conversations are a person's own."""
SEARCHED = 1000
"""Tasks among which those of the roots are looked for."""
_PLAIN = Look(width=200, colour=False, unicode=True)


@dataclass(frozen=True, slots=True)
class Views:
    """Reads what a client may see."""

    home: wiring.Home
    roots: Roots
    jobs: Jobs

    async def row(self, task_id: str) -> TaskRow:
        """A task by its whole id. Raises InputError also for one that lies outside of the roots."""
        missing = InputError(
            f"there is no task {words.line(task_id)!r} here", "`list_tasks` names those that there are"
        )
        try:
            row = await self.home.store.find(task_id)
        except InputError:
            raise missing from None
        if row.task.id != task_id or not shown(self.roots, row.task):
            raise missing
        return row

    async def tasks(self, limit: int) -> list[Line]:
        """The newest, in a line each."""
        summaries = await reading.reports(self.home, SEARCHED)
        return [
            Line(
                id=summary.task.id,
                status=self._status(summary.task.id, summary.status),
                updated=summary.updated,
                repository=words.line(summary.task.repository),
                prompt=words.cut(words.line(summary.task.prompt), 200),
            )
            for summary in summaries
            if shown(self.roots, summary.task)
        ][:limit]

    def _status(self, task_id: str, stored: str) -> str:
        job = self.jobs.get(task_id)
        return job.state if job is not None and job.state in ("waiting", "running") else stored

    async def status(self, task_id: str) -> Status:
        """What it has come to."""
        row = await self.row(task_id)
        report = await wiring.report(self.home, task_id)
        job, chosen = self.jobs.get(task_id), report.chosen
        failed = job if job is not None and job.state == "failed" and report.status != "done" else None
        changes = report.changes[:MOST_FILES]
        return Status(
            id=task_id,
            status="failed" if failed else self._status(task_id, report.status),
            over=not self.worked_on(row),
            doing=words.line(job.doing) if job is not None else "",
            events=chosen.seq,
            commands=len(chosen.commands),
            turns=chosen.turns,
            tokens=chosen.usage.total,
            cost_usd=None if chosen.cost_microusd is None else chosen.cost_microusd / 1e6,
            seconds=round(chosen.seconds, 1),
            changed_files=[
                ChangedFile(path=words.name(c.path), status=c.status, added=c.added, removed=c.removed) for c in changes
            ],
            more_changed_files=len(report.changes) - len(changes),
            verdict=chosen.evidence.verdict if chosen.evidence else "none",
            pull_request=_offered(report),
            words=words.clean(chosen.text)[:MOST_CHARACTERS],
            error=words.clean(failed.error if failed else chosen.detail),
            mend=words.clean(failed.mend if failed else chosen.mend),
        )

    def worked_on(self, row: TaskRow) -> bool:
        """Whether this process or another one works on it, or has it waiting."""
        job = self.jobs.get(row.task.id)
        if job is not None and not job.over:
            return True
        locks = self.home.state / "locks"
        return any(holder(locks, attempt.attempt) is not None for attempt in row.attempts)

    async def log(self, task_id: str, after: int, limit: int, attempt: int | None = None) -> LogPage:
        """Events with a number above `after`."""
        events = await self.events(task_id, attempt)
        steps = Steps()
        lines: list[LogLine] = []
        for event in events:
            text = step_line(steps.every(event.body), _PLAIN)
            if event.seq > after and len(lines) < min(limit, MOST_EVENTS):
                lines.append(LogLine(seq=event.seq, time=event.time, kind=event.kind, text=text))
        last = lines[-1].seq if lines else after
        return LogPage(events=lines, next=last, more=bool(events) and events[-1].seq > last)

    async def events(self, task_id: str, attempt: int | None = None) -> Sequence[Event]:
        """The log of an attempt, of the chosen one when none is named."""
        row = await self.row(task_id)
        if attempt is None:
            name = row.attempts[0].attempt
            if len(row.attempts) > 1:
                name = (await wiring.report(self.home, task_id)).chosen.attempt
        elif 1 <= attempt <= len(row.attempts):
            name = row.attempts[attempt - 1].attempt
        else:
            raise InputError(f"there is no attempt {attempt}", f"the task has {len(row.attempts)}")
        return await self.home.store.read(name)

    async def output(self, task_id: str, number: int, check: bool, lines: tuple[int, int | None]) -> OutputPage:
        """Lines of the output of a command, or of a check of the evidence; counted from 1."""
        events = await self.events(task_id)
        found: ToolFinished | SessionEnded | CheckRun
        found = _check(events, number) if check else _command(events, number)
        first, last = max(1, lines[0]), lines[1]
        wanted = min(MOST_LINES, last - first + 1 if last is not None else MOST_LINES)
        text = await asyncio.to_thread(_lines, self._path(found), first, wanted)
        return OutputPage(
            command=words.line(found.command),
            ended=words.line(found.ended),
            first_line=first,
            lines=text,
            total_lines=found.lines,
            more=first - 1 + len(text) < found.lines,
        )

    def _path(self, found: ToolFinished | SessionEnded | CheckRun) -> Path | None:
        if not found.digest:
            return None
        try:
            return self.home.blobs.path(found.digest)
        except FileNotFoundError:
            raise StoreError(
                f"the output ({found.digest[:12]}) is missing from the state folder",
                "`midwatch verify` lists everything that is missing",
            ) from None

    async def diff(self, task_id: str, offset: int, limit: int) -> DiffPage:
        """A piece of the change against the base."""
        await self.row(task_id)
        text = (await reading.diff(self.home, task_id)).decode("utf-8", "replace")
        piece = text[max(0, offset) :][: min(limit, MOST_CHARACTERS)]
        end = max(0, offset) + len(piece)
        return DiffPage(diff=piece, next=end, total=len(text), more=end < len(text))

    async def proof(self, task_id: str) -> Proof:
        """The evidence of the chosen attempt."""
        await self.row(task_id)
        chosen = (await wiring.report(self.home, task_id)).chosen
        evidence = chosen.evidence
        if evidence is None:
            return Proof(verdict="none", tree="", commit="", checks=[])
        checks = [
            Check(
                number=number,
                command=words.line(run.command),
                passed=run.passed,
                ended=words.line(run.ended),
                seconds=run.duration_ms / 1000,
                output_lines=run.lines,
            )
            for number, run in enumerate(evidence.checks, 1)
        ]
        return Proof(verdict=evidence.verdict, tree=evidence.tree, commit=chosen.commit, checks=checks)


def shown(roots: Roots, task: Task) -> bool:
    """Whether a client may be told of a task, and a server go on with it."""
    return task.kind in KINDS and roots.covers(task)


def _offered(report: Report) -> Offered | None:
    request = report.pull_request
    if request is None:
        return None
    proposal = request.proposal
    return Offered(
        number=request.number,
        title=words.line(proposal.title),
        draft=proposal.draft,
        state=request.state,
        branch=words.line(proposal.branch),
    )


def _command(events: Sequence[Event], number: int) -> ToolFinished | SessionEnded:
    commands = [e.body for e in events if isinstance(e.body, ToolFinished | SessionEnded) and e.body.number]
    for body in commands:
        if body.number == number:
            return body
    raise InputError(f"there is no command {number}", f"this attempt has {words.count(len(commands), 'command')}")


def _check(events: Sequence[Event], number: int) -> CheckRun:
    checked = next((e.body for e in reversed(events) if isinstance(e.body, Checked)), None)
    runs = checked.evidence.checks if checked else ()
    if not 1 <= number <= len(runs):
        raise InputError(f"there is no check {number}", f"the evidence has {words.count(len(runs), 'check')}")
    return runs[number - 1]


def _lines(path: Path | None, first: int, count: int) -> list[str]:
    """Clean lines, at most MOST_CHARACTERS of them together; a line that is cut says so."""
    if path is None or count < 1:
        return []
    found: list[str] = []
    left = MOST_CHARACTERS
    with path.open("rb") as file:
        for raw in islice(file, first - 1, first - 1 + count):
            text = words.decode(raw[: MOST_CHARACTERS * 4].rstrip(b"\r\n")).replace("\n", " ")
            if len(text) > left and found:
                break
            found.append(text if len(text) <= left else f"{text[:left]} […]")
            left -= min(left, len(text))
    return found
