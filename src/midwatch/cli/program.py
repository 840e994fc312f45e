"""From a command line to a command, and from whatever goes wrong to a sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, cast

from midwatch import __version__
from midwatch.cli import arguments, words
from midwatch.cli.screen import Look, Screen
from midwatch.cli.table import COMMANDS
from midwatch.domain.errors import InputError, MidwatchError, OperationError

GROUPS = ("pr", "env", "admin")
"""First words of commands of two words."""
EXAMPLES = {
    "": 'midwatch run "fix the failing test"',
    "pr": "midwatch pr show 1",
    "env": "midwatch env show",
    "admin": "midwatch admin orphans",
}
INTERRUPTED = 130
UNREAD = 141
"""As when SIGPIPE ends a program: the reader of our output has gone."""


class Command(Protocol):
    """What a module of `commands` has."""

    USAGE: str
    """The grammar in one line."""

    def add_arguments(self, parser: arguments.Parser) -> None:
        """Add the command's own arguments."""

    def execute(self, options: Namespace, screen: Screen) -> Coroutine[Any, Any, int]:
        """Do it; the exit code. May raise MidwatchError."""


def load(name: str) -> Command:
    """The module of a command, `pr show` being `commands/pr_show.py`, and `import`, a word of Python, `import_.py`."""
    module = "import_" if name == "import" else name.replace(" ", "_")
    return cast("Command", importlib.import_module("midwatch.cli.commands." + module))


def parser_of(name: str) -> arguments.Parser:
    """A command's parser; the documentation's tests read its options from here."""
    command = load(name)
    parser = arguments.Parser(name, command.USAGE, COMMANDS[name])
    command.add_arguments(parser)
    arguments.json_option(parser)
    return parser


def perform(given: Sequence[str]) -> int:
    """Do what the command line says; the exit code. Every error ends here."""
    screen = Screen(json_wanted="--json" in given, environ=os.environ)
    try:
        return _dispatch(given, screen)
    except MidwatchError as error:
        _complain(error, screen)
        return error.exit_code
    except KeyboardInterrupt:
        screen.note("midwatch: stopped")
        return INTERRUPTED
    except BrokenPipeError:
        screen.hush()
        return UNREAD
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            _confess(screen)
            return 1
        screen.hush()
        _complain(OperationError(f"the output could not be written: {error.strerror}", "free some space there"), screen)
        return 1
    except Exception:  # noqa: BLE001 - a bug is shown whole, with what to do about it
        _confess(screen)
        return 1


def _dispatch(given: Sequence[str], screen: Screen) -> int:
    name, rest = split(given)
    if not given:
        from midwatch.cli.commands import chat

        if chat.possible(screen):
            if chat.installed():
                name = "chat"
            else:
                from midwatch.domain.extras import install

                screen.say(["to have `midwatch` alone open a conversation here, install its terminal interface:"])
                screen.say([f"  {install('tui')}", ""])
    if not name:
        screen.say(overview(screen.look(), given[0] if given and given[0] in GROUPS else ""))
        return 0 if given else 2
    options = parser_of(name).read(rest)
    command = load(name)
    if name == "worker":  # forks workers, which must have no loop and no thread then; each of them comes back here
        from midwatch.cli import keeping

        if (code := keeping.keep(options, screen)) is not None:
            return code
    import asyncio

    return asyncio.run(command.execute(options, screen))


def split(given: Sequence[str]) -> tuple[str, list[str]]:
    """The command's name and its own arguments; no name when help is asked for. Raises InputError."""
    words_given = [*given[1:], "--json"] if given[:1] == ["--json"] else list(given)
    if words_given[:1] == ["help"]:  # `midwatch help run` is `midwatch run --help`
        words_given = [*words_given[1:], "--help"]
    help_wanted = {"-h", "--help"}
    if not words_given or words_given[0] in help_wanted:
        return "", []
    if words_given[0] in GROUPS:
        if len(words_given) == 1 or words_given[1] in help_wanted:
            return "", []
        name, rest = " ".join(words_given[:2]), words_given[2:]
    else:
        name, rest = words_given[0], words_given[1:]
    if name not in COMMANDS:
        raise InputError(f"there is no command {words.line(name)!r}", _nearest(name))
    return name, rest


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return f"did you mean `midwatch {near[0]}`?" if near else "`midwatch --help` lists the commands"


def overview(look: Look, group: str = "") -> list[str]:
    """The list of commands (of one group, where one is given)."""
    names = [name for name in COMMANDS if name.startswith(f"{group} " if group else "")]
    width = max(map(len, names))
    lines = [
        f"Midwatch {__version__}: a task and a repository in, a tested pull request out.",
        "",
        f"usage: midwatch {group or 'COMMAND'} {'COMMAND ' if group else ''}[options]",
        "",
    ]
    for name in names:
        first, *more = words.wrap(COMMANDS[name], max(20, look.width - width - 4))
        lines.append(f"  {look.command(words.pad(name, width))}  {first}")
        lines += [" " * (width + 4) + line for line in more]
    example = EXAMPLES[group]
    lines += ["", f"`midwatch {group + ' ' if group else ''}COMMAND --help` says more. Try: {look.command(example)}"]
    return lines


def error_lines(error: MidwatchError, look: Look, task_id: str = "") -> list[str]:
    """What is wrong, and below it how to mend it."""
    lines = [f"{look.bad('midwatch:')} {words.line(error.message)}"]
    lines += [f"  {look.dim('|')} {words.cut(text, max(20, look.width - 4), look.more)}" for text in _detail(error)]
    mends = [error.mend] if error.mend else []
    if task_id and isinstance(error, OperationError):
        mends.append(
            f"then go on with `midwatch resume {task_id}`" if mends else f"`midwatch resume {task_id}` goes on"
        )
    return lines + [f"  {look.arrow} {words.line(mend)}" for mend in mends]


def _detail(error: MidwatchError) -> list[str]:
    return words.clean(error.detail).rstrip("\n").split("\n") if error.detail else []


def _complain(error: MidwatchError, screen: Screen) -> None:
    screen.note(error_lines(error, screen.look(error=True), screen.task_id))
    if screen.json:
        value = {"type": "error", "message": error.message, "mend": error.mend, "exit_code": error.exit_code}
        value |= {"detail": error.detail} if error.detail else {}
        screen.emit(value | ({"task": screen.task_id} if screen.task_id else {}))


def _confess(screen: Screen) -> None:
    import traceback

    screen.note(traceback.format_exc().rstrip())
    look = screen.look(error=True)
    lines = [f"{look.bad('midwatch:')} this is a bug in Midwatch {__version__}; please report the lines above"]
    if screen.task_id:
        lines.append(f"  {look.arrow} nothing is lost: `midwatch resume {screen.task_id}` goes on from the last step")
    screen.note(lines)
    if screen.json:
        kind, error, _ = sys.exc_info()
        message = f"a bug in Midwatch: {kind.__name__ if kind else 'error'}: {error}"
        screen.emit({"type": "error", "message": message, "mend": "", "exit_code": 1})
