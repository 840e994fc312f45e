"""`midwatch run`: a task, from its prompt to its pull request."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, asking, following, render
from midwatch.cli.jsonlines import task_json
from midwatch.cli.screen import Screen

USAGE = "midwatch run PROMPT [--repo PATH-OR-URL] [--check CMD]... [--model NAME] [options]"


def add_arguments(parser: arguments.Parser) -> None:
    """What `submit` takes too."""
    asking.add_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Make the task, say what it is, do it."""
    request = asking.request(options)
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
