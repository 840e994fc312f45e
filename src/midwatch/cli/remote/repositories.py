"""Which of a server's repositories a person means by `--repo`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from midwatch.cli import words
from midwatch.cli.remote.client import Client
from midwatch.domain.errors import InputError

_SCP = re.compile(r"(?:[^@/:\s]+@)?([^/:\s]+):(?!//)(.+)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^@/]*@)?([^/:]*)(?::\d+)?/(.+)", re.IGNORECASE)
SHOWN = 12


async def meant(client: Client, given: str) -> str:
    """The name of the server's repository: `given` is a name, an id or an address that it has, or a folder of this
    machine, which stands for the addresses that it was cloned from. Raises InputError with the names that there are."""
    known = await _all(client)
    for one in known:
        if given in (one["name"], one["id"], one["location"]):
            return str(one["id"])
    wanted = {form(given)}
    if _is_folder(given):
        wanted = {form(address) for address in await _addresses(given, local=client.address.local)}
    found = [one for one in known if form(str(one["location"])) in wanted]
    if len(found) == 1:
        return str(found[0]["id"])
    names = ", ".join(words.line(str(one["name"])) for one in known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
    mend = f"give one with --repo: {names}" if names else "ask whoever runs the server to add it, or for a role on it"
    what = "no repository that you may use there" if not found else "more than one repository there"
    shown = "this folder" if given == "." else words.line(given)
    raise InputError(f"{shown} is {what} ({client.address.url})", mend)


async def _all(client: Client) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = await client.get("repositories", after=after, limit="1000")
        found += page["repositories"]
        after = page["next"]
    return found


def _is_folder(given: str) -> bool:
    return "://" not in given and Path(given).expanduser().is_dir()


def form(address: str) -> str:
    """An address so that two ways of writing the same compare equal: `git@host:a/b.git` and `https://host/a/b`."""
    match = _URL.fullmatch(address) or _SCP.fullmatch(address)
    if match is None or address.startswith("file:"):
        return address.removeprefix("file://").rstrip("/")
    return f"{match[1].lower()}/{match[2].strip('/').removesuffix('.git')}"


async def _addresses(folder: str, *, local: bool) -> list[str]:
    """Where a folder's repository was cloned from; where the server is on this machine, also the folder itself."""
    from midwatch.workspace.location import locate

    place = await locate(folder)
    answer = await place.git().ask("config", "-z", "--get-regexp", r"^remote\..*\.url$")
    found = [os.fsdecode(entry.partition(b"\n")[2]) for entry in answer.stdout.split(b"\0") if entry]
    here = place.top or place.git_dir
    return [*found, *([str(here)] if local else [])]
