"""`midwatch pr close`: a pull request that is not wanted."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, pulls, words
from midwatch.cli.jsonlines import pull_request_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen

USAGE = "midwatch pr close NUMBER [--repo PATH] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which."""
    pulls.pull_request_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Close it; the branch stays."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import pulls as elsewhere

        found, request = await elsewhere.settled(options, screen, where, "close")
    else:
        async with wiring.home(screen.environ) as home:
            found = await pulls.find(home, options.number, options.repo)
            request = await home.forge.close(found.proposal.repository, found.number)
    if screen.json:
        screen.emit(pull_request_json(request))
        return 0
    look = screen.look()
    how = "was already closed" if found.state == "closed" else "closed without merging"
    screen.say(f"{look.mark(True)} #{request.number} {how}; its branch {words.line(request.proposal.branch)} stays")
    return 0
