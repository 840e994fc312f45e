"""`midwatch diff`: a task's change."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from midwatch import reading, wiring
from midwatch.cli import arguments, words
from midwatch.cli.remote import address
from midwatch.cli.render import diffstat_lines
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.domain.errors import InputError
from midwatch.domain.evidence import FileChange

USAGE = "midwatch diff ID [--stat | --mail] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and in which form."""
    arguments.task_argument(parser)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--stat", action="store_true", help="the files and how many lines of each changed")
    forms.add_argument("--mail", action="store_true", help="a mail that `git am` makes a commit of")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print the unified diff: on a terminal coloured and harmless, else byte for byte, as `git apply` takes it."""
    if where := address.chosen(options, screen.environ):
        return await _elsewhere(options, screen, where)
    async with wiring.home(screen.environ) as home:
        if options.stat:
            return _stat((await wiring.report(home, options.id)).changes, options.id, screen)
        data = await (reading.mail if options.mail else reading.diff)(home, options.id)
    return _print(data, options.id, screen)


async def _elsewhere(options: Namespace, screen: Screen, where: address.Address) -> int:
    """The same for a task that a server has."""
    from midwatch.cli.remote import looking
    from midwatch.cli.remote.session import opened

    if options.mail:
        raise InputError("a server gives no mail", "leave --mail out: `git apply` takes the diff")
    async with opened(options, screen, where) as session:
        if options.stat:
            return _stat(await looking.changes(session, options.id), options.id, screen)
        return _print(await looking.diff(session, options.id), options.id, screen)


def _print(data: bytes, task_id: str, screen: Screen) -> int:
    if screen.json:
        screen.emit({"type": "diff", "id": task_id, "diff": data.decode("utf-8", "surrogateescape")})
    elif sys.stdout.isatty():
        screen.say(diff_lines(data, screen.look()) if data else "no file was changed")
    else:
        screen.raw(data)
    return 0


def _stat(changes: Sequence[FileChange], task_id: str, screen: Screen) -> int:
    if screen.json:
        screen.emit({"type": "stat", "id": task_id, "changes": to_json(changes)})
    else:
        screen.say(diffstat_lines(changes, screen.look()) if changes else ["no file was changed"])
    return 0


def diff_lines(data: bytes, look: Look) -> list[str]:
    """A diff for a person's eyes. Only outside hunks is a line that begins with `---` a file's name."""
    lines = []
    left = right = 0  # lines of the current hunk that are still to come
    for raw in data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"):
        text = words.clean(raw.rstrip("\r")).replace("\n", " ")
        if left > 0 or right > 0:
            left -= raw[:1] in ("-", " ", "")
            right -= raw[:1] in ("+", " ", "")
            lines.append(look.good(text) if raw[:1] == "+" else look.bad(text) if raw[:1] == "-" else text)
        elif raw.startswith("@@"):
            left, right = _sizes(raw)
            lines.append(look.command(text))
        else:
            lines.append(look.dim(text) if raw.startswith("\\") else look.bold(text))
    return lines


def _sizes(head: str) -> tuple[int, int]:
    """The line counts in `@@ -3,7 +3,8 @@`."""
    parts = head.split(" ")[1:3]
    sizes = [int(part.partition(",")[2] or 1) if part[1:].replace(",", "").isdigit() else 0 for part in parts]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (0, 0)
