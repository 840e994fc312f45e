"""`midwatch login`: a token for a server, or OAuth for an MCP server that is reached over HTTP."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.remote import address, credentials
from midwatch.cli.screen import Screen
from midwatch.cli.typed import secret
from midwatch.domain.errors import InputError
from midwatch.models.config import settings_path

USAGE = "midwatch login (SERVER | --server URL [--user NAME [--scope SCOPE] | --forget])"
SCOPES = ("read", "write", "admin")
"""What a token may: look; what a maintainer may; all that its user may."""


def add_arguments(parser: arguments.Parser) -> None:
    """The server."""
    parser.add_argument(
        "name", metavar="SERVER", nargs="?", default="", help="an MCP server of the settings, [mcp.servers.SERVER]"
    )
    arguments.server_option(parser)
    parser.add_argument(
        "--scope", choices=SCOPES, default="write", help="of the token that is made with a password (default: write)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--user", metavar="NAME", help="sign in with a password (default: paste a token)")
    how.add_argument("--forget", action="store_true", help="remove what is kept of the server's token")


async def execute(options: Namespace, screen: Screen) -> int:
    """Ask for what is needed, and keep the token."""
    if options.name:
        if options.server is not None or options.user or options.forget:
            raise InputError("an MCP server and a Midwatch server were named", "leave one of them out")
        return await _mcp(options.name, screen)
    where = address.required(options, screen.environ, "`midwatch login NAME` is for an MCP server of your settings")
    folder = settings_path(screen.environ).parent
    if options.forget:
        credentials.keep(where, "", folder)
        _say(screen, {"server": where.url, "logged_in": False}, f"forgot the token of {where.url}")
        return 0
    from midwatch.cli.remote import signing
    from midwatch.cli.remote.client import Client

    if options.user:
        password = await secret(f"password of {words.line(options.user)} at {where.url}: ")
        client = Client(where, credentials.Token(), lambda text: screen.note(f"midwatch: {words.line(text)}"))
        try:
            token = await signing.with_password(client, (options.user, password), options.scope)
        finally:
            await client.close()
    else:
        token = credentials.checked(await secret(f"token for {where.url}: "), "what was given")
    known = await signing.who(where, credentials.Token(token, "this login"))
    path = credentials.keep(where, token, folder)
    name = words.line(str(known.get("name", "")))
    facts = {"server": where.url, "logged_in": True, "user": known.get("name"), "scopes": known.get("scopes")}
    _say(screen, facts, f"signed in to {where.url} as {name}; the token is in {path}, which only you can read")
    return 0


async def _mcp(name: str, screen: Screen) -> int:
    """Show the address to open, wait until the browser comes back, keep the token."""
    from midwatch.workflows.servers import ServerParts, log_in

    def show(text: str) -> None:
        screen.note(["open this address in a browser of this machine:", f"  {words.line(text)}"])

    async with wiring.home(screen.environ) as home:
        try:
            parts = ServerParts(home.state, settings=home.settings.mcp)
            done = await following.stoppable(log_in(name, parts, show))
        except following.Interrupted:
            screen.note("midwatch: stopped; nothing was kept")
            return following.STOPPED
    said = f"{'logged in to' if done else 'no login is needed for'} {words.line(name)}"
    _say(screen, {"server": name, "logged_in": done}, said)
    return 0


def _say(screen: Screen, facts: dict[str, object], text: str) -> None:
    if screen.json:
        screen.emit({"type": "login", **facts})
    else:
        screen.say(text)
