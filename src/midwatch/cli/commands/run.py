"""`midwatch run`: a task, from its prompt to its pull request."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, following, render
from midwatch.cli.jsonlines import task_json
from midwatch.cli.screen import Screen
from midwatch.sandbox.drivers import NAMES
from midwatch.workflows.start import Request

USAGE = "midwatch run PROMPT [--repo PATH-OR-URL] [--check CMD]... [--model NAME] [options]"


def arguments_of_task(parser: arguments.Parser) -> None:
    """What is to be done, and where."""
    parser.add_argument("prompt", metavar="PROMPT", help="what is to be done; `-` reads it from standard input")
    group = parser.add_argument_group("where")
    group.add_argument("--repo", metavar="PATH-OR-URL", default=".", help="the repository (default: this folder)")
    group.add_argument(
        "--base", metavar="REF", help="branch, tag or commit to start from (default: what is checked out)"
    )
    group.add_argument("--include-uncommitted", action="store_true", help="start from the files as they are now")


def arguments_of_limits(parser: arguments.Parser) -> None:
    """What an attempt may spend."""
    group = parser.add_argument_group("limits of an attempt")
    group.add_argument("--max-turns", metavar="N", type=arguments.count(1), help="model calls (default: 100)")
    group.add_argument(
        "--max-tokens", metavar="N", type=arguments.count(1), help="tokens in and out (default: no limit)"
    )
    group.add_argument("--max-cost", metavar="USD", type=arguments.microusd, help="US dollars (default: no limit)")
    group.add_argument(
        "--max-time", metavar="DURATION", type=arguments.seconds, help="90, 90s, 15m, 2h of work (default: 1h)"
    )


def add_arguments(parser: arguments.Parser) -> None:
    """All of them."""
    arguments_of_task(parser)
    group = parser.add_argument_group("how")
    group.add_argument("--model", metavar="NAME", help="`repair` (default), `openai/…`, or one of your settings")
    group.add_argument(
        "--check", metavar="CMD", action="append", default=[], help="must exit with 0; may be given more than once"
    )
    group.add_argument("--attempts", metavar="N", type=arguments.count(1), default=1, help="tries; the best is offered")
    group.add_argument("--trust-recipe", action="store_true", help="let the repository's recipe name hosts and secrets")
    group.add_argument("--sandbox", choices=NAMES, help="how commands are isolated; `process` isolates nothing")
    arguments_of_limits(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Make the task, say what it is, do it."""
    request = Request(
        prompt=arguments.prompt(options.prompt),
        repository=options.repo,
        base=options.base,
        model=options.model,
        checks=tuple(options.check),
        attempts=options.attempts,
        limits=_limits(options),
        sandbox=options.sandbox,
        include_uncommitted=options.include_uncommitted,
        trust_recipe=options.trust_recipe,
    )
    async with wiring.home(screen.environ) as home:
        try:
            task = await following.stoppable(wiring.start(home, request))
        except following.Interrupted:
            screen.note("midwatch: stopped before anything was begun")
            return following.STOPPED
        if screen.json:
            screen.emit(task_json(task))
        else:
            screen.say([*render.task_lines(task, screen.look()), ""])
        return await following.follow(home, task, screen)


def _limits(options: Namespace) -> dict[str, int]:
    """The limits that were asked for."""
    asked = {
        "turns": options.max_turns,
        "tokens": options.max_tokens,
        "cost_microusd": options.max_cost,
        "seconds": options.max_time,
    }
    return {name: value for name, value in asked.items() if value}
