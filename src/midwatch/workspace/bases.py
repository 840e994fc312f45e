"""Where a task starts: a name in the user's repository becomes a commit, with what a person should know about it."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.task import Base
from midwatch.workspace import durable, filters
from midwatch.workspace.git import Git, GitError, last_words
from midwatch.workspace.listing import Kept, is_id
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown
from midwatch.workspace.safekeeping import recover

INCLUDED = "uncommitted changes included: "
_LEFT_OUT = "uncommitted changes left out: "
_NOT_CHECKED_OUT = "submodules are not checked out: "
_EXCLUDES_LIMIT = 1 << 20
_trees: Kept[tuple[str, str]] = Kept(1000)


class NoCommit(InputError):
    """The repository is fine, and nothing has been committed yet."""


async def require_commit(place: Place) -> None:
    """Raises NoCommit when the repository has none at all, another InputError when its HEAD cannot be read."""
    if place.committed:
        return
    git, where = place.git(), shown(place.name)
    head = await git.ask("rev-parse", "--quiet", "--verify", "HEAD^{tree}")
    if head.code == 0:
        return
    refs = await git.ask("for-each-ref", "--count=1")
    named = await git.ask("rev-parse", "--quiet", "--verify", "HEAD")
    if named.code == 0 or refs.code != 0:
        raise InputError(
            f"the repository {where} is damaged: {last_words(refs.stderr or head.stderr) or 'HEAD cannot be read'}",
            f"`git -C {shlex.quote(place.name)} fsck` says more",
        )
    if not refs.stdout:
        raise NoCommit(f"{where} has no commit yet", "make a first commit: `git add .` and `git commit`")


async def resolve(place: Place, ref: str | None) -> Base:
    """As `Repository.resolve`, in a local repository."""
    git = place.git()
    commit, full = await _named(git, ref)
    notes = await _notes(place)
    branch = full.removeprefix("refs/heads/") if full.startswith("refs/heads/") else ""
    tree, submodules = await tree_of(git, commit)
    if ref is None and not branch:
        notes.insert(0, "HEAD is detached: the pull request has no branch to go to")
    elif not branch:
        notes.insert(0, f"{shown(ref or '')} is not a local branch: the pull request has no branch to go to")
    if submodules:
        notes.append(submodules)
    return Base(commit=commit, tree=tree, ref=ref or branch or "HEAD", branch=branch, note="; ".join(notes))


async def _named(git: Git, ref: str | None) -> tuple[str, str]:
    name = "HEAD" if ref is None else ref
    if not name or name.startswith("-") or re.search(r"[\x00-\x20\x7f]", name):
        raise InputError(f"{shown(name)!r} cannot be the name of a branch or commit", "name another base with --base")
    both = await git.ask("rev-parse", f"{name}^{{commit}}", "--symbolic-full-name", name)
    commit, *names = both.stdout.decode("utf-8", "surrogateescape").split("\n")
    if both.code == 0 and is_id(commit) and len(names) <= 2:
        return commit, next((line for line in names if line.startswith("refs/")), "")
    found = await git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.code != 0:
        raise await _unknown(git, name, ref)
    full = await git.ask("rev-parse", "--verify", "--quiet", "--symbolic-full-name", "--end-of-options", name)
    lines = full.stdout.decode("utf-8", "surrogateescape").split("\n")
    return found.stdout.decode().strip(), next((line for line in lines if line.startswith("refs/")), "")


async def _unknown(git: Git, name: str, ref: str | None) -> InputError:
    listing = await git.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
    return unknown(name, listing.decode("utf-8", "surrogateescape").split("\n"), head=ref is None)


def unknown(name: str, known: list[str], *, head: bool) -> InputError:
    """The error for a base that does not exist; it names what comes near."""
    names = [n for n in known if n]
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.5) or names[:5]
    listed = ", ".join(shown(n) for n in near)
    if head:
        return InputError("the current branch has no commit yet", f"name another base with --base, such as {listed}")
    return InputError(f"there is no branch, tag or commit named {shown(name)}", f"there are: {listed}")


async def tree_of(git: Git, commit: str) -> tuple[str, str]:
    """The tree of a commit, and a note on the submodules in it."""
    known = _trees.get((git.git_dir, commit))
    if known is None:
        known = await _tree_of(git, commit)
        _trees.put((git.git_dir, commit), known)
    return known


async def _tree_of(git: Git, commit: str) -> tuple[str, str]:
    tree = await git.run("rev-parse", "--verify", f"{commit}^{{tree}}")
    listing = await git.ask("rev-parse", "--verify", "--quiet", f"{commit}:.gitmodules")
    submodules: list[str] = []
    if listing.code == 0:
        entries = (await git.run("ls-tree", "-r", "-z", commit)).split(b"\0")
        submodules = [shown(os.fsdecode(e.partition(b"\t")[2])) for e in entries if e.startswith(b"160000 ")]
    return tree.decode().strip(), f"{_NOT_CHECKED_OUT}{_some(submodules)}" if submodules else ""


async def _notes(place: Place) -> list[str]:
    notes = []
    if place.top is not None:
        count = await uncommitted(place)
        if count:
            notes.append(f"{_LEFT_OUT}{'1 file' if count == 1 else f'{count} files'}")
    if place.shallow:
        notes.append("the clone is shallow: its history ends early")
    return notes


async def uncommitted(place: Place) -> int:
    """How many files differ from HEAD: changed, staged or untracked; submodules do not count."""
    git = Git(place.git_dir, place.top, place.top, trusted=True, environment=await filters.environment(place))
    status = await git.run("status", "--porcelain", "-z", "--ignore-submodules=all", "--no-renames")
    return sum(1 for entry in status.split(b"\0") if entry)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def without_uncommitted(note: str) -> str:
    """The note without the part that says that changes were left out."""
    return _without(note, _LEFT_OUT)


def without_submodules(note: str) -> str:
    """The note without the part that says that submodules are not checked out."""
    return _without(note, _NOT_CHECKED_OUT)


def _without(note: str, start: str) -> str:
    return "; ".join(part for part in note.split("; ") if part and not part.startswith(start))


def joined(*parts: str) -> str:
    """Notes as one."""
    return "; ".join(part for part in parts if part)


async def user_excludes(place: Place) -> bytes:
    """The ignore rules that the user keeps outside the tree: core.excludesFile, then info/exclude, which wins."""
    answer = await place.git().ask("config", "-z", "--type=path", "--get", "core.excludesFile")
    return _outside_rules(place, os.fsdecode(answer.stdout.partition(b"\0")[0]))


def _outside_rules(place: Place, configured: str) -> bytes:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    rules = []
    for path in (Path(configured) if configured else home / "git" / "ignore", place.common_dir / "info" / "exclude"):
        try:
            if path.is_file() and path.stat().st_size <= _EXCLUDES_LIMIT:
                rules.append(path.read_bytes().removesuffix(b"\n") + b"\n")
        except OSError:
            continue  # git, too, goes on without an ignore file that it cannot read
    return b"".join(rules)


async def write_uncommitted(place: Place, store: Path, base: Base) -> tuple[str, int]:
    """The tree of the working tree as it is now, written to the store, and the number of files that differ."""
    head = (await place.git().run("rev-parse", "--verify", "HEAD")).decode().strip()
    if head != base.commit:
        raise InputError(
            "the working tree is on another commit than the base, so its changes cannot be included",
            "leave --base or --include-uncommitted out",
        )
    return await write_working_tree(place, store, base.tree)


async def write_working_tree(place: Place, store: Path, against: str) -> tuple[str, int]:
    """The tree of the working tree as it is now (what is ignored left out), written to the store, and the number of
    files that differ from the tree `against`. Raises InputError for a file that cannot be read."""
    assert place.top is not None
    await asyncio.to_thread(recover, place)
    unfiltered = await filters.environment(place)
    scratch = Path(tempfile.mkdtemp(prefix="index-", dir=store))
    try:
        index = place.git_dir / "index"
        if index.is_file():
            shutil.copy2(index, scratch / "index")
        env = {"GIT_INDEX_FILE": str(scratch / "index"), "GIT_OBJECT_DIRECTORY": str(store / "objects")}
        env |= unfiltered
        keen = ("core.safecrlf=false",)  # it is for what the person adds; a copy must not fail for it
        began = durable.now()
        aside = Git(place.git_dir, place.top, place.top, trusted=True, environment=env, settings=keen)
        added = await aside.ask("add", "--all", "--sparse", "--ignore-errors", "--", ":/")
        if added.code > 1:
            raise GitError("add", added.code, added.stderr)
        if added.code == 1:
            raise InputError(
                f"a file of the working tree cannot be included: {last_words(added.stderr)}",
                "make it readable, or let git ignore it",
            )
        tree = (await aside.run("write-tree")).decode().strip()
        await asyncio.to_thread(durable.written, store, began)
        changed = await aside.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", against, tree)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tree, sum(1 for name in changed.split(b"\0") if name)
