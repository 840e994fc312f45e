"""`midwatch admin organisations`: repositories of a server that belong together."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.remote import desk, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = (
    "midwatch admin organisations [list | add NAME | change ORGANISATION --name NAME | remove ORGANISATION] "
    "[--server URL] [--json]"
)
ACTIONS = {
    "list": Action(),
    "add": Action(("NAME",)),
    "change": Action(("ORGANISATION",), ("name",)),
    "remove": Action(("ORGANISATION",)),
}


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done."""
    desk.add_arguments(parser, ACTIONS)
    parser.add_argument("--name", metavar="NAME", help="its new name")


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it; all but `list` is for administrators of the server."""
    action, given = desk.chosen(options, ACTIONS, ("name",))
    async with desk.at(options, screen) as session:
        if action == "list":
            found = await desk.pages(session, "organisations", "organisations")
            rows = [(one["name"], one["role"] or "administrator", one["id"]) for one in found]
            return desk.show(screen, "organisations", found, [("name", "your role", "id"), *rows])
        if action == "add":
            answer = (await session.client.post("organisations", {"name": given[0]})).value
            return desk.done(screen, "organisation", answer, f"{answer['name']} is there")
        path = tasks.path("organisations", given[0])
        if action == "remove":
            await desk.send(session, "DELETE", path)
            return desk.done(screen, "removed", {"organisation": given[0]}, f"{given[0]} is no more")
        if options.name is None:
            raise InputError("nothing is to be changed", "give --name")
        answer = await desk.send(session, "PATCH", path, {"name": options.name})
    return desk.done(screen, "organisation", answer, f"{given[0]} is called {answer['name']} now")
