"""`repair`: the model that needs no key and no network. It is no language model: it searches for a small edit of the
Python source that makes the failing checks pass, and says what it tried.

It speaks the contract of every model: a pure function of the view that asks for the ordinary tools. The search itself
is a program in `box/` that the sandbox shows read-only; it runs as one shell command.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from midwatch.domain.conversation import (
    INTERRUPTED,
    Answered,
    Brief,
    Delta,
    Replied,
    Reply,
    ToolCall,
    ToolSpec,
    Usage,
    View,
)
from midwatch.domain.limits import Limits
from midwatch.models.repair import words

MARK = "MIDWATCH-REPAIR "
"""Begins the last line of the search's output; JSON follows."""

SEARCH_SECONDS = 75
"""The most that the search takes when the person has set no time of their own."""

STEPS = ("run the checks", "find the fault and search for a small edit", "apply it and run the checks again")

GRACE = 30
"""Seconds between the search's own deadline and the tool's."""

Asked = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""


class RepairModel:
    """See `Model`. Costs nothing."""

    name = "repair"
    wire = "repair"
    window = 1 << 40
    """It reads only what it needs, so nothing has to fit."""
    max_output = 1 << 20

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """The next step, read from what has been answered so far. Never fails, never waits."""
        await asyncio.sleep(0)
        made = _numbered(_next(_this_turn(view)), sum(isinstance(item, Replied) for item in view.items))
        if made.text:
            yield Delta("text", made.text)
        yield made

    def cost(self, usage: Usage) -> int | None:
        """Nothing."""
        return 0

    async def close(self) -> None:
        """Nothing to release."""


def _this_turn(view: View) -> View:
    """What has come since the person spoke last: a turn ends with a reply that asks for nothing, or with calls that
    a person cut off. Words of the harness in between begin nothing anew."""
    for place, item in reversed(list(enumerate(view.items))):
        ended = isinstance(item, Replied) and not item.calls
        if ended or (isinstance(item, Answered) and item.output == INTERRUPTED):
            return replace(view, items=view.items[place + 1 :])
    return view


def _numbered(reply: Reply, replies: int) -> Reply:
    """The reply with ids for its calls that no earlier call of the conversation has."""
    calls = tuple(replace(call, id=f"repair_{replies}_{n}") for n, call in enumerate(reply.calls))
    return replace(reply, calls=calls)


def _next(view: View) -> Reply:
    turn = sum(isinstance(item, Replied) for item in view.items)
    answers = _latest(view)
    if turn == 0:
        return _look(view.brief)
    if turn == 1:
        failing = [answer for answer in answers if answer.tool == "shell" and not answer.ok]
        if not failing:
            return _end(words.nothing_fails(view.brief.checks), {"found": False, "passing": True})
        return _search(view.brief)
    if turn == 2:
        found = search_result(answers)
        if not found.get("found"):
            text = words.not_found(found, words.first_line(_first_failure(view)))
            return _end(text, {"found": False, "tried": _count(found, "tried")})
        return _repair(view.brief, found)
    return _report(view, answers)


def _look(brief: Brief) -> Reply:
    """Run the checks as they are, so that the log shows what fails."""
    if not brief.checks:
        return _end(words.NO_CHECKS, {"found": False})
    limit = _check_seconds(brief.limits)
    calls = [_plan(0), *(("shell", {"command": c, "timeout_seconds": limit}) for c in brief.checks)]
    return _ask(words.OPENING, calls)


def _plan(done: int) -> Asked:
    """The plan with that many steps behind it."""
    statuses = ["completed"] * done + ["in_progress"] + ["pending"] * len(STEPS)
    return "update_plan", {"plan": [{"step": s, "status": status} for s, status in zip(STEPS, statuses, strict=False)]}


def _search(brief: Brief) -> Reply:
    seconds = search_seconds(brief.limits)
    checks = " ".join(f"--check {shlex.quote(check)}" for check in brief.checks)
    command = f'python3 "$MIDWATCH_SUPPORT/search.py" --seconds {seconds} {checks}'
    arguments = {"command": command, "timeout_seconds": seconds + GRACE}
    return _ask(
        f"Something fails. I look for the fault, and for {seconds} s at most for an edit.",
        [_plan(1), ("shell", arguments)],
    )


def _repair(brief: Brief, found: Mapping[str, Any]) -> Reply:
    limit = _check_seconds(brief.limits)
    calls = [_plan(2), ("apply_patch", {"patch": str(found.get("patch", ""))})]
    calls += [("shell", {"command": check, "timeout_seconds": limit}) for check in brief.checks]
    calls.append(_plan(len(STEPS)))
    return _ask("An edit passes every check: " + words.listed(found.get("what")) + ". I apply it.", calls)


def _report(view: View, answers: Sequence[Answered]) -> Reply:
    found = search_result([item for item in view.items if isinstance(item, Answered)])
    applied = all(answer.ok for answer in answers if answer.tool == "apply_patch")
    passing = all(answer.ok for answer in answers if answer.tool == "shell")
    plausible = _count(found, "plausible")
    verdict = {
        "found": applied,
        "tried": _count(found, "tried"),
        "plausible": plausible,
        "title": words.title(found),
        "draft": plausible > 1 or not passing,
    }
    if not applied:
        refusal = next(answer.output for answer in answers if answer.tool == "apply_patch" and not answer.ok)
        return _end(words.unapplied(found, refusal), verdict)
    return _end(words.report(found, passing=passing), verdict)


def search_result(answers: Sequence[Answered]) -> dict[str, Any]:
    """What the search said in its last line; empty when it never came to that."""
    for answer in reversed(answers):
        for line in reversed(answer.output.splitlines()):
            if line.startswith(MARK):
                try:
                    value = json.loads(line.removeprefix(MARK))
                except ValueError:
                    return {}
                return value if isinstance(value, dict) else {}
    return {}


def search_seconds(limits: Limits) -> int:
    """How long the search may take: SEARCH_SECONDS, less in a short task, more where the person gave a longer time."""
    seconds = SEARCH_SECONDS
    if limits.seconds is not None and limits.seconds < 2 * SEARCH_SECONDS:
        seconds = limits.seconds // 2
    elif limits.seconds is not None and limits.seconds != Limits().seconds:
        seconds = max(SEARCH_SECONDS, limits.seconds * 6 // 10)
    return max(1, min(seconds, limits.command_seconds - GRACE))


def _check_seconds(limits: Limits) -> int:
    return max(1, min(limits.command_seconds, max(20, search_seconds(limits) * 4 // 15)))


def _latest(view: View) -> list[Answered]:
    """The answers to the last reply's calls."""
    answers: list[Answered] = []
    for item in reversed(view.items):
        if isinstance(item, Replied):
            break
        if isinstance(item, Answered):
            answers.insert(0, item)
    return answers


def _first_failure(view: View) -> str:
    """What was read of the first check that failed."""
    answers = (item for item in view.items if isinstance(item, Answered) and item.tool == "shell" and not item.ok)
    return next((answer.output for answer in answers), "")


def _count(found: Mapping[str, Any], key: str) -> int:
    value = found.get(key, 0)
    return value if isinstance(value, int) else 0


def _ask(text: str, calls: Sequence[Asked]) -> Reply:
    made = tuple(ToolCall("", name, json.dumps(given)) for name, given in calls)
    return Reply("repair", "repair", text, made, stop="calls")


def _end(text: str, verdict: Mapping[str, Any]) -> Reply:
    return Reply("repair", "repair", text, (), ({"type": "verdict", **verdict},))
