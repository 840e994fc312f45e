"""Administering a server from the command line: what an action takes, and how things are listed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from midwatch.cli import arguments, words
from midwatch.cli.remote import address
from midwatch.cli.remote.session import Session, opened
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

HERE = "on the server's own machine `midwatch admin password` gives a lost password anew"


@dataclass(frozen=True, slots=True)
class Action:
    """One of the things that a command does."""

    takes: tuple[str, ...] = ()
    """The words that follow it, as the help calls them."""
    options: tuple[str, ...] = ()
    """Those of the command's options that mean something for it, by their names in the parsed options."""


def add_arguments(parser: arguments.Parser, actions: Mapping[str, Action]) -> None:
    """The action (`list` when none is given), its words, and the server."""
    parser.mixed = True
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", default="list", choices=tuple(actions), help=", ".join(actions)
    )
    forms = "; ".join(f"{name} {' '.join(action.takes)}" for name, action in actions.items() if action.takes)
    parser.add_argument("words", metavar="WORDS", nargs="*", help=forms)
    arguments.server_option(parser)


def chosen(options: Namespace, actions: Mapping[str, Action], owned: Sequence[str]) -> tuple[str, list[str]]:
    """The action with its words. `owned`: the names of all options that belong to some action only. Raises InputError
    for a word too many or too few, and for an option that means nothing there."""
    name, given = options.action, list(options.words)
    action = actions[name]
    if len(given) != len(action.takes):
        form = " ".join((name, *action.takes))
        raise InputError(f"{name} takes {' and '.join(action.takes) or 'no further word'}", f"write it as: {form}")
    for option in owned:
        if option not in action.options and getattr(options, option) not in (None, False):
            users = [one for one, other in actions.items() if option in other.options]
            raise InputError(f"--{option.replace('_', '-')} means nothing to {name}", f"it is for {', '.join(users)}")
    return name, given


@asynccontextmanager
async def at(options: Namespace, screen: Screen) -> AsyncIterator[Session]:
    """A session with the server that was named. Raises InputError when none was."""
    async with opened(options, screen, address.required(options, screen.environ, HERE)) as session:
        yield session


async def pages(session: Session, path: str, key: str, **query: str) -> list[Mapping[str, Any]]:
    """All of a list that comes in pages."""
    found: list[Mapping[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = await session.client.get(f"{path}?{urlencode({**query, 'after': after, 'limit': 1000})}")
        found += page[key]
        after = page["next"]
    return found


async def send(session: Session, method: str, path: str, value: Any = None) -> Mapping[str, Any]:
    """A request that does no harm when it is sent twice; its answer, empty for none."""
    answer = await session.client.send(method, path, value)
    found: Mapping[str, Any] = answer.json(session.client.address) if answer.body else {}
    return found


def show(screen: Screen, kind: str, found: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[str]]) -> int:
    """A list: with `--json` as the server tells it, else in columns, the first row being their names."""
    if screen.json:
        screen.emit({"type": kind, kind: [dict(one) for one in found]}, indent=2)
        return 0
    if not found:
        screen.say(f"no {kind}")
        return 0
    look = screen.look()
    shown = [[words.line(cell) for cell in row] for row in rows]
    widths = [max(words.cells(row[n]) for row in shown) for n in range(len(shown[0]))]
    lines = ["  ".join(words.pad(cell, width) for cell, width in zip(row, widths, strict=True)) for row in shown]
    screen.say([look.bold(lines[0].rstrip()), *(line.rstrip() for line in lines[1:])])
    return 0


def done(screen: Screen, kind: str, value: Mapping[str, Any], text: str) -> int:
    """Say what was done: with `--json` the thing as it is now."""
    if screen.json:
        screen.emit({"type": kind, **value})
    else:
        screen.say(f"{screen.look().mark(True)} {words.line(text)}")
    return 0
