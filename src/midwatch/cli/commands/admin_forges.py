"""`midwatch admin forges`: a server's connections to GitHub, GitLab and Forgejo."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midwatch.cli import arguments
from midwatch.cli.remote import desk, tasks
from midwatch.cli.remote.desk import Action
from midwatch.cli.screen import Screen
from midwatch.cli.typed import secret
from midwatch.domain.errors import InputError

USAGE = (
    "midwatch admin forges [list | add NAME KIND | change FORGE | check FORGE | remove FORGE] [--web URL] [--api URL] "
    "[--insecure] [--app-id ID] [--credential-file FILE] [--webhook-secret-file FILE] [--server URL] [--json]"
)
_GIVEN = ("web", "api", "insecure", "app_id", "credential_file", "webhook_secret_file")
ACTIONS = {
    "list": Action(),
    "add": Action(("NAME", "KIND"), _GIVEN),
    "change": Action(("FORGE",), ("name", "credential", *_GIVEN)),
    "check": Action(("FORGE",)),
    "remove": Action(("FORGE",)),
}
OWNED = ("name", "credential", *_GIVEN)
_LARGEST = 64 << 10


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done, and what of a connection is to be set. No secret is an argument."""
    desk.add_arguments(parser, ACTIONS)
    parser.add_argument("--name", metavar="NAME", help="its new name")
    parser.add_argument("--web", metavar="URL", help="the address that its repositories are below")
    parser.add_argument("--api", metavar="URL", help="where its API begins (default: where it usually does)")
    parser.add_argument(
        "--insecure", action="store_true", help="let its credential cross the network in the clear, by http://"
    )
    parser.add_argument("--app-id", metavar="ID", help="of a GitHub App, whose private key is then the credential")
    parser.add_argument(
        "--credential-file", metavar="FILE", help="the token or the App's private key (default: it is asked for)"
    )
    parser.add_argument(
        "--credential", action="store_true", help="ask for a new credential, or read it from standard input"
    )
    parser.add_argument(
        "--webhook-secret-file", metavar="FILE", help="what the forge signs its webhooks with; without it none is taken"
    )


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it; for administrators of the server."""
    action, given = desk.chosen(options, ACTIONS, OWNED)
    async with desk.at(options, screen) as session:
        if action == "list":
            found = (await session.client.get("forges"))["forges"]
            head = ("name", "kind", "address", "credential", "as", "id")
            return desk.show(screen, "forges", found, [head, *map(_row, found)])
        if action == "remove":
            await desk.send(session, "DELETE", tasks.path("forges", given[0]))
            return desk.done(screen, "removed", {"forge": given[0]}, f"{given[0]} is connected no more")
        if action == "check":
            answer = (await session.client.post(tasks.path("forges", given[0], "check"), None)).value
            return _checked(screen, given[0], answer)
        if action == "add":
            value = {"name": given[0], "kind": given[1], **await _value(options, asked=True)}
            answer = (await session.client.post("forges", value)).value
            return desk.done(screen, "forge", answer, f"{answer['name']} is connected: {answer['web']}")
        value = await _value(options, asked=options.credential)
        if options.name is not None:
            value["name"] = options.name
        if not value:
            raise InputError("nothing is to be changed", "give --name, --web, --credential, …")
        answer = await desk.send(session, "PATCH", tasks.path("forges", given[0]), value)
    return desk.done(screen, "forge", answer, f"{answer['name']} is as you want: {answer['web']}")


async def _value(options: Namespace, *, asked: bool) -> dict[str, Any]:
    """What a request holds; `asked`: the credential must be given somehow."""
    value = {name: given for name in ("web", "api", "app_id") if (given := getattr(options, name)) is not None}
    if options.insecure:
        value["insecure"] = True
    credential = ""
    if options.credential_file is not None:
        credential = _read(options.credential_file)
    elif asked and options.app_id is not None:
        raise InputError("an App's private key has many lines", "give its file with --credential-file")
    elif asked:
        credential = await secret("the forge's token: ")
        if not credential:
            raise InputError("the token is empty", "type it, pipe it in, or give --credential-file")
    if credential:
        value["private_key" if "PRIVATE KEY" in credential else "token"] = credential
    if options.webhook_secret_file is not None:
        value["webhook_secret"] = _read(options.webhook_secret_file)
    return value


def _read(name: str) -> str:
    """The text of a file. Raises InputError."""
    path = Path(name)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                raise InputError(f"{path} is no file of a secret: it is too large", "name the right one")
            return file.read(_LARGEST).decode("utf-8", "replace").strip()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "check its name and mode") from None


def _checked(screen: Screen, name: str, answer: Mapping[str, Any]) -> int:
    if screen.json:
        screen.emit({"type": "standing", **answer})
    else:
        desk.done(screen, "standing", answer, f"{name} takes us for {answer['login'] or 'nobody it would name'}")
        told = (("may", ", ".join(answer["scopes"])), ("lacks", ", ".join(answer["missing"])), ("", answer["note"]))
        for what, text in told:
            if text:
                screen.note(f"{what} {text}".strip())
    return 1 if answer["missing"] else 0


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    kind = "token" if one["auth"] == "token" else f"App {one['app_id']}"
    return (one["name"], one["kind"], one["web"], kind, one["login"] or "-", one["id"])
