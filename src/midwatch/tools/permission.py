"""What the person's rules say of a command line that a tool is about to hand to a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from midwatch.tools.approval import Question, decided
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.rules import Rules


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether it may run."""

    refusal: ToolResult | None = None
    """The result of the call where it may not."""
    events: tuple[Any, ...] = ()
    """What was decided by a person; it belongs to the result of the call."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done."""

    tool: str
    command: str
    """What the rules are about."""
    subject: str
    """The same as a person reads it."""
    nothing: str = "Nothing was run."
    """What has not happened when it is refused."""


async def permission(rules: Rules, wish: Wish, bench: Bench) -> Permission:
    """Decide, with a person's word where a rule wants one. Where nobody can be asked that is a refusal, never a
    wait."""
    verdict = rules.decide(wish.command)
    if verdict.decision == "forbid":
        return Permission(_refused(f"is forbidden by {verdict.words()}", wish))
    if verdict.decision != "ask":
        return Permission()
    asking = rules.asking(wish.command)
    reason = "; ".join(rule.words() for rule in asking)
    question = Question(bench.call_id, wish.tool, wish.subject, reason, tuple(rule.shown() for rule in asking))
    answer = await bench.approver.ask(question)
    event = decided(question, answer)
    if answer.allowed:
        return Permission(events=(event,))
    why = f": {answer.reason}" if answer.reason else ""
    return Permission(_refused(f"needs a person's word, by {reason}; the {answer.author} said no{why}", wish), (event,))


def _refused(why: str, wish: Wish) -> ToolResult:
    output = f"The command {why}. {wish.nothing} Do without it, or say in the end what is missing."
    return ToolResult(ok=False, output=output, ended="refused by a rule")
