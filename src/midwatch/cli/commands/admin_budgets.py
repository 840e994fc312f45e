"""`midwatch admin budgets`: the most that a server's tasks may spend together."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from midwatch.cli import arguments, words
from midwatch.cli.remote import desk, repositories, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.remote.session import Session
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.engine.budgets.scopes import KINDS, PERIODS

USAGE = (
    "midwatch admin budgets [list | set KIND NAME | remove KIND NAME] [--usd AMOUNT] [--tokens N] [--period PERIOD] "
    "[--server URL] [--json]"
)
ACTIONS = {
    "list": Action(),
    "set": Action(("KIND", "NAME"), ("usd", "tokens", "period")),
    "remove": Action(("KIND", "NAME"), ("period",)),
}
OWNED = ("usd", "tokens", "period")


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and the caps."""
    desk.add_arguments(parser, ACTIONS)
    parser.add_argument("--usd", metavar="AMOUNT", type=arguments.microusd, help="US dollars: 20 or 0.50")
    parser.add_argument("--tokens", metavar="N", type=arguments.count(0), help="input and output together")
    parser.add_argument("--period", choices=PERIODS, help="for ever, or on each day (default: day)")


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it. Those of a repository and its tasks are its maintainers', others the server's administrators'."""
    action, given = desk.chosen(options, ACTIONS, OWNED)
    if action != "list" and given[0] not in KINDS:
        raise InputError(f"there is no budget of a {words.line(given[0])!r}", f"it is one of {', '.join(KINDS)}")
    if action == "set" and options.usd is None and options.tokens is None:
        raise InputError("a budget needs a cap", "give --usd, --tokens or both; `remove` takes one away")
    async with desk.at(options, screen) as session:
        if action == "list":
            found = (await session.client.get("budgets"))["budgets"]
            head = ("of", "name", "period", "cap", "spent", "reserved")
            return desk.show(screen, "budgets", found, [head, *map(_row, found)])
        scope = {"kind": given[0], "name": await _name(session, *given), "period": options.period or "day"}
        if action == "remove":
            await desk.send(session, "DELETE", f"budgets?{urlencode(scope)}")
            return desk.done(screen, "removed", {"budget": scope}, f"{given[1]} has no such budget any more")
        answer = await desk.send(session, "PUT", "budgets", scope | {"microusd": options.usd, "tokens": options.tokens})
    row = _row(answer)
    return desk.done(screen, "budget", answer, f"{row[0]} {row[1]}, {row[2]}: {row[3]}, of which {row[4]} is spent")


async def _name(session: Session, kind: str, name: str) -> str:
    """As the server takes it: a repository may also be named by an address or a clone, a task by its id's beginning."""
    if kind == "repository":
        return await repositories.meant(session.client, name)
    return (await tasks.named(session.client, name))[0] if kind == "task" else name


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    period = "each day" if one["period"] == "day" else "whole"
    cap, spent, held = (_amounts(one, prefix) for prefix in ("", "spent_", "reserved_"))
    return (one["kind"], one["name"], period, cap, spent, held)


def _amounts(one: Mapping[str, Any], prefix: str) -> str:
    money, tokens = one[f"{prefix}microusd"], one[f"{prefix}tokens"]
    shown = [f"${money / 1e6:.6g}"] if one["microusd"] is not None else []
    shown += [f"{tokens:,} tokens"] if one["tokens"] is not None else []
    return " and ".join(shown)
