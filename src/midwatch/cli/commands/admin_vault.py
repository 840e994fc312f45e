"""`midwatch admin vault`: the keys that secrets are sealed with."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.engine import sealed
from midwatch.engine.accounts.audit import SERVER, Deed, record
from midwatch.engine.vault import Vault, new_key

USAGE = "midwatch admin vault [show | rotate | new-key] [--drop-old] [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """What is to be done."""
    parser.mixed = True
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", default="show", choices=("show", "rotate", "new-key"),
        help="show what is sealed and by which key; rotate: seal everything with a new key; new-key: print one",
    )  # fmt: skip
    parser.add_argument(
        "--drop-old", action="store_true", help="forget the older keys when nothing needs them any more"
    )
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it. May be cut off at any moment, and called again."""
    if options.drop_old and options.action != "rotate":
        raise InputError("--drop-old is for rotate", "midwatch admin vault rotate --drop-old")
    if options.action == "new-key":
        screen.say(new_key().text)
        return 0
    async with wiring.home(environment(options, screen.environ)) as home:
        vault, database = home.connected.vault, home.store.database
        if options.action == "rotate":
            added = "" if vault.by_variable else vault.add_key().id
            done = await sealed.seal_anew(database, vault)
            dropped = await sealed.drop_old(database, vault) if options.drop_old else 0
            told = {"key": added or vault.all_keys()[0].id, "sealed": done, "dropped": dropped}
            await record(database, Deed(SERVER, "vault.rotate", "vault", became=told))
            if not screen.json:
                screen.say(f"{words.count(done, 'secret')} sealed anew; {words.count(dropped, 'old key')} dropped")
        return _shown(screen, vault, await sealed.state(database, vault))


def _shown(screen: Screen, vault: Vault, found: sealed.State) -> int:
    keys = [key.id for key in vault.all_keys()]
    if screen.json:
        told = {"place": vault.place, "keys": keys, "sealed": dict(found.by_key), "lost": list(found.lost)}
        screen.emit({"type": "vault", **told}, indent=2)
        return 1 if found.lost else 0
    screen.say(f"keys: {words.line(vault.place)}" if keys else "no key yet: one is made when something is first sealed")
    for number, key in enumerate(keys):
        screen.say(f"  {key}  {words.count(found.by_key.get(key, 0), 'secret')}{', the newest' if number == 0 else ''}")
    if found.by_key.get(""):
        screen.note(f"{words.count(found.by_key[''], 'secret')} of an earlier release not sealed yet: `rotate` does it")
    for lost in found.lost:
        screen.note(words.line(lost))
    return 1 if found.lost else 0
