"""`midwatch env gc`: delete environments and shared checkouts that are old or too many."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json
from midwatch.workflows.tidy import tidy
from midwatch.workspace.layers.cache import Cache

USAGE = "midwatch env gc [--keep-gib N] [--older-than DAYS] [--all] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """How much may stay."""
    parser.add_argument("--keep-gib", metavar="N", type=amount, help="GiB that may stay (default: your settings, 20)")
    parser.add_argument(
        "--older-than", metavar="DAYS", type=amount, help="delete what was not used for so long (default: 30)"
    )
    parser.add_argument("--all", action="store_true", help="delete all that is not in use")


def amount(text: str) -> float:
    """A number of at least 0, such as `0.5`."""
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return float(text)


async def execute(options: Namespace, screen: Screen) -> int:
    """Delete, and say what. What is in use stays."""
    async with wiring.home(screen.environ) as home:
        settings, cache = home.settings.environments, Cache(home.state)
    keep = settings.keep_gib if options.keep_gib is None else options.keep_gib
    days = settings.keep_days if options.older_than is None else options.older_than
    if options.all:
        keep, days = 0.0, 0.0
    tidied = await tidy(home.state, keep, days)
    removed = tidied.environments
    left = [layers.record for layers, _ in cache.kept()]
    if screen.json:
        screen.emit(
            {"type": "gc", "removed": to_json(removed), "kept": to_json(left), "checkouts_bytes": tidied.checkouts},
            indent=2,
        )
        return 0
    look = screen.look()
    lines = [f"{look.mark(True)} deleted {gone.key[:16]}: {words.size(gone.size)} ({gone.why})" for gone in removed]
    if tidied.checkouts:
        lines.append(f"{look.mark(True)} deleted shared checkouts: {words.size(tidied.checkouts)}")
    lines += [f"{look.mark(True)} removed {words.line(left_over)}" for left_over in tidied.leftovers]
    total = sum(record.size for record in left)
    screen.say([*lines, f"{words.count(len(left), 'environment')} kept, {words.size(total)}"])
    return 0
