"""Tasks, events and reports made by hand, for what draws them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from midwatch.domain.conversation import Usage
from midwatch.domain.events import Event, ToolFinished
from midwatch.domain.evidence import Checkpoint, CheckRun, Evidence, FileChange
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.domain.task import Base, Task
from midwatch.workflows.report import AttemptReport, Report

EVIL = "\x1b[2J\x1b]0;title\x07red\x1b[31m \u202egpj.exe\u2066 \x9b5m\x07\udcff\r\x00"
"""Everything that must not reach a terminal."""

ID = "1ng947e6evxk"


def task(**changes: Any) -> Task:
    """An ordinary task."""
    plain = Task(
        id=ID,
        prompt="Make the failing test pass",
        repository="/home/dev/repo",
        base=Base("a" * 40, "b" * 40, "main", "main"),
        branch=f"midwatch/make-the-failing-test-pass-{ID}",
        model="openai/gpt-5",
        checks=("python -m pytest -q",),
        checks_from="detected: pytest",
        created="2026-11-23T19:00:00.000Z",
    )
    return replace(plain, **changes)


def check_run(code: int | None = 0, ended: str = "exit 0", command: str = "python -m pytest -q") -> CheckRun:
    """A check that has ended."""
    return CheckRun(command, code, ended, 3420, "c" * 64, 120, 7)


def command(which: int = 1, **changes: Any) -> ToolFinished:
    """A command that has ended."""
    plain = ToolFinished(
        call_id=f"call_{which}",
        tool="shell",
        ok=True,
        output="",
        ended="exit 0",
        duration_ms=1200,
        checkpoint=Checkpoint("d" * 40, "e" * 40),
        number=which,
        command="grep -n range calc.py",
        exit_code=0,
        digest="f" * 64,
        bytes=10,
        lines=3,
    )
    return replace(plain, **changes)


def event(seq: int, body: Any, time: str = "2026-11-23T19:00:01.000Z") -> Event:
    """An event in its place."""
    return Event(f"{ID}.1", seq, time, 1, body, "0" * 64, "1" * 64)


def pull_request(*, draft: bool = False, state: str = "open", title: str = "Sum the last value too") -> PullRequest:
    """A pull request of `task()`."""
    made = task()
    proposal = Proposal(
        task_id=made.id,
        repository=made.repository,
        branch=made.branch,
        base="main",
        base_commit=made.base.commit,
        commit="9" * 40,
        title=title,
        body="Asked for:\n\n> x\n\n## What was done\n\nIt works.\n\n## What changed\n\n| a |\n",
        draft=draft,
        verdict="passed",
    )
    return PullRequest(4, proposal, state, "", "2026-11-23T19:00:00.000Z", "2026-11-23T19:00:00.000Z")


def attempt(**changes: Any) -> AttemptReport:
    """An attempt that went well."""
    plain = AttemptReport(
        attempt=f"{ID}.1",
        status="done",
        detail="",
        mend="",
        turns=4,
        usage=Usage(input_tokens=12_000, output_tokens=320),
        cost_microusd=12_300,
        seconds=15.8,
        text="The loop left the last value out.",
        commands=(command(),),
        evidence=Evidence("d" * 40, (check_run(),)),
        tree="d" * 40,
        commit="9" * 40,
        seq=21,
        hash="1" * 64,
    )
    return replace(plain, **changes)


CHANGES = (FileChange("calc.py", "M", 1, 1), FileChange("docs/logo.png", "A", None, None))


def report(chosen: AttemptReport | None = None, request: PullRequest | None = None, made: Task | None = None) -> Report:
    """A report about one attempt; with a pull request unless the attempt has ended without."""
    chosen = chosen or attempt()
    offered = chosen.status in ("done", "limit")
    changes = CHANGES if offered else ()
    return Report(made or task(), (chosen,), chosen, changes, request or (pull_request() if offered else None))
