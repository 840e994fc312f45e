"""What changed between two commits, for people and for `git apply`; never by a program that a tree chose."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.evidence import FileChange
from midwatch.workspace import filters
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.listing import Kept, is_id
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown
from midwatch.workspace.safekeeping import kept, recover

LARGEST_SHOWN = 16 << 20
"""Bytes of a file up to which a binary change is written out in a diff."""

_stats: Kept[tuple[FileChange, ...]] = Kept(10_000)
"""What differs between two trees, by store and trees."""
_DIFF = ("diff-tree", "-r", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "--no-commit-id")
_FAILED = re.compile(
    r"^error: (.+): (?:patch does not apply|already exists in .*|No such file or directory|does not exist in .*"
    r"|does not match index|wrong type|.*beyond a symbolic link.*|cannot .*|not a .*)$"
)


async def diff(git: Git, old: str, new: str) -> bytes:
    """The unified diff of two commits or trees, with renames and full blob ids. Binary changes are written out so that
    `git apply` can use them, but only while no changed file is larger than LARGEST_SHOWN."""
    options = ["-p", "-M", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "-U3"]
    if await _largest(git, old, new) <= LARGEST_SHOWN:
        options.append("--binary")
    return await git.run(*_DIFF, *options, old, new, "--")


async def stat(git: Git, old: str, new: str) -> tuple[FileChange, ...]:
    """The files that differ, by path."""
    pair = (git.git_dir, old, new)
    found = _stats.get(pair)
    if found is None:
        found = await _stat(git, old, new)
        if is_id(old) and is_id(new):
            _stats.put(pair, found, 1 + len(found))
    return found


async def _stat(git: Git, old: str, new: str) -> tuple[FileChange, ...]:
    output = await git.run(*_DIFF, "-M", "--raw", "--numstat", "-z", old, new, "--")
    fields = iter(output.split(b"\0"))
    statuses: dict[bytes, str] = {}
    changes = []
    for field in fields:
        if field.startswith(b":"):
            status = field.rpartition(b" ")[2].decode()
            path = next(fields)
            if status[0] in "RC":
                path = next(fields)
            statuses[path] = status[0]
        elif field:
            added, removed, path = field.split(b"\t", 2)
            old_path = b""
            if not path:
                old_path, path = next(fields), next(fields)
            lines = [None if n == b"-" else int(n) for n in (added, removed)]
            name = os.fsdecode(path)
            changes.append(FileChange(name, statuses.get(path, "M"), lines[0], lines[1], os.fsdecode(old_path)))
    return tuple(changes)


async def apply(place: Place, store: Path, old: str, new: str) -> tuple[FileChange, ...]:
    """Change the files of the user's working tree as `old` to `new` did; index, HEAD and branches stay. All or none:
    raises InputError that names the files that do not fit, and then nothing has been touched."""
    git = Git(git_dir=store, cwd=store)
    if place.top is None:
        raise InputError(
            f"{shown(place.name)} is bare: it has no working tree to apply to", "merge the pull request instead"
        )
    patch = await git.run(*_DIFF, "-p", "--no-renames", "--full-index", "-U3", "--src-prefix=a/", "--dst-prefix=b/",
                          old, new, "--")  # fmt: skip
    if not patch:
        return ()
    # a binary change is taken from the store by its id, so that the patch need not hold it
    names = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--")
    chosen_anew = bool(await git.run(*names, *filters.CHOOSERS))
    env = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fspath(store / "objects")}
    env |= await filters.environment(place, chosen_anew=chosen_anew)
    user = Git(place.git_dir, place.top, place.top, trusted=True, environment=env)
    await asyncio.to_thread(recover, place)
    arguments = ("apply", "--whitespace=nowarn", "-p1")
    check = await user.ask(*arguments, "--check", "-", stdin=patch)
    if check.code != 0:
        raise _refused(place, check.stderr)
    with kept(place, [path for path in (await git.run(*names)).split(b"\0") if path]):
        done = await user.ask(*arguments, "-", stdin=patch)
        if done.code != 0:
            raise GitError("apply", done.code, done.stderr)
    return await stat(git, old, new)


def _refused(place: Place, stderr: bytes) -> InputError:
    lines = stderr.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    files = sorted({match[1] for line in lines if (match := _FAILED.match(line))})
    named = ", ".join(shown(f) for f in files) or shown(lines[-1] if lines else "")
    return InputError(
        f"the change does not fit the files in {shown(place.name)}: {named}; nothing was changed",
        "commit or stash your own changes there and try again, or merge the pull request",
    )


async def _largest(git: Git, old: str, new: str) -> int:
    raw = await git.run("diff-tree", "-r", "--no-renames", "--raw", "--no-abbrev", "--no-commit-id", "-z", old, new)
    blobs = []
    for field in raw.split(b"\0"):
        if field.startswith(b":"):
            old_mode, new_mode, old_blob, new_blob, _ = field[1:].split(b" ")
            pairs = ((old_mode, old_blob), (new_mode, new_blob))
            blobs += [blob for mode, blob in pairs if mode[:3] in (b"100", b"120")]
    if not blobs:
        return 0
    sizes = await git.run("cat-file", "--batch-check=%(objectsize)", stdin=b"\n".join(blobs) + b"\n")
    return max(int(size) for size in sizes.split())
