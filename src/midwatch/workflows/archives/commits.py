"""What git holds of a task in the store of its repository: the commits that its attempts saved."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from midwatch.domain.ids import task_of
from midwatch.workflows.start import work_folder
from midwatch.workspace.checkout import ref_of
from midwatch.workspace.git import Git


def refs(state: Path, attempts: Sequence[str]) -> dict[str, str]:
    """The refs that these attempts may have, by names that mean the same in every state folder."""
    named = {f"workspaces/{name}": ref_of(work_folder(state, name)) for name in attempts}
    named |= {f"forks/{name}": f"refs/midwatch/forks/{name}" for name in attempts}
    for task in dict.fromkeys(map(task_of, attempts)):
        named |= {f"{kind}/{task}": f"refs/midwatch/{kind}/{task}" for kind in ("propose", "reviews")}
    return named


async def held(store: Path, named: Mapping[str, str]) -> dict[str, str]:
    """Those of the names that have a commit, with it. Raises OperationError."""
    listed = (await _git(store).run("for-each-ref", "--format=%(refname) %(objectname)", "refs/midwatch")).decode()
    known = dict(line.split(" ", 1) for line in listed.splitlines())
    return {name: known[ref] for name, ref in named.items() if ref in known}


async def bundle(store: Path, named: Mapping[str, str], commits: Mapping[str, str], base: str, file: Path) -> bool:
    """Write the commits that stand on the base into a bundle. False when there are none. Raises OperationError."""
    if not commits:
        return False
    new = await _git(store).run("rev-list", "--max-count=1", *sorted(set(commits.values())), "--not", base)
    if not new.strip():
        return False
    await _git(store).run(
        "bundle", "create", "--quiet", file, *(named[name] for name in sorted(commits)), "--not", base
    )
    return True


async def unbundle(store: Path, file: Path | None, named: Mapping[str, str], commits: Mapping[str, str]) -> None:
    """Bring them back, and have the names point at them again. Raises OperationError when their base is not there."""
    if file is not None:
        await _git(store).run("bundle", "unbundle", file)
    for name, commit in commits.items():
        await _git(store).run("update-ref", named[name], commit)


async def forget(store: Path, named: Mapping[str, str]) -> None:
    """Delete the refs. Nothing happens where there is none. Raises OperationError."""
    lines = "".join(f"delete {named[name]}\n" for name in await held(store, named))
    if lines:
        await _git(store).run("update-ref", "--stdin", stdin=os.fsencode(lines))


def _git(store: Path) -> Git:
    return Git(git_dir=store, cwd=store)
