"""`midwatch admin repositories`: what tasks may be submitted for at a server."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from midwatch.cli import arguments
from midwatch.cli.remote import desk, repositories, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = (
    "midwatch admin repositories [list | add NAME LOCATION | change REPOSITORY | remove REPOSITORY] "
    "[--name NAME] [--organisation NAME | --no-organisation] [--server URL] [--json]"
)
ACTIONS = {
    "list": Action(),
    "add": Action(("NAME", "LOCATION"), ("organisation",)),
    "change": Action(("REPOSITORY",), ("name", "organisation", "no_organisation")),
    "remove": Action(("REPOSITORY",)),
}
OWNED = ("name", "organisation", "no_organisation")


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and what of a repository is to be set."""
    desk.add_arguments(parser, ACTIONS)
    parser.add_argument("--name", metavar="NAME", help="its new name")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--organisation", metavar="NAME", help="the organisation that it is to belong to")
    where.add_argument("--no-organisation", action="store_true", help="it is to belong to none")


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it; all but `list` is for administrators."""
    action, given = desk.chosen(options, ACTIONS, OWNED)
    async with desk.at(options, screen) as session:
        if action == "list":
            found = await desk.pages(session, "repositories", "repositories")
            head = ("name", "organisation", "location", "your role", "id")
            return desk.show(screen, "repositories", found, [head, *map(_row, found)])
        if action == "add":
            value = {"name": given[0], "location": given[1], "organisation": options.organisation}
            answer = (await session.client.post("repositories", value)).value
            return desk.done(screen, "repository", answer, f"{answer['name']} is registered: {answer['location']}")
        repository = await repositories.meant(session.client, given[0])
        if action == "remove":
            await desk.send(session, "DELETE", tasks.path("repositories", repository))
            return desk.done(screen, "removed", {"repository": repository}, f"{given[0]} is registered no more")
        value = {"name": options.name, "organisation": "" if options.no_organisation else options.organisation}
        value = {name: wanted for name, wanted in value.items() if wanted is not None}
        if not value:
            raise InputError("nothing is to be changed", "give --name, --organisation or --no-organisation")
        answer = await desk.send(session, "PATCH", tasks.path("repositories", repository), value)
    within = f" of {answer['organisation_name']}" if answer["organisation"] else ", of no organisation"
    return desk.done(screen, "repository", answer, f"{answer['name']}{within}")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (one["name"], one["organisation_name"] or "-", one["location"], one["role"] or "administrator", one["id"])
