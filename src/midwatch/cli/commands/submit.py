"""`midwatch submit`: a task for a server."""

from __future__ import annotations

import uuid
from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.remote import address, repositories, steering, submission
from midwatch.cli.remote.session import opened
from midwatch.cli.screen import Screen
from midwatch.domain.errors import OperationError

USAGE = "midwatch submit PROMPT [--server URL] [--repo NAME] [--follow] [options]"


def add_arguments(parser: arguments.Parser) -> None:
    """What `run` takes, when it is to be done, and whether to look on."""
    submission.add_arguments(parser)
    group = parser.add_argument_group("the server")
    arguments.server_option(group)
    how = group.add_mutually_exclusive_group()
    arguments.follow_option(how)
    how.add_argument("--detach", action="store_true", help="print the task and return (default)")
    group.add_argument("--key", metavar="KEY", default="", help="however often it is sent: one task for a key")


async def execute(options: Namespace, screen: Screen) -> int:
    """Send it; done when the server has it for good."""
    where = address.required(options, screen.environ, "`midwatch run` does a task on this machine")
    key = options.key or str(uuid.uuid4())
    body = submission.value(options)
    async with opened(options, screen, where) as session:
        body["repository"] = await repositories.meant(session.client, options.repo)
        try:
            posted = await session.client.post("tasks", body, key)
        except OperationError as error:
            again = f"then submit it again with --key {key}: that makes no second task"
            raise OperationError(error.message, f"{error.mend}, {again}", detail=error.detail) from None
        if posted.known:
            screen.note("midwatch: the server has this task already")
        return await steering.begun(session, posted.value, follow=options.follow)
