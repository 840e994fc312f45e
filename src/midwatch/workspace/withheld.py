"""Files that a person's repository ignores stay out of what an agent sees, also after it has changed the ignore rules.

A change of `.gitignore` comes to the person's folder as every other. What it no longer ignores there, such as a file of
secrets, would come back with the next look at the folder; and nobody has decided that.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from midwatch.workspace import objects
from midwatch.workspace.git import Git
from midwatch.workspace.ignore import Rules, parse
from midwatch.workspace.location import Place

_RULES = b".gitignore"


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decides on what is ignored, whatever a folder says now."""

    trees: Sequence[str]
    outside: bytes
    """The person's own rules."""


async def without(git: Git, place: Place, tree: str, ours: str, deciding: Deciding) -> str:
    """The tree without the untracked files that the rules of one of the deciding trees ignore, or with what `ours` has
    in their place. `git` is that of the store, and `ours` what the agent knows."""
    if not await _rules_differ(git, tree, deciding.trees):
        return tree
    known = await _changed(git, ours, tree)
    found: set[bytes] = set()
    for one in dict.fromkeys(deciding.trees):
        found |= await _ignored(git, deciding.outside, one, known)
    if found:
        found -= set((await place.git().run("ls-files", "-z")).split(b"\0"))
    return await _with(git, tree, {path: known[path] for path in found}) if found else tree


async def _rules_differ(git: Git, tree: str, deciding: Iterable[str]) -> bool:
    names = ("diff-tree", "-r", "--name-only", "--no-renames")
    for one in dict.fromkeys(deciding):
        if one != tree and await git.run(*names, one, tree, "--", f":(glob)**/{os.fsdecode(_RULES)}"):
            return True
    return False


async def _changed(git: Git, old: str, new: str) -> dict[bytes, tuple[bytes, bytes]]:
    """Mode and blob that `old` has, by the paths that are new or something else in `new`."""
    output = await git.run("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AMT",
                           "--no-commit-id", old, new, "--")  # fmt: skip
    fields = iter(output.split(b"\0"))
    return {next(fields): (about[1:].split(b" ")[0], about.split(b" ")[2]) for about in fields if about}


async def _ignored(git: Git, outside: bytes, tree: str, paths: Iterable[bytes]) -> set[bytes]:
    above = {path.rpartition(b"/")[0] for path in paths}
    folders = {b"/".join(folder.split(b"/")[:depth]) for folder in above for depth in range(folder.count(b"/") + 2)}
    named = {folder: os.fsdecode(folder + b"/" + _RULES if folder else _RULES) for folder in folders | {b""}}
    contents = await objects.read_files(git, tree, named.values())
    rules = {folder: contents.get(name, b"") for folder, name in named.items()}
    return {path for path in paths if _ignores(path, outside, rules)}


def _ignores(path: bytes, outside: bytes, contents: Mapping[bytes, bytes]) -> bool:
    *folders, name = path.split(b"/")
    rules = Rules(parse(contents[b""]), Rules(parse(outside)))
    for depth, folder in enumerate(folders, 1):
        if rules.ignores(folder, folder=True):
            return True
        rules = rules.inside(folder, contents[b"/".join(folders[:depth])])
    return rules.ignores(name, folder=False)


async def _with(git: Git, tree: str, entries: Mapping[bytes, tuple[bytes, bytes]]) -> str:
    """The tree with these entries; a mode of zeros takes one out."""
    with tempfile.TemporaryDirectory(prefix="index-", dir=git.git_dir) as scratch:
        aside = Git(git.git_dir, cwd=git.cwd, environment={"GIT_INDEX_FILE": f"{scratch}/index"})
        await aside.run("read-tree", tree)
        lines = b"".join(b"%s %s\t%s\0" % (mode, blob, path) for path, (mode, blob) in entries.items())
        await aside.run("update-index", "-z", "--index-info", stdin=lines)
        return (await aside.run("write-tree")).decode().strip()
