"""`midwatch env init`: a recipe for a repository that has none."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError, OperationError
from midwatch.workflows.start import clues
from midwatch.workspace import objects
from midwatch.workspace.recipe import FILE
from midwatch.workspace.suggest import Suggestion, suggest, wanted

USAGE = "midwatch env init [--repo PATH] [--force] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Where, and whether a recipe may be replaced."""
    parser.add_argument("--repo", metavar="PATH", default=".", help="the repository (default: this folder)")
    parser.add_argument("--force", action="store_true", help="replace a recipe that is there")


async def execute(options: Namespace, screen: Screen) -> int:
    """Look at the commit that is checked out, write the recipe, say what was found."""
    async with wiring.home(screen.environ) as home:
        repository = await home.repository(options.repo)
        if repository.place is None or repository.place.top is None:
            raise InputError("a recipe is written into a working tree, and there is none", "clone the repository first")
        path = repository.place.top / FILE
        if _is_there(path) and not options.force:
            raise InputError(f"{path} is there already", "`midwatch env show` shows it; --force replaces it")
        base = await repository.resolve(None)
        files = await objects.files(repository.git, base.commit)
        content = await objects.read_files(repository.git, base.commit, [*clues(files), *wanted(files)])
        made = suggest(files, content.get)
    _write(path, made.text())
    if screen.json:
        value = {"type": "recipe", "path": str(path), "found": made.found, "setup": made.setup}
        screen.emit(value | {"checks": list(made.checks), "hosts": made.presets}, indent=2)
    else:
        screen.say(_lines(path, made, screen))
    return 0


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # a link is replaced, not followed
        path.write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror}", "check its owner and mode") from error


def _lines(path: Path, made: Suggestion, screen: Screen) -> list[str]:
    look = screen.look()
    lines = [f"{look.mark(True)} {words.line(found)}" for found in made.found]
    lines += [f"{look.mark(True)} checks: {words.line(made.checks_from)}"] if made.checks else []
    if not lines:
        lines = [f"{look.mark(None)} nothing that is known was found; the recipe has examples only"]
    lines += ["", f"written: {words.name(str(path))}"]
    lines.append("look through it, then commit it: a task reads it from the commit that it starts from")
    return [*lines, f"then try it with {look.command('midwatch env build --trust-recipe')}"]
