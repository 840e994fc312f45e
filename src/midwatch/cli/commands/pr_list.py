"""`midwatch pr list`: the local forge's pull requests."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from midwatch import wiring
from midwatch.cli import arguments, pulls, render, words
from midwatch.cli.jsonlines import pull_request_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.domain.pull_request import PullRequest

USAGE = "midwatch pr list [--repo PATH | --all] [--state STATE] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Whose, and in which state."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repo", metavar="PATH", help="of this repository (default: the one of the current folder)")
    which.add_argument("--all", action="store_true", help="of every repository")
    states = ("open", "merged", "closed", "all")
    parser.add_argument("--state", choices=states, default="all", help="only these (default: all)")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """A line for each, newest first."""
    at = ""
    if server := address.chosen(options, screen.environ):
        from midwatch.cli.remote import pulls as elsewhere
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, server) as session:
            where, requests = await elsewhere.listed(session, options)
            at = session.at
    else:
        async with wiring.home(screen.environ) as home:
            where, requests = await pulls.choose(home, options.repo, everywhere=options.all)
    chosen = [r for r in requests if options.state in ("all", r.state)]
    if screen.json:
        screen.emit([pull_request_json(request) for request in chosen], indent=2)
    elif chosen:
        screen.say(table(chosen, screen.look(), everywhere=not where))
    else:
        of = f" of {words.line(where)}" if where else ""
        state = "" if options.state == "all" else f"{options.state} "
        screen.say(
            f"no {state}pull requests{of}"
            + (f"; `midwatch pr list --all{at}` shows every repository's" if where else "")
        )
    return 0


def table(requests: Sequence[PullRequest], look: Look, *, everywhere: bool) -> list[str]:
    """Number, state, verdict, age, title, and where there is more than one the repository."""
    rows = []
    for request in requests:
        verdict = {"passed": "checks pass", "failed": "checks fail", "none": "no checks"}.get(
            request.proposal.verdict, ""
        )
        state = render.state_word(request)
        rows.append(
            (f"#{request.number}", state, verdict, words.age(request.updated), words.line(request.proposal.title))
        )
    widths = [max(words.cells(row[n]) for row in rows) for n in range(4)]
    lines = []
    for request, row in zip(requests, rows, strict=True):
        kept = range(4) if look.width >= 60 else range(2)
        state_paint = {"ready": look.good, "merged": look.good, "draft": look.warn}.get(row[1], look.dim)
        paint = {0: look.bold, 1: state_paint}
        head = "  ".join(paint.get(n, look.dim)(words.pad(row[n], widths[n])) for n in kept)
        used = sum(widths[n] + 2 for n in kept)
        lines.append(f"{head}  {words.cut(row[4], look.width - used - 1, look.more)}")
        if everywhere:
            lines.append(
                look.dim(f"    {words.cut_path(words.line(request.proposal.repository), look.width - 5, look.more)}")
            )
    return lines
