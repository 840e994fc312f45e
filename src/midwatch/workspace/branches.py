"""Which branches a repository has: asked where it is. Nothing is fetched and nothing is written."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from midwatch.workspace.git import GitError
from midwatch.workspace.lent import Lend, nobody
from midwatch.workspace.location import is_url, locate
from midwatch.workspace.remote import HEADS, LARGEST_LISTING, Remote, default_of

MOST = 20_000
"""Branches that are told of one repository."""

_OURS = "midwatch/"
_USABLE = re.compile(r"[^\x00-\x20\x7f-][^\x00-\x20\x7f]{0,999}")
"""What a task can be told to start from."""
_ALONE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""A partial clone may lack a commit: looking is no reason to fetch it."""


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a repository, by the names that a task can start from."""

    names: tuple[str, ...]
    """The default one first, those that Midwatch has made last; between them the newest first in a folder, by name
    where only names are told."""
    default: str
    """The one that HEAD names; empty when there is none."""
    cut: bool
    """There are more of them than these."""


async def branches(location: str, lend: Lend = nobody) -> Branches:
    """Ask the folder or the address. Blocks on the network for an address; whoever calls bounds the time. Raises
    InputError for what is no repository, OperationError where it does not tell."""
    if is_url(location):
        return await _of_address(location, lend)
    git = replace((await locate(location)).git(), environment=_ALONE, largest_file=LARGEST_LISTING)
    with tempfile.TemporaryFile() as said:
        listing = ("for-each-ref", "--sort=-committerdate", "--format=%(HEAD)%(refname)", HEADS)
        answer = await git.ask(*listing, stdout=said)
        lines, whole = await asyncio.to_thread(_lines, said)
    if answer.code != 0 and whole:
        raise GitError("for-each-ref", answer.code, answer.stderr)
    default = next((line[1:] for line in lines if line.startswith("*")), "")
    return _sorted([line[1:] for line in lines], default, whole=whole)


async def _of_address(url: str, lend: Lend) -> Branches:
    with tempfile.TemporaryFile() as said:
        await Remote(Path("/"), url, lend).listing(said)
        lines, whole = await asyncio.to_thread(_lines, said)
    names = sorted((line.partition("\t")[2] for line in lines), key=lambda name: (name.casefold(), name))
    return _sorted(names, default_of(lines), whole=whole)


def _lines(said: IO[bytes]) -> tuple[list[str], bool]:
    """What git has written, and whether that is all of it. A line that is no UTF-8 is left out: nobody can ask for that
    name in JSON."""
    whole = said.seek(0, os.SEEK_END) < LARGEST_LISTING
    said.seek(0)
    lines = said.read(LARGEST_LISTING).split(b"\n")[:-1]
    return [line.decode("utf-8", "replace") for line in lines if _is_text(line)], whole


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sorted(full: Sequence[str], default: str, *, whole: bool) -> Branches:
    found = [name.removeprefix(HEADS) for name in full if name.startswith(HEADS)]
    usable = [name for name in found if name != "HEAD" and _USABLE.fullmatch(name)]
    first = default.removeprefix(HEADS) if default.removeprefix(HEADS) in usable else ""
    ordered = sorted(usable, key=lambda name: (name != first, name.startswith(_OURS)))
    return Branches(tuple(ordered[:MOST]), first, not whole or len(ordered) > MOST)
