"""`midwatch admin limits`: how many turns may be worked on at a time, and how many may begin."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.engine import limits
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.budgets.scopes import address
from midwatch.engine.database.base import Database
from midwatch.engine.limits import Limit, Limits, Starts

USAGE = "midwatch admin limits [--all | --user NAME | --repository NAME] [--at-once N] [--starts N/TIME] [options]"
_EACH = "each"


def add_arguments(parser: arguments.Parser) -> None:
    """Whose, and what holds for them."""
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--all", action="store_true", help="of all turns together")
    whose.add_argument("--user", metavar="NAME", help="of a user; `each`: of each who has none of their own")
    whose.add_argument("--repository", metavar="NAME", help="of a registered repository, or `each`")
    parser.add_argument("--at-once", metavar="N", type=arguments.count(0, limits.MOST), help="turns at a time")
    parser.add_argument("--starts", metavar="N/TIME", type=_starts, help="turns that begin in a time: 30/1h, 500/1d")
    parser.add_argument("--unlimited", action="store_true", help="as many as there is room for, whatever `each` says")
    parser.add_argument("--remove", action="store_true", help="take the limit away")
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Set or remove one, where that is asked for; then show them all."""
    named = options.all or options.user is not None or options.repository is not None
    asked = [options.at_once is not None or options.starts is not None, options.unlimited, options.remove]
    if any(asked) and not named:
        raise InputError("whose limit is it?", "add --all, --user NAME or --repository NAME (`each` for the others)")
    if named and sum(asked) != 1:
        raise InputError("what is to be done?", "give --at-once or --starts or both, or --unlimited, or --remove")
    async with wiring.home(environment(options, screen.environ)) as home:
        database = home.store.database
        if named:
            await _change(options, Limits(database), *await _whose(options, database))
        found = await Limits(database).all()
        names = {one.location: one.name for one in await Repositories(database).everything()}
    if screen.json:
        screen.emit([_json(limit, names) for limit in found], indent=2)
    elif not found:
        screen.say("nothing is limited: as many turns are worked on as the workers have room for")
    else:
        screen.say([_line(limit, names) for limit in found])
    return 0


async def _change(options: Namespace, kept: Limits, scope: str, name: str) -> None:
    subject = f"{scope} {address(name)}".strip()
    if not options.remove:
        await kept.put(Limit(scope, name, options.at_once, options.starts), Deed(SERVER, "limit.set", subject))
    elif not await kept.remove(scope, name, Deed(SERVER, "limit.remove", subject)):
        raise InputError(
            f"there is no limit of {words.line(subject)}", "`midwatch admin limits` shows those that there are"
        )


async def _whose(options: Namespace, database: Database) -> tuple[str, str]:
    if options.all:
        return "all", ""
    if options.user is not None:
        if options.user == _EACH:
            return "user", ""
        found = await People(database).named(options.user)
        if found is None:
            raise InputError(
                f"there is no user {words.line(options.user)}", "`each` is for all who have none of their own"
            )
        return "user", found.name
    if options.repository == _EACH:
        return "repository", ""
    for one in await Repositories(database).everything():
        if options.repository in (one.id, one.name, one.location):
            return "repository", one.location
    if options.remove:  # it was registered once
        return "repository", options.repository
    raise InputError(
        f"no repository {words.line(options.repository)} is registered", "give its name, id or location, or `each`"
    )


def _starts(text: str) -> Starts:
    try:
        return limits.starts(text)
    except InputError as error:
        raise ArgumentTypeError(f"{error.message}: {error.mend}") from None


def _json(limit: Limit, names: Mapping[str, str]) -> dict[str, object]:
    return {"scope": limit.scope, "name": names.get(limit.name, address(limit.name)), **limit.shown()}


def _line(limit: Limit, names: Mapping[str, str]) -> str:
    whose = (
        "all together"
        if limit.scope == "all"
        else f"{limit.scope} {names.get(limit.name, address(limit.name)) or _EACH}"
    )
    facts = [f"{limit.at_once} at a time"] if limit.at_once is not None else []
    facts += [f"{limit.starts} begin"] if limit.starts else []
    return f"{words.line(whose)}: {', '.join(facts) or 'not limited'}"
