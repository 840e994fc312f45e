"""`midwatch admin tokens`: what programs send to a server instead of a password."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import Any

from midwatch.cli import arguments, words
from midwatch.cli.commands.login import SCOPES
from midwatch.cli.remote import credentials, desk, signing, tasks
from midwatch.cli.remote.client import Client
from midwatch.cli.remote.desk import Action
from midwatch.cli.remote.session import Session
from midwatch.cli.screen import Screen
from midwatch.cli.typed import secret

USAGE = (
    "midwatch admin tokens [list | add NAME | revoke ID] [--user USER | --all] [--scope SCOPE] [--days DAYS] "
    "[--as USER] [--server URL] [--json]"
)
ACTIONS = {
    "list": Action((), ("user", "all")),
    "add": Action(("NAME",), ("user", "scope", "days", "as_user")),
    "revoke": Action(("ID",)),
}
OWNED = ("user", "all", "scope", "days", "as_user")


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and what of a token is to be set."""
    desk.add_arguments(parser, ACTIONS)
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", metavar="USER", help="of this user (default: your own)")
    whose.add_argument("--all", action="store_true", help="of all users")
    parser.add_argument("--scope", choices=SCOPES, help="what it may: read, write or admin (default: write)")
    parser.add_argument("--days", metavar="DAYS", type=_days, help="until it ends; never (default: 90)")
    parser.add_argument("--as", dest="as_user", metavar="USER", help="sign in as (default: whose token is in use)")


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it. A token is made in a session, so that the password is asked for; its secret is printed once."""
    action, given = desk.chosen(options, ACTIONS, OWNED)
    async with desk.at(options, screen) as session:
        if action == "list":
            user = "*" if options.all else await _user(session, options.user)
            found = await desk.pages(session, "tokens", "tokens", user=user)
            head = ("name", "scope", "ends", "last used", "user", "id")
            return desk.show(screen, "tokens", found, [head, *map(_row, found)])
        if action == "revoke":
            await desk.send(session, "DELETE", tasks.path("tokens", given[0]))
            return desk.done(screen, "removed", {"token": given[0]}, f"{given[0]} opens nothing any more")
        made = await _made(session, given[0], options)
    if screen.json:
        screen.emit({"type": "token", **made})
    else:
        about = words.line(f"token {made['id']} of scope {made['scope']}")
        screen.note(f"{about}; its secret is shown this once:")
        screen.say(words.line(str(made["secret"])))
    return 0


async def _made(session: Session, name: str, options: Namespace) -> Mapping[str, Any]:
    client = session.client
    whose = options.as_user or str((await client.get("me"))["name"])
    wanted: dict[str, Any] = {"name": name, "scope": options.scope or "write"}
    wanted["days"] = (options.days or None) if options.days is not None else signing.DAYS
    if options.user:
        wanted["user"] = await _user(session, options.user)
    password = await secret(f"password of {words.line(whose)} at {client.address.url}: ")
    bare = Client(client.address, credentials.Token())  # with a token there is no session
    try:
        return await signing.made(bare, (whose, password), wanted)
    finally:
        await bare.close()


async def _user(session: Session, name: str | None) -> str:
    """Their id; empty for oneself."""
    return str((await session.client.get(tasks.path("users", name)))["id"]) if name else ""


def _days(text: str) -> int:
    """0 for never."""
    if text == "never":
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3650:
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to 3650, nor `never`")
    return int(text)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (one["name"], one["scope"], one["expires"] or "never", one["used"] or "never", one["user"], one["id"])
