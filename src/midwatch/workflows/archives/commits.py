"""What git holds of a task in the store of its repository: the commits that its attempts saved."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from midwatch.domain.ids import task_of
from midwatch.workflows.start import work_folder
from midwatch.workspace.checkout import ref_of
from midwatch.workspace.git import Git


def refs(state: Path, attempts: Sequence[str]) -> dict[str, str]:
    """The refs that these attempts may have, by names that mean the same in every state folder. What ends in `/` stands
    for all below it that are numbers: what an attempt was before it went another way."""
    named = {f"workspaces/{name}": ref_of(work_folder(state, name)) for name in attempts}
    named |= {f"forks/{name}": f"refs/midwatch/forks/{name}" for name in attempts}
    named |= {f"{kind}/{name}/": f"refs/midwatch/{kind}/{name}/" for kind in ("before", "offered") for name in attempts}
    for task in dict.fromkeys(map(task_of, attempts)):
        named |= {f"{kind}/{task}": f"refs/midwatch/{kind}/{task}" for kind in ("propose", "reviews")}
    return named


def place_of(named: Mapping[str, str], name: str) -> str:
    """The ref of a name; empty for one that stands for none of them."""
    above, _, last = name.rpartition("/")
    if f"{above}/" in named:
        return named[f"{above}/"] + last if last.isascii() and last.isdecimal() else ""
    return named.get(name, "")


async def held(store: Path, named: Mapping[str, str]) -> dict[str, str]:
    """Those of the names that have a commit, with it. Raises OperationError."""
    known = await _known(store)
    found = {name: known[ref] for name, ref in named.items() if ref in known}
    for name, above in named.items():
        if name.endswith("/"):
            found |= {name + ref.removeprefix(above): known[ref] for ref in known if ref.startswith(above)}
    return found


async def _known(store: Path) -> dict[str, str]:
    listed = (await _git(store).run("for-each-ref", "--format=%(refname) %(objectname)", "refs/midwatch")).decode()
    return dict(line.split(" ", 1) for line in listed.splitlines())


async def pack(store: Path, commits: Collection[str], base: str, file: Path) -> bool:
    """Write those of the commits that the store has, with all that the base has not, into a pack. False when there are
    none. Raises OperationError."""
    asked = "".join(f"{commit}\n" for commit in sorted(set(commits)))
    told = (await _git(store).run("cat-file", "--batch-check", stdin=asked.encode())).decode() if asked else ""
    there = [line.split()[0] for line in told.splitlines() if line.split()[1:2] == ["commit"]]
    if not there:
        return False
    wanted = "".join(f"{commit}\n" for commit in there) + f"^{base}\n"
    with file.open("wb") as out:
        arguments = ("pack-objects", "--quiet", "--revs", "--stdout", "--delta-base-offset")
        await _git(store).run(*arguments, stdin=wanted.encode(), stdout=out)
    return True


async def unpack(store: Path, file: Path | None, named: Mapping[str, str], commits: Mapping[str, str]) -> None:
    """Bring them back, and have the names point at them again. Raises OperationError for what is no pack, and when the
    base is not there."""
    if file is not None:
        with file.open("rb") as pack:
            await _git(store).run("index-pack", "--stdin", stdin=pack)
    for name, commit in commits.items():
        await _git(store).run("update-ref", place_of(named, name), commit)


async def forget(store: Path, named: Mapping[str, str]) -> None:
    """Delete the refs. Nothing happens where there is none. Raises OperationError."""
    lines = "".join(f"delete {place_of(named, name)}\n" for name in await held(store, named))
    if lines:
        await _git(store).run("update-ref", "--stdin", stdin=os.fsencode(lines))


def _git(store: Path) -> Git:
    return Git(git_dir=store, cwd=store)
