"""`midwatch list`: the newest tasks."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence

from midwatch import reading, wiring
from midwatch.cli import arguments, words
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.workflows.summary import Summary

USAGE = "midwatch list [--limit N] [--archived] [--server URL] [--json]"

_STATUS = {
    "done": "good",
    "answered": "good",
    "no change": "warn",
    "failed": "bad",
    "interrupted": "warn",
    "limit": "warn",
    "paused": "warn",
}


def add_arguments(parser: arguments.Parser) -> None:
    """How many."""
    parser.add_argument("--limit", metavar="N", type=arguments.count(1), default=50, help="how many (default: 50)")
    parser.add_argument("--archived", action="store_true", help="those that are archived, which are not listed else")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print a table; nothing of a log is read."""
    summaries, numbers = await _known(options, screen)
    if screen.json:
        screen.emit([_json(s, numbers) for s in summaries], indent=2)
    elif not summaries and options.archived:
        screen.say("no task is archived")
    elif not summaries:
        verb = "submit" if address.chosen(options, screen.environ) else "run"
        command = screen.look().command(f'midwatch {verb} "what is to be done"')
        screen.say(f"no tasks yet; begin with {command}")
    else:
        screen.say(table(summaries, numbers, screen.look()))
    return 0


async def _known(options: Namespace, screen: Screen) -> tuple[Sequence[Summary], Mapping[str, int]]:
    """The tasks, and the numbers of their pull requests."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import looking
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, where) as session:
            summaries: Sequence[Summary] = await looking.summaries(session, options.limit, archived=options.archived)
            return summaries, await looking.numbers(session) if _any_done(summaries) else {}
    async with wiring.home(screen.environ) as home:
        summaries = await reading.reports(home, options.limit, archived=options.archived)
        return summaries, await _numbers(home) if _any_done(summaries) else {}


def _any_done(summaries: Sequence[Summary]) -> bool:
    return any(summary.status == "done" for summary in summaries)


async def _numbers(home: wiring.Home) -> Mapping[str, int]:
    return {request.proposal.task_id: request.number for request in await home.forge.list()}


def _json(summary: Summary, numbers: Mapping[str, int]) -> dict[str, object]:
    return {
        "id": summary.task.id,
        "status": summary.status,
        "created": summary.task.created,
        "updated": summary.updated,
        "repository": summary.task.repository,
        "prompt": summary.task.prompt,
        "model": summary.task.model,
        "branch": summary.task.branch,
        "pull_request": numbers.get(summary.task.id),
        "waits_for": summary.waits_for,
        "task": to_json(summary.task),
    }


def table(summaries: Sequence[Summary], numbers: Mapping[str, int], look: Look) -> list[str]:
    """A line for each task; the prompt takes what room is left."""
    rows = []
    for summary in summaries:
        number = numbers.get(summary.task.id)
        name = os.path.basename(summary.task.repository.rstrip("/")) or "/"  # noqa: PTH119 - may be a URL
        rows.append(
            [
                summary.task.id,
                words.line(summary.status),
                words.age(summary.updated),
                f"#{number}" if number else "",
                words.cut(words.line(name), 20, look.more),
                words.line(summary.task.prompt),
            ]
        )
    heads = ["TASK", "STATE", "AGE", "PR", "REPOSITORY", "PROMPT"]
    kept = [0, 1, 2, 3, 4, 5] if look.width >= 72 else [0, 1, 3, 5] if look.width >= 48 else [0, 1]
    widths = [max(words.cells(row[n]) for row in [heads, *rows]) for n in kept]
    widths[-1] = max(4, look.width - sum(widths[:-1]) - 2 * (len(kept) - 1)) if kept[-1] == 5 else widths[-1]
    lines = [look.dim(_row([heads[n] for n in kept], widths, look))]
    for row, summary in zip(rows, summaries, strict=True):
        cells = [row[n] for n in kept]
        painted = getattr(look, _STATUS.get(row[1], "dim"))(words.pad(row[1], widths[1]))
        lines.append(_row(cells, widths, look).replace(words.pad(row[1], widths[1]), painted, 1))
        if summary.waits_for:
            indent = " " * (widths[0] + 2)
            lines.append(look.dim(words.cut(indent + words.line(summary.waits_for), look.width, look.more)))
    return lines


def _row(cells: Sequence[str], widths: Sequence[int], look: Look) -> str:
    padded = [words.pad(words.cut(cell, width, look.more), width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()
