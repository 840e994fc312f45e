"""What a task has come to, as lines for a person. Pure: a report in, lines out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from midwatch.cli import words
from midwatch.cli.screen import Look
from midwatch.domain.conversation import Usage
from midwatch.domain.evidence import CheckRun, Evidence, FileChange
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task
from midwatch.workflows.report import AttemptReport, Report

MOST_FILES = 40
MOST_WORDS = 60
"""Lines of the model's closing words."""


def task_lines(task: Task, look: Look) -> list[str]:
    """The task before it begins: where, with which model, checks, sandbox, and what to know."""
    base = task.base
    rows = [("task", task.id), ("in", words.line(task.repository))]
    rows += [("from", f"{words.line(base.branch or base.ref)} at {base.commit[:12]}")]
    rows += [("model", model_words(task.model)), ("sandbox", sandbox_words(task.sandbox))]
    rows += [("mode", mode_words(task.mode))] if task.mode != "workspace" else []
    rows += [("attempts", str(task.attempts))] if task.attempts > 1 else []
    rows += [("check", words.line(check)) for check in task.checks]
    if task.checks:
        unused = "; not run, since the task is read-only" if task.mode == "read-only" else ""
        rows.append(("", f"({checks_source(task.checks_from)}{unused})"))
    else:
        rows.append(("check", "none found, so nothing will prove the change; give one with --check CMD"))
    rows += [("note", note) for note in task.notes or ((task.base.note,) if task.base.note else ())]
    paint = {"task": look.bold, "note": look.warn, "": look.dim}
    lines = []
    for name, text in rows:
        whole = words.line(text)  # what may be copied is left for the terminal to wrap
        first, *more = [whole] if name in ("in", "check") else words.wrap(whole, look.width - 11) or [""]
        lines.append(f"{look.dim(words.pad(name, 8))}  {paint.get(name, str)(first)}")
        lines += [" " * 10 + paint.get(name, str)(rest) for rest in more]
    return lines


def model_words(model: str) -> str:
    """A model's name; the embedded one is said to be none."""
    if model == "repair":
        return "repair (no language model: searches small edits that make the checks pass)"
    return words.line(model)


def sandbox_words(sandbox: str) -> str:
    """A sandbox's name; the one that isolates nothing says so."""
    return (
        "process (no isolation: commands run as you, on this machine)" if sandbox == "process" else words.line(sandbox)
    )


def mode_words(mode: str) -> str:
    """What a mode other than the usual one means."""
    known = {"read-only": "read-only (no file is changed; the answer is the result)", "full": "full (no sandbox)"}
    return known.get(mode, words.line(mode))


def checks_source(source: str) -> str:
    """Where the checks come from, in words."""
    known = {"option": "given with --check", "none": "none found"}
    return known.get(source, words.line(source).replace("detected: ", "detected ", 1))


def report_lines(report: Report, look: Look, here: str = "", at: str | None = None) -> list[str]:
    """The whole report. `here` is the current folder: inside the repository short commands are enough. `at`: what
    commands need behind them for a task that a server has; None for a task of this machine."""
    pull_request = _pull_request(report, look, here) if at is None else _pull_request_elsewhere(report, look, at)
    sections = [
        _section("What changed", diffstat_lines(report.changes, look), look),
        evidence_section(report.task, report.chosen.evidence, look, at or ""),
        _section("In the model's words", _closing_words(report.chosen, look, at or ""), look),
        _section("Pull request", pull_request, look),
        _section("Other attempts", _others(report, look), look),
        _section("Cost", words.wrap(cost_line(report, look), look.width, "  "), look),
        _section("Next", next_lines(report, look) if at is None else _next_elsewhere(report, look, at), look),
        headline(report, look),  # last, where the eye is when the command ends
    ]
    lines: list[str] = []
    for section in filter(None, sections):
        lines += [*([""] if lines else []), *section]
    return lines


def _section(title: str, lines: Sequence[str], look: Look) -> list[str]:
    return [look.bold(title), *lines] if lines else []


def headline(report: Report, look: Look) -> list[str]:
    """How it ended, in a sentence or two."""
    ok, sentence = _ending(report)
    detail = report.chosen.detail if report.status in ("failed", "limit", "not chosen", "waiting") else ""
    lines = words.wrap(sentence + (f": {words.line(detail)}" if detail else ""), look.width - 6)
    first, *more = lines
    lines = [f"{look.mark(ok)} {look.bold(first)}", *(f"  {look.bold(line)}" for line in more)]
    if report.chosen.mend and report.status == "failed":
        wrapped = words.wrap(words.line(report.chosen.mend), look.width - 4)
        lines += [f"  {look.arrow if n == 0 else ' '} {text}" for n, text in enumerate(wrapped)]
    return lines


def _ending(report: Report) -> tuple[bool | None, str]:
    if report.task.kind in _WITHOUT_REQUEST:
        return _ending_without_request(report)
    evidence, request = report.chosen.evidence, report.pull_request
    name = f"pull request #{request.number}" if request else "the pull request"
    if report.status == "done":
        verdict = evidence.verdict if evidence else "none"
        if verdict == "failed":
            return False, f"{name} is a draft: a check fails on the final tree"
        if verdict == "none":
            return None, f"{name} is open, but no check was run: nothing proves it"
        if request is not None and request.proposal.draft:
            return True, f"{name} is a draft: the checks pass, and a person should look before it is merged"
        return True, f"{name} is ready: every check passes on the final tree"
    if report.status == "answered":
        return True, "answered; the task was read-only, so no file was changed"
    if report.status == "limit":
        return False, f"a limit was reached; the work so far is offered as {name}"
    reached = limit_reached(report)
    nothing = "no file was changed, so there is no pull request"
    if request is not None:
        nothing = f"nothing is changed any more; {name} still has what was offered before"
    sentences = {
        "no change": f"{reached}: {nothing}" if reached else nothing,
        "failed": "it could not go on",
        "not chosen": "no attempt was offered",
        "running": "being worked on by another process",
        "waiting": "not begun yet",
        "paused": "paused; nothing is lost",
        "cancelled": "cancelled",
        "interrupted": "interrupted before it was finished",
        "answered": "the agent has answered",
        "open": "nothing was said yet",
    }
    return (False if report.status in ("no change", "failed", "not chosen") else None), sentences.get(
        report.status, words.line(report.status)
    )


_WITHOUT_REQUEST = {
    "review": "the review is done; `midwatch resume {id}` shows its findings again",
    "subtask": "done, as a part of attempt {parent}",
}
"""Kinds of tasks that open no pull request, and what is said of one that is done."""


def _ending_without_request(report: Report) -> tuple[bool | None, str]:
    task, status = report.task, report.status
    if status == "done":
        return True, _WITHOUT_REQUEST[task.kind].format(id=task.id, parent=task.parent)
    return False if status in ("failed", "limit", "no result") else None, words.line(report.chosen.detail or status)


def limit_reached(report: Report) -> str:
    """The limit that ended the chosen attempt, in words; empty when none did."""
    return words.line(report.chosen.limit)


def diffstat_lines(changes: Sequence[FileChange], look: Look) -> list[str]:
    """As `git diff --stat` shows it, in the width there is."""
    if not changes:
        return []
    shown = changes[:MOST_FILES]
    names = [_path(change) for change in shown]
    counts = ["binary" if c.added is None else str(c.added + (c.removed or 0)) for c in shown]
    number_width = max(map(len, counts))
    name_width = min(max(map(words.cells, names)), max(8, look.width - number_width - 18))
    bars = max(2, min(40, look.width - name_width - number_width - 8))
    most = max([(c.added or 0) + (c.removed or 0) for c in shown] + [1])
    lines = []
    for change, name, number in zip(shown, names, counts, strict=True):
        shape = look.good("+" * _bar(change.added, most, bars)) + look.bad("-" * _bar(change.removed, most, bars))
        text = words.pad(words.cut_path(name, name_width, look.more), name_width)
        lines.append(f"  {text} | {number.rjust(number_width)} {shape or _STATUS.get(change.status, '')}".rstrip())
    if len(changes) > MOST_FILES:
        lines.append(look.dim(f"  {look.more} and {words.count(len(changes) - MOST_FILES, 'more file', 'more files')}"))
    added, removed = sum(c.added or 0 for c in changes), sum(c.removed or 0 for c in changes)
    total = [words.count(len(changes), "file") + " changed"]
    total += [words.count(added, "line") + " added"] if added else []
    total += [words.count(removed, "line") + " removed"] if removed else []
    return [*lines, *map(look.dim, words.wrap(", ".join(total), look.width, "  "))]


_STATUS = {"A": "added", "D": "deleted", "R": "renamed", "T": "type changed"}


def _path(change: FileChange) -> str:
    path = words.name(change.path)
    return f"{words.name(change.old_path)} => {path}" if change.old_path and change.old_path != change.path else path


def _bar(lines: int | None, most: int, width: int) -> int:
    if not lines:
        return 0
    return lines if most <= width else max(1, round(lines * width / most))


def evidence_section(task: Task, evidence: Evidence | None, look: Look, at: str = "") -> list[str]:
    """What the harness ran itself, on which tree, and where to read every line of it. `at`: as in `report_lines`."""
    if evidence is None:
        return []
    if not evidence.checks:
        text = "none: no check was given with --check and none was found in the repository"
        return [look.bold("Evidence"), *words.wrap(text, look.width - 2, "  ")]
    where = f"tree {evidence.tree[:12]}, in a fresh {sandbox_name(task)}"
    wide = words.cells(where) + 10 <= look.width
    lines = [look.bold("Evidence") + (f"  {look.dim(where)}" if wide else "")]
    lines += [] if wide else map(look.dim, words.wrap(where, look.width, "  "))
    for number, run in enumerate(evidence.checks, 1):
        lines += _check(f"midwatch log {task.id} --check {number}{at}", run, look)
    return lines


def sandbox_name(task: Task) -> str:
    """What the checks ran in."""
    return "folder without isolation" if task.sandbox == "process" else "sandbox"


def _check(reading: str, run: CheckRun, look: Look) -> list[str]:
    mark = look.mark(run.passed)
    command = words.cut(words.line(run.command), look.width - 9, look.more)
    facts = [words.line(run.ended), words.milliseconds(run.duration_ms)]
    log = f"log {run.digest[:12]} ({words.count(run.lines, 'line')})"
    joined = look.dot.join([*facts, log])
    where = look.command(reading)
    tails = [joined] if words.cells(joined) + 5 <= look.width else [look.dot.join(facts), log]
    tails = [piece for tail in tails for piece in words.wrap(tail, look.width, "    ")]
    return [f"  {mark} {look.bold(command)}", *map(look.dim, tails), f"    {where}"]


def _closing_words(attempt: AttemptReport, look: Look, at: str) -> list[str]:
    if not attempt.text.strip():
        return []
    lines = words.wrap(attempt.text.strip(), min(look.width, 100) - 2, "  ")
    if len(lines) > MOST_WORDS:
        lines = [
            *lines[:MOST_WORDS],
            look.dim(f"  {look.more} `midwatch show {attempt.attempt.partition('.')[0]}{at}` has it all"),
        ]
    return lines


def _pull_request(report: Report, look: Look, here: str) -> list[str]:
    request = report.pull_request
    if request is None:
        return []
    inside = here == report.task.repository or here.startswith(report.task.repository.rstrip(os.sep) + os.sep)
    name = str(request.number) if inside else report.task.id
    lines = [*pull_request_head(request, look), *(f"  {page}" for page in page_of(request))]
    lines += _commands([("look at it", f"midwatch pr show {name}")], look)
    if request.state == "open":
        lines += _commands([("merge it", f"midwatch pr merge {name}")], look)
    return lines


def _pull_request_elsewhere(report: Report, look: Look, at: str) -> list[str]:
    request, task = report.pull_request, report.task.id
    if request is None:
        return []
    lines = [*pull_request_head(request, look), *([f"  {words.line(request.url)}"] if request.url else [])]
    rows = [("look at it", f"midwatch pr show {task}{at}")]
    rows += [("merge it", f"midwatch pr merge {task}{at}")] if request.state == "open" else []
    return lines + _commands(rows, look)


def pull_request_head(request: PullRequest, look: Look) -> list[str]:
    """Number, state, title, and which branch goes where."""
    proposal = request.proposal
    state = state_word(request)
    painted = look.warn(state) if state == "draft" else look.good(state) if state in ("ready", "merged") else state
    room = look.width - 7 - len(state) - len(str(request.number))
    title, *more = words.wrap(words.line(proposal.title), room) or [""]
    lines = [f"  {look.bold(f'#{request.number}')} {painted}  {look.bold(title)}"]
    lines += [" " * (look.width - room - 1) + look.bold(text) for text in more]
    left = "<-" if not look.unicode else "←"
    base = proposal.base[:12] if proposal.base == proposal.base_commit else words.line(proposal.base)
    lines.append(f"  {words.cut(f'{base} {left} {words.line(proposal.branch)}', look.width - 2, look.more)}")
    return lines


def page_of(request: PullRequest) -> list[str]:
    """Where a browser shows it; nothing for one of the local forge."""
    return [words.line(request.url)] if request.url.startswith(("https://", "http://")) else []


def state_word(request: PullRequest) -> str:
    """`draft`, `ready`, `merged` or `closed`."""
    if request.state != "open":
        return words.line(request.state)
    return "draft" if request.proposal.draft else "ready"


def _others(report: Report, look: Look) -> list[str]:
    lines = []
    for attempt in report.attempts:
        if attempt.attempt != report.chosen.attempt:
            number = attempt.attempt.rpartition(".")[2]
            verdict = attempt.evidence.verdict if attempt.evidence else ""
            facts = [attempt.status, f"checks {verdict}" if verdict else "", words.count(attempt.turns, "turn")]
            text = look.dot.join(filter(None, [*facts, words.duration(attempt.seconds)]))
            lines.append(words.cut(f"  {number}: {text}", look.width, look.more))
    return lines


def cost_line(report: Report, look: Look) -> str:
    """Turns, tokens, money, time; of all attempts together."""
    attempts = report.attempts
    usage = sum((a.usage for a in attempts), Usage())
    costs = [a.cost_microusd for a in attempts]
    known = [c for c in costs if c is not None]
    facts = [words.count(sum(a.turns for a in attempts), "turn")]
    cached = f" ({usage.cached_percent} % of the input cached)" if usage.cached_percent else ""
    facts += [f"{usage.total:,} tokens{cached}"] if usage.total else []
    facts += [words.price(report.task.model, sum(known) if len(known) == len(costs) else None)]
    facts += [words.duration(sum(a.seconds for a in attempts))]
    return look.dot.join(facts)


def next_lines(report: Report, look: Look) -> list[str]:
    """What a person may want to type now."""
    task = report.task.id
    rows, talk = [], report.task.kind == "conversation"
    if talk:
        rows.append(("go on", f'midwatch exec resume {task} "…"'))
    elif report.status in ("failed", "interrupted", "waiting"):
        rows.append(("go on", f"midwatch resume {task}"))
    if report.changes and not talk:  # a conversation's are in the person's folder
        rows += [("apply it to your files", f"midwatch apply {task}"), ("see the change", f"midwatch diff {task}")]
    rows.append(("read every step", f"midwatch log {task}"))
    if report.finished:
        rows.append(("check the record", f"midwatch verify {task}"))
    return _commands(rows, look)


def _next_elsewhere(report: Report, look: Look, at: str) -> list[str]:
    """The same for a task that a server has."""
    task = report.task.id
    known = {"paused": ("go on", "resume"), "waiting": ("look on", "attach"), "running": ("look on", "attach")}
    known |= dict.fromkeys(("failed", "interrupted"), ("try again", "retry")) | {"cancelled": ("begin anew", "fork")}
    first = known.get(report.status)
    rows = [(first[0], f"midwatch {first[1]} {task}{at}")] if first else []
    rows += [("see the change", f"midwatch diff {task}{at}")] if report.changes else []
    rows.append(("read every step", f"midwatch log {task}{at}"))
    if report.finished:
        rows.append(("check the record", f"midwatch verify {task}{at}"))
    return _commands(rows, look)


def _commands(rows: Sequence[tuple[str, str]], look: Look) -> list[str]:
    width = max((len(label) for label, _ in rows), default=0)
    if look.width < 60:
        return [f"  {look.command(command)}" for _, command in rows]
    return [f"  {words.pad(label, max(width, 12))}  {look.command(command)}" for label, command in rows]
