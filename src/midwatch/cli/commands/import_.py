"""`midwatch import`: many tasks for a server, one on each line of a file."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from contextlib import aclosing
from pathlib import Path

from midwatch.cli import arguments, words
from midwatch.cli.remote import address, bulk, repositories
from midwatch.cli.remote.session import Session, opened
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError, OperationError

USAGE = "midwatch import FILE [--server URL] [--repo NAME] [--strict] [--batch NAME] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which file, and what a bad line means."""
    parser.add_argument("file", metavar="FILE", help="a JSON object on each line; `-` is standard input")
    arguments.server_option(parser)
    parser.add_argument("--repo", metavar="NAME", default=".", help="for lines that name none (default: this folder)")
    parser.add_argument(
        "--strict", action="store_true", help="nothing is submitted when a line is wrong; stop at a refusal"
    )
    parser.add_argument("--batch", metavar="NAME", default="", help="in another batch the same line is another task")


async def execute(options: Namespace, screen: Screen) -> int:
    """Submit them; 0 when the server has them all, 2 when lines were refused."""
    where = address.required(options, screen.environ, "`midwatch run` does a task on this machine")
    lines = bulk.lines_of(await asyncio.to_thread(_read, options.file))
    wrong = [line for line in lines if line.error is not None]
    if options.strict and wrong:
        for line in wrong:
            _refused(bulk.Done(line, error=line.error), screen)
        raise InputError(f"{words.count(len(wrong), 'line')} cannot be read; nothing was submitted", "mend the file")
    async with opened(options, screen, where) as session:
        await session.client.get("me")  # who may not come in is told so once, and not for each line
        nameless = any(line.body is not None and "repository" not in line.body for line in lines)
        repository = await repositories.meant(session.client, options.repo) if nameless else ""
        return await _submit(session, bulk.completed(lines, repository), options)


async def _submit(session: Session, lines: list[bulk.Line], options: Namespace) -> int:
    screen, made, known, refused = session.screen, 0, 0, 0
    at_once = 1 if options.strict else bulk.AT_ONCE  # nothing behind a refusal is under way when it comes
    try:
        async with aclosing(bulk.submit(session.client, lines, options.batch, at_once)) as all_done:
            async for done in all_done:
                made, known = made + (bool(done.id) and not done.known), known + done.known
                refused += not done.id
                (_made if done.id else _refused)(done, screen)
                if options.strict and not done.id:
                    break
    except OperationError as error:
        told = _told(made, known, refused, len(lines))
        again = "import the file again: what is there already is not made twice"
        raise OperationError(f"{error.message}; {told}", f"{error.mend}, then {again}") from None
    code = 2 if refused else 0
    if screen.json:
        counts = {"made": made, "known": known, "refused": refused, "lines": len(lines)}
        screen.emit({"type": "result", **counts, "exit_code": code})
    screen.note(f"{screen.look(error=True).mark(not refused)} {_told(made, known, refused, len(lines))}")
    return code


def _told(made: int, known: int, refused: int, lines: int) -> str:
    facts = [f"{words.count(made, 'task')} submitted"]
    facts += [f"{known} there already"] if known else []
    facts += [f"{refused} refused"] if refused else []
    left = lines - made - known - refused
    return ", ".join([*facts, *([f"{left} not tried"] if left else [])])


def _made(done: bulk.Done, screen: Screen) -> None:
    if screen.json:
        screen.emit({"type": "imported", "line": done.line.number, "id": done.id, "known": done.known})
        return
    look, prompt = screen.look(), words.line(str((done.line.body or {}).get("prompt", "")))
    screen.say(words.cut(f"{done.id}  {prompt}", look.width, look.more))


def _refused(done: bulk.Done, screen: Screen) -> None:
    error = done.error or InputError("refused")
    if screen.json:
        facts = {"message": error.message, "mend": error.mend}
        screen.emit({"type": "refused", "line": done.line.number, **facts})
    look = screen.look(error=True)
    lines = [f"{look.bad(f'line {done.line.number}:')} {words.line(error.message)}"]
    lines += [f"  {look.dim('|')} {words.line(text)}" for text in error.detail.splitlines()]
    screen.note([*lines, *([f"  {look.arrow} {words.line(error.mend)}"] if error.mend else [])])


def _read(name: str) -> bytes:
    if name == "-":
        if sys.stdin is None:
            raise InputError("there is no standard input to read", "give a file")
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{words.line(name)} cannot be read: {error.strerror}", "give another file") from None
