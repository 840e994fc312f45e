"""`midwatch admin users`: who may use a server."""

from __future__ import annotations

from argparse import BooleanOptionalAction, Namespace
from collections.abc import Mapping
from typing import Any

from midwatch.cli import arguments
from midwatch.cli.remote import desk, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.remote.session import Session
from midwatch.cli.screen import Screen
from midwatch.cli.typed import new_password
from midwatch.domain.errors import InputError

USAGE = (
    "midwatch admin users [list | add NAME | change USER] [--admin] [--disabled] [--password] [--server URL] [--json]"
)
ACTIONS = {
    "list": Action(),
    "add": Action(("NAME",), ("admin", "password")),
    "change": Action(("USER",), ("admin", "disabled", "password")),
}
OWNED = ("admin", "disabled", "password")


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and what of a user is to be set."""
    desk.add_arguments(parser, ACTIONS)
    parser.add_argument("--admin", action=BooleanOptionalAction, default=None, help="an administrator of the server")
    parser.add_argument(
        "--disabled", action=BooleanOptionalAction, default=None, help="sessions end, and no token opens anything"
    )
    parser.add_argument(
        "--password", action="store_true", help="ask for a new password, or read it from standard input"
    )


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it; for administrators."""
    action, names = desk.chosen(options, ACTIONS, OWNED)
    async with desk.at(options, screen) as session:
        if action == "list":
            found = await desk.pages(session, "users", "users")
            return desk.show(screen, "users", found, [("name", "may", "signs in with", "id"), *map(_row, found)])
        value = {name: given for name in ("admin", "disabled") if (given := getattr(options, name)) is not None}
        if action == "change" and not value and not options.password:
            raise InputError("nothing is to be changed", "give --admin, --no-disabled, --password, …")
        if options.password:
            value["password"] = await new_password(names[0])
        answer = await _sent(session, action, names[0], value)
    said = "is there" if action == "add" else "is as you want"
    return desk.done(screen, "user", answer, f"{answer['name']} {said} ({_row(answer)[1]})")


async def _sent(session: Session, action: str, name: str, value: dict[str, Any]) -> Mapping[str, Any]:
    if action == "add":
        answer: Mapping[str, Any] = (await session.client.post("users", {"name": name, **value})).value
        return answer
    return await desk.send(session, "PATCH", tasks.path("users", name), value)


def _row(user: Mapping[str, Any]) -> tuple[str, str, str, str]:
    may = "disabled" if user["disabled"] else "administrator" if user["admin"] else "as its roles say"
    ways = [word for word, is_so in (("password", user["password"]), ("provider", user["oidc"])) if is_so]
    return str(user["name"]), may, " and ".join(ways) or "tokens only", str(user["id"])
