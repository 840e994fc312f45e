"""The command line's grammar: parsers, and the kinds of value that options take."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from midwatch.domain.errors import InputError
from midwatch.domain.labels import parse as parse_labels

INSTEAD = {
    "midwatch run": "`midwatch submit` gives a task to a server, with the same options",
    "midwatch chat": "`midwatch submit` gives a task to a server; conversations are of this machine",
    "midwatch exec": "`midwatch submit` gives a task to a server; conversations are of this machine",
    "midwatch review": "`midwatch submit --mode read-only` asks a server for an answer",
    "midwatch admin orphans": "run it on the server's own machine",
    "midwatch admin password": "`midwatch admin users change USER --password` is for a server that runs",
}
"""What there is for a server in place of a command that is for this machine."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, with a hint where help is."""

    def __init__(self, command: str, usage: str, description: str) -> None:
        super().__init__(
            prog=f"midwatch {command}",
            usage=usage,
            description=description,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self.mixed = False
        """Options may stand between and after words that a list takes."""

    def read(self, given: Sequence[str]) -> argparse.Namespace:
        """The options. Raises InputError."""
        return self.parse_intermixed_args(given) if self.mixed else self.parse_args(given)

    def error(self, message: str) -> NoReturn:
        """Raise InputError instead of printing and leaving."""
        if message.startswith("unrecognized arguments: --server"):
            raise InputError(f"`{self.prog}` is for this machine alone", INSTEAD.get(self.prog, "leave --server out"))
        raise InputError(message, f"`{self.prog} --help` shows how it is used")


class _Formatter(argparse.HelpFormatter):
    """Help with the options' names in a column that fits ours."""

    def __init__(self, prog: str) -> None:
        # without a width argparse imports shutil, for each option again
        super().__init__(prog, max_help_position=30, width=_columns())


def _columns() -> int:
    try:
        return max(40, min(os.get_terminal_size().columns, 120) - 2)
    except OSError:
        return 98


def json_option(parser: Parser) -> None:
    """`--json`, which every command has."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def server_option(parser: argparse._ActionsContainer) -> None:
    """`--server`, which every command has that can also be for a server."""
    parser.add_argument(
        "--server", metavar="URL", help="the server (default: MIDWATCH_SERVER); `local` for this machine"
    )


def follow_option(
    parser: argparse._ActionsContainer, text: str = "look on, as `attach` does, when a server does it"
) -> None:
    """`--follow`, which every command has that has a server do something."""
    parser.add_argument("--follow", action="store_true", help=text)


def task_argument(parser: Parser, text: str = "the task's id, or the start of it") -> None:
    """`ID`, which most commands take."""
    parser.add_argument("id", metavar="ID", help=text)


def count(least: int, most: int = 10**12) -> Callable[[str], int]:
    """The type of an option that takes a whole number of at least `least`, and at most `most`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} or more")
        if int(text) > most:
            raise argparse.ArgumentTypeError(f"{text!r} is more than {most}")
        return int(text)

    return read


def labels(text: str) -> tuple[str, ...]:
    """Labels of workers: `gpu,arch=arm64`."""
    try:
        return parse_labels(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"{error.message}: {error.mend}") from None


def seconds(text: str) -> int:
    """A duration: `90`, `90s`, `15m`, `2h`; whole seconds, at least one."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(s|m|h|)", text.strip().lower())
    value = round(float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]) if match else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 90, 90s, 15m or 2h")
    return value


def microusd(text: str) -> int:
    """US dollars (`2`, `0.50`, `$0.50`) as millionths; more than nothing."""
    match = re.fullmatch(r"\$?([0-9]{1,9}(?:\.[0-9]{1,6})?)", text.strip())
    value = round(float(match[1]) * 1_000_000) if match else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a sum of US dollars: write 2 or 0.50")
    return value


def prompt(given: str) -> str:
    """Words for a model: as they are given, or those of standard input for `-`. Raises InputError without one."""
    if given != "-":
        return _storable(given.encode("utf-8", "surrogateescape"))
    if sys.stdin is None:
        raise InputError("there is no standard input to read the prompt from", "give the prompt as an argument")
    return _storable(sys.stdin.buffer.read())


def _storable(data: bytes) -> str:
    # a prompt ends up in commit messages, which hold neither NUL nor what is not UTF-8
    return data.decode("utf-8", "replace").replace("\0", "").strip()


def line_range(text: str) -> tuple[int, int | None]:
    """Lines of a log: `12`, `12-20`, `12-` (to the end); counted from 1."""
    match = re.fullmatch(r"([0-9]{1,12})(-)?([0-9]{1,12})?", text.strip())
    first = int(match[1]) if match else 0
    last = None if not match else int(match[3]) if match[3] else None if match[2] else first
    if first < 1 or (last is not None and last < first) or (match and match[3] and not match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of lines: write 12, 12-20 or 12-")
    return first, last
