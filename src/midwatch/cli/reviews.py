"""Working on a review in the foreground, and its findings as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from midwatch import revising, wiring
from midwatch.cli import following, words
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.domain.events import Stopped
from midwatch.domain.interventions import Reviewed
from midwatch.domain.review import Finding
from midwatch.domain.task import Task

SURE = 0.8
"""Findings of less confidence are shown only when all are asked for."""
GRAVE = 2
"""So are those of a higher number (of less weight)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a review is wanted."""

    everything: bool = False
    """Also findings that are unsure or niceties."""
    fail_on: int = -1
    """Exit with 1 for a shown finding of this priority or a graver one; -1 for never."""


async def follow(home: wiring.Home, task: Task, screen: Screen, wanted: Wanted) -> int:
    """Work on the review with somebody looking on, then print what it found; the exit code."""
    try:
        result = await following.watched(home, task, screen, lambda observer: revising.review(home, task, observer))
    except following.Interrupted:
        return following.stopped(screen, task.id)
    code = exit_code(result, wanted)
    if screen.json:
        screen.emit(review_json(task, result, wanted) | {"exit_code": code})
    else:
        screen.say(["", *review_lines(task, result, wanted, screen.look())])
    return code


def exit_code(result: Reviewed | Stopped, wanted: Wanted) -> int:
    """0, whatever was found; 1 without a result, or for what is not to pass."""
    if isinstance(result, Stopped):
        return 1
    return int(any(finding.priority <= wanted.fail_on for finding in shown(result, wanted)))


def shown(result: Reviewed, wanted: Wanted) -> list[Finding]:
    """The findings that a person is shown."""
    if wanted.everything:
        return list(result.findings)
    return [f for f in result.findings if f.confidence >= SURE and f.priority <= GRAVE]


def review_json(task: Task, result: Reviewed | Stopped, wanted: Wanted) -> dict[str, Any]:
    """`{"type": "review", …}` with every finding, and whether it is one of those that are shown."""
    head = {"type": "review", "id": task.id, "prompt": task.prompt, "commit": task.base.commit}
    if isinstance(result, Stopped):
        return {**head, "status": "no result", "text": result.text}
    seen = shown(result, wanted)
    return {
        **head,
        "status": "done",
        "verdict": result.verdict,
        "explanation": result.explanation,
        "findings": [{**to_json(finding), "shown": finding in seen} for finding in result.findings],
        "dropped": to_json(result.dropped),
    }


def review_lines(task: Task, result: Reviewed | Stopped, wanted: Wanted, look: Look) -> list[str]:
    """The findings, the gravest first, and what was left out."""
    if isinstance(result, Stopped):
        return [f"{look.mark(False)} {look.bold('no result')}: {words.line(result.text)}"]
    seen = shown(result, wanted)
    count = words.count(len(seen), "finding") if seen else "nothing to mend was found"
    ok = result.verdict == "correct"
    head = f"{look.mark(ok)} {look.bold(words.line(task.prompt))}{look.dim(look.dot)}{count}"
    lines = [head, *words.wrap(words.line(result.explanation), min(look.width, 100) - 2, "  ")]
    for finding in seen:
        lines += ["", *finding_lines(finding, look)]
    hidden = len(result.findings) - len(seen)
    left_out = [f"{words.count(hidden, 'finding')} of less weight or certainty: --all"] if hidden else []
    left_out += [
        f"left out {words.line(d.title)}: {words.line(d.file)}: {words.line(d.reason)}" for d in result.dropped
    ]
    return [
        *lines,
        *([""] if left_out else []),
        *(look.dim(words.cut(f"  {t}", look.width, look.more)) for t in left_out),
    ]


def finding_lines(finding: Finding, look: Look) -> list[str]:
    """One finding: priority, title, place, confidence, and what is wrong."""
    name = f"P{finding.priority}"
    painted = look.bad(name) if finding.priority <= 1 else look.warn(name)
    end = f"-{finding.last_line}" if finding.last_line > finding.first_line else ""
    place = f"{words.name(finding.file)}:{finding.first_line}{end}"
    facts: Sequence[str] = (place, f"{finding.confidence:.0%} sure")
    lines = [f"  {painted} {look.bold(words.line(finding.title))}", f"     {look.dim(look.dot.join(facts))}"]
    return [*lines, *words.wrap(words.clean(finding.body), min(look.width, 100) - 5, "     ")]
