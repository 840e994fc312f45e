"""`midwatch chat`: the terminal interface, which is also what `midwatch` alone opens."""

from __future__ import annotations

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.domain.extras import install
from midwatch.domain.guard import MODES

USAGE = "midwatch chat [PROMPT] [--model NAME] [--mode MODE] [--resume ID] [--folder PATH]"


def add_arguments(parser: arguments.Parser) -> None:
    """How it begins."""
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", default="", help="the first thing that is said")
    parser.add_argument("-m", "--model", metavar="NAME", help="who answers; /model changes it")
    parser.add_argument("--mode", choices=MODES, help="what the agent may do (default: as your settings say)")
    parser.add_argument("--resume", metavar="ID", default="", help="go on with that conversation")
    parser.add_argument("--folder", metavar="PATH", default="", help="another folder than this one")


def installed() -> bool:
    """Whether the interface's package is there."""
    return importlib.util.find_spec("textual") is not None


def possible(screen: Screen) -> bool:
    """Whether there is a terminal on both sides."""
    return screen.terminal and sys.stdin is not None and sys.stdin.isatty()


async def execute(options: Namespace, screen: Screen) -> int:
    """Open it; when it is left, say how to come back."""
    if screen.json or not possible(screen):
        raise InputError("the interface needs a terminal", 'without one: midwatch exec "…", or midwatch run "…"')
    if not installed():
        raise InputError("the interface is not installed", f"install it beside Midwatch: {install('tui')}")
    from midwatch.cli.tui import colours
    from midwatch.cli.tui.app import Terminal
    from midwatch.cli.tui.session import Choices

    async with wiring.home(screen.environ) as home:
        model = options.model or home.settings.models.model
        choices = Choices(_folder(options.folder), model, options.mode or home.settings.agent.mode)
        app = Terminal(home, choices, colours.theme(screen.environ), options.prompt.strip(), options.resume)
        try:
            task_id = await app.run_async()
        finally:
            await app.session.close()
    if task_id:
        look = screen.look()
        screen.say(f"go on with {look.command(f'`midwatch chat --resume {task_id}`')}, or `midwatch` and /resume")
    return app.return_code or 0


def _folder(given: str) -> str:
    """The folder that is worked in, as an absolute path. Raises InputError when there is none."""
    folder = Path(given or following.current_folder() or ".").expanduser().resolve()
    if not folder.is_dir():
        raise InputError(f"{words.name(str(folder))} is no folder", "name one that exists with --folder")
    return str(folder)
