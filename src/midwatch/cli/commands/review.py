"""`midwatch review`: a change, looked at for faults."""

from __future__ import annotations

from argparse import Namespace

from midwatch import revising, wiring
from midwatch.cli import arguments, following, reviews, words
from midwatch.cli.jsonlines import task_json
from midwatch.cli.screen import Screen
from midwatch.sandbox.drivers import NAMES
from midwatch.workflows.reviewed import Wish

USAGE = 'midwatch review [--uncommitted | --base REF | --commit SHA] [options] ["WHAT TO LOOK AT"] [--json]'


def add_arguments(parser: arguments.Parser) -> None:
    """Which change, who looks at it, and what is shown."""
    parser.add_argument(
        "focus", metavar="WHAT", nargs="?", default="", help="what to look at; `-` reads standard input"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--uncommitted", action="store_true", help="your uncommitted changes (default when there are any)"
    )
    which.add_argument("--base", metavar="REF", default="", help="all since this branch (default: the default branch)")
    which.add_argument("--commit", metavar="SHA", default="", help="what this commit changes")
    parser.add_argument("--repo", metavar="PATH-OR-URL", default=".", help="the repository (default: this folder)")
    parser.add_argument("-m", "--model", metavar="NAME", help="the model (default: the settings')")
    parser.add_argument("--sandbox", metavar="DRIVER", choices=NAMES, help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--max-turns", metavar="N", type=arguments.count(1), help="calls of the model")
    parser.add_argument("--max-cost", metavar="USD", type=arguments.microusd, help="US dollars")
    parser.add_argument("--all", action="store_true", help="also findings that are niceties or not certain")
    parser.add_argument(
        "--fail-on",
        metavar="PRIORITY",
        choices=["P0", "P1", "P2", "P3"],
        help="exit with 1 for a shown finding of this priority or a graver one",
    )


async def execute(options: Namespace, screen: Screen) -> int:
    """Make the review, say what it is of, do it."""
    wish = Wish(
        uncommitted=options.uncommitted,
        base=options.base,
        commit=options.commit,
        focus=arguments.prompt(options.focus),
        repository=options.repo,
        sandbox=options.sandbox,
    )
    limits = {"turns": options.max_turns, "cost_microusd": options.max_cost}
    asked = {name: value for name, value in limits.items() if value}
    async with wiring.home(screen.environ) as home:
        try:
            task = await following.stoppable(revising.start_review(home, wish, options.model, asked))
        except following.Interrupted:
            screen.note("midwatch: stopped before anything was begun")
            return following.STOPPED
        if screen.json:
            screen.emit(task_json(task))
        else:
            head = f"{words.line(task.prompt)}  ({task.id}, {words.line(task.model)})"
            screen.say([head, *(f"note: {words.line(note)}" for note in task.notes)])
        fail_on = int(options.fail_on[1]) if options.fail_on else -1
        return await reviews.follow(home, task, screen, reviews.Wanted(options.all, fail_on))
