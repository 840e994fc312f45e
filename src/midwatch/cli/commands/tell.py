"""`midwatch tell`: a further message for a task."""

from __future__ import annotations

from argparse import Namespace

from midwatch import revising, wiring
from midwatch.cli import arguments, following, pictured
from midwatch.cli.jsonlines import task_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = 'midwatch tell ID "MESSAGE" [-i FILE] [--server URL] [--json]'


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and what it is told."""
    arguments.task_argument(parser, "the task's id; ID.2 is its second attempt")
    parser.add_argument("message", metavar="MESSAGE", help="what is to be done now; `-` reads it from standard input")
    pictured.image_option(parser)
    arguments.server_option(parser)
    arguments.follow_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Add the message and go on as `resume` does."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import steering

        text = arguments.prompt(options.message)
        if not text:
            raise InputError("the message is empty", 'say what is to be done: midwatch tell ID "…"')
        body = {"text": text, **({"images": pictured.sent(options.image)} if options.image else {})}
        return await steering.steer(options, screen, where, "messages", body)
    async with wiring.home(screen.environ) as home:
        images = pictured.kept(options.image, home.blobs)
        task = await revising.tell(home, options.id, arguments.prompt(options.message), images)
        if screen.json:
            screen.emit(task_json(task))
        return await following.follow(home, task, screen)
