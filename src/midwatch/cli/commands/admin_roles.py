"""`midwatch admin roles`: who may what at a server, on a repository, in an organisation, or everywhere."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from midwatch.cli import arguments
from midwatch.cli.remote import desk, repositories, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.remote.session import Session
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = (
    "midwatch admin roles [list | give USER ROLE | take USER] "
    "[--repo REPOSITORY | --organisation NAME | --everywhere] [--server URL] [--json]"
)
WHERE = ("repo", "organisation", "everywhere")
ACTIONS = {
    "list": Action((), ("repo", "organisation")),
    "give": Action(("USER", "ROLE"), WHERE),
    "take": Action(("USER",), WHERE),
}


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and where the role holds."""
    desk.add_arguments(parser, ACTIONS)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--repo", metavar="REPOSITORY", help="on this repository: its name, id or address, or a clone")
    where.add_argument("--organisation", metavar="NAME", help="in this organisation, so on all its repositories")
    where.add_argument("--everywhere", action="store_true", help="on every repository, also those that come later")


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it. Roles on a repository or in an organisation are given by its administrators, others by the server's."""
    action, given = desk.chosen(options, ACTIONS, WHERE)
    if action != "list" and not any(getattr(options, name) for name in WHERE):
        raise InputError("it was not said where", "give --repo REPOSITORY, --organisation NAME or --everywhere")
    async with desk.at(options, screen) as session:
        base = await _base(session, options)
        if action == "list":
            found = (await session.client.get(base))["roles"]
            called = await _called(session) if not (options.repo or options.organisation) else {}
            head = ("user", "role", "where")
            return desk.show(screen, "roles", found, [head, *(_row(one, called) for one in found)])
        path = f"{base}/{tasks.path(given[0])}"
        if action == "take":
            await desk.send(session, "DELETE", path)
            return desk.done(screen, "removed", {"role": given[0]}, f"{given[0]} has no role there any more")
        answer = await desk.send(session, "PUT", path, {"role": given[1]})
    return desk.done(screen, "role", answer, f"{answer['name']} is {answer['role']} there")


async def _base(session: Session, options: Namespace) -> str:
    """The path of the roles that are meant."""
    if options.repo:
        return tasks.path("repositories", await repositories.meant(session.client, options.repo), "roles")
    if options.organisation:
        return tasks.path("organisations", options.organisation, "roles")
    return "roles"


async def _called(session: Session) -> dict[str, str]:
    """The names of repositories, by their ids."""
    known = await desk.pages(session, "repositories", "repositories")
    return {"*": "everywhere", **{str(one["id"]): str(one["name"]) for one in known}}


def _row(one: Mapping[str, Any], called: Mapping[str, str]) -> tuple[str, ...]:
    where = one.get("repository") or one.get("organisation") or ""
    return (one["name"], one["role"], called.get(where, where))
