"""`midwatch diff`: a task's change."""

from __future__ import annotations

import sys
from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Look, Screen

USAGE = "midwatch diff ID [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print the unified diff: on a terminal coloured and harmless, else byte for byte, as `git apply` takes it."""
    async with wiring.home(screen.environ) as home:
        data = await wiring.diff(home, options.id)
    if screen.json:
        screen.emit({"type": "diff", "id": options.id, "diff": data.decode("utf-8", "surrogateescape")})
    elif sys.stdout.isatty():
        screen.say(diff_lines(data, screen.look()) if data else "no file was changed")
    else:
        screen.raw(data)
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
