"""`midwatch pr merge`: a pull request into its base branch."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, pulls, words
from midwatch.cli.jsonlines import pull_request_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen

USAGE = "midwatch pr merge NUMBER [--repo PATH] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which."""
    pulls.pull_request_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Fast-forward or merge commit; a conflict is refused."""
    if server := address.chosen(options, screen.environ):
        from midwatch.cli.remote import pulls as elsewhere

        found, request = await elsewhere.settled(options, screen, server, "merge")
    else:
        async with wiring.home(screen.environ) as home:
            found = await pulls.find(home, options.number, options.repo)
            request = await home.forge.merge(found.proposal.repository, found.number)
    if screen.json:
        screen.emit(pull_request_json(request))
        return 0
    look, proposal = screen.look(), request.proposal
    where = f"{words.line(proposal.base)} of {words.line(proposal.repository)}"
    how = "was already merged" if found.state == "merged" else "merged"
    screen.say(f"{look.mark(True)} #{request.number} {how} into {where} as {request.merge_commit[:12]}")
    return 0
