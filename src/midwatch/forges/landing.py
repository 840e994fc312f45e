"""Bringing commits into the user's repository: a branch for a pull request, and merging it."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.pull_request import Proposal
from midwatch.workspace import lfs_offered, writing
from midwatch.workspace.git import Git, GitError, last_words
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown

_FEW = 100
"""Objects up to which they are written one by one, as git does when it fetches."""


async def land(place: Place, store: Path, proposal: Proposal, ours: set[str]) -> None:
    """Make the branch point at the commit, bringing what it needs from the store. Does nothing when the branch has the
    commit already. Raises InputError when the branch is not ours to move. May be cut off at any point and repeated."""
    git, ref = place.git(), f"refs/heads/{proposal.branch}"
    current = "" if await asyncio.to_thread(_is_new, place, ref) else await tip(git, ref)
    if current == proposal.commit or (current and await is_ancestor(git, proposal.commit, current)):
        return
    if current and current not in ours and not await _leads_to(store, current, proposal.commit):
        raise InputError(
            f"the branch {shown(proposal.branch)} has commits of somebody else ({current[:12]})",
            f"rename it, for example `git branch -m {shlex.quote(proposal.branch)} mine`, then `midwatch resume`",
        )
    if current:
        await _require_not_checked_out(git, proposal.branch)
    await _bring(git, store, proposal)
    await lfs_offered.bring(place, store, proposal.base_commit, proposal.commit)
    done = await git.ask("update-ref", "-m", "midwatch: pull request", ref, proposal.commit, current)
    if done.code != 0:
        raise _branch_refused(proposal, done.stderr)


def _is_new(place: Place, ref: str) -> bool:
    """Whether there is surely no such ref, told without a process. Blocks for a moment."""
    try:
        if (place.common_dir / "reftable").exists() or os.path.lexists(place.common_dir / ref):
            return False
        return ref.encode("utf-8", "surrogateescape") not in (place.common_dir / "packed-refs").read_bytes()
    except FileNotFoundError:
        return True
    except OSError:
        return False


async def land_in_store(store: Path, proposal: Proposal) -> None:
    """For a repository that is a URL: the branch stays in the store."""
    git = Git(git_dir=store, cwd=store)
    done = await git.ask("update-ref", f"refs/heads/{proposal.branch}", proposal.commit)
    if done.code != 0:
        raise _branch_refused(proposal, done.stderr)


async def tip(git: Git, ref: str) -> str:
    """The commit of a ref; empty when there is no such ref."""
    answer = await git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return answer.stdout.decode().strip() if answer.code == 0 else ""


async def is_ancestor(git: Git, old: str, new: str) -> bool:
    """Whether `new` contains `old`; no when either is not there."""
    return (await git.ask("merge-base", "--is-ancestor", old, new)).code == 0


async def _leads_to(store: Path, old: str, new: str) -> bool:
    return await is_ancestor(Git(git_dir=store, cwd=store), old, new)


async def _bring(git: Git, store: Path, proposal: Proposal) -> None:
    """Copy the objects that only the store has: a pack, not a fetch, so that no ref and no FETCH_HEAD comes along."""
    source = Git(git_dir=store, cwd=store)
    await asyncio.to_thread(writing.ref, store, f"refs/midwatch/propose/{proposal.task_id}", proposal.commit)
    revisions = f"{proposal.commit}\n^{proposal.base_commit}^@\n".encode()
    with tempfile.TemporaryFile(dir=store) as pack:
        arguments = ("pack-objects", "--quiet", "--revs", "--local", "--stdout", "--delta-base-offset")
        await source.run(*arguments, stdin=revisions, stdout=pack)
        pack.seek(8)
        count = int.from_bytes(pack.read(4), "big")
        pack.seek(0)
        os.lseek(pack.fileno(), 0, os.SEEK_SET)
        if count:
            unpack = ("unpack-objects", "-q") if count <= _FEW else ("index-pack", "--stdin")
            await git.run(*unpack, stdin=pack)


async def _require_not_checked_out(git: Git, branch: str) -> None:
    for folder in await working_trees(git, branch):
        raise InputError(
            f"the branch {shown(branch)} is checked out in {shown(folder)} and has to move",
            "check out another branch there, then `midwatch resume`",
        )


def _branch_refused(proposal: Proposal, stderr: bytes) -> InputError:
    words = last_words(stderr)
    mend = "look at the branches with `git branch`, then `midwatch resume`"
    if "exists; cannot create" in words or "' exists" in words:
        mend = "a branch whose name is the first part of the new one is in the way: rename it, then `midwatch resume`"
    return InputError(f"the branch {shown(proposal.branch)} cannot be written: {shown(words)}", mend)


async def working_trees(git: Git, branch: str) -> list[Path]:
    """The folders in which a branch is checked out."""
    found, folder = [], b""
    for line in (await git.run("worktree", "list", "--porcelain", "-z")).split(b"\0"):
        if line.startswith(b"worktree "):
            folder = line.removeprefix(b"worktree ")
        elif line == b"branch " + os.fsencode(f"refs/heads/{branch}"):
            found.append(Path(os.fsdecode(folder)))
    return await asyncio.to_thread(lambda: [path for path in found if path.is_dir()])


async def merge(place: Place, proposal: Proposal, number: int) -> str:
    """Put the pull request's branch into its base branch, and into the working trees that have it checked out. The
    commit that the base branch then has. Raises InputError before anything is changed when that cannot be done."""
    git = place.git()
    base = await tip(git, f"refs/heads/{proposal.base}")
    if not base:
        raise InputError(
            f"there is no branch {shown(proposal.base)} to merge into",
            f"merge by hand where you want it: `git merge {shlex.quote(proposal.branch)}`",
        )
    head = await _head(git, proposal)
    if await is_ancestor(git, head, base):
        return await _merged_by(git, head, base)
    new = head if await is_ancestor(git, base, head) else await _merge_commit(git, proposal, number, (base, head))
    await _move(git, proposal.base, base, new)
    return new


async def _head(git: Git, proposal: Proposal) -> str:
    """What is merged: the branch with all that was added to it, else the commit that was proposed."""
    head = await tip(git, f"refs/heads/{proposal.branch}")
    if not head and (await git.ask("cat-file", "-e", f"{proposal.commit}^{{tree}}")).code != 0:
        raise InputError(
            f"the branch {shown(proposal.branch)} is gone", f"`midwatch resume {proposal.task_id}` makes it again"
        )
    if head and not await is_ancestor(git, proposal.commit, head):
        raise InputError(
            f"the branch {shown(proposal.branch)} no longer has the commit that was checked ({proposal.commit[:12]})",
            f"merge it by hand if you want it as it is: `git merge {shlex.quote(proposal.branch)}`",
        )
    return head or proposal.commit


async def _merged_by(git: Git, head: str, base: str) -> str:
    listing = await git.run("rev-list", "--first-parent", "--ancestry-path", f"{head}..{base}")
    return (listing.decode().split() or [head])[-1]


async def _merge_commit(git: Git, proposal: Proposal, number: int, sides: tuple[str, str]) -> str:
    merged = await git.ask("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *sides)
    tree, *files = [part for part in merged.stdout.split(b"\0") if part] or [b""]
    if merged.code == 1:
        names = ", ".join(shown(os.fsdecode(name)) for name in sorted(set(files)))
        branch, base = shlex.quote(proposal.branch), shlex.quote(proposal.base)
        raise InputError(
            f"pull request {number} conflicts with {shown(proposal.base)} in: {names}",
            f"merge by hand and settle the conflict: `git switch {base}`, `git merge {branch}`",
        )
    if merged.code != 0:
        raise GitError("merge-tree", merged.code, merged.stderr)
    message = f"Merge pull request #{number}: {proposal.title}\n\n{proposal.branch}\n"
    environment: dict[str, str] = {}
    if (await git.ask("var", "GIT_COMMITTER_IDENT")).code != 0:  # the person who merges has not said who they are
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_NAME": "Midwatch", f"GIT_{role}_EMAIL": "midwatch@localhost"}
    author = Git(git.git_dir, git.work_tree, git.cwd, trusted=True, environment=environment)
    text = message.replace("\0", "").encode("utf-8", "replace")
    parents = ("-p", sides[0], "-p", sides[1])
    return (await author.run("commit-tree", tree, *parents, "-F", "-", stdin=text)).decode().strip()


async def _move(git: Git, branch: str, old: str, new: str) -> None:
    """Move a branch, and first the files of the working trees that show it: cut off in between, they show changes
    that merging again takes for what they are."""
    trees = [Git(cwd=folder, trusted=True) for folder in await working_trees(git, branch)]
    behind = [tree for tree in trees if not await _shows(tree, new)]
    for tree in behind:
        await _require_room(tree, old, new)
    for tree in behind:
        await tree.run("read-tree", "-m", "-u", old, new)
    moved = await git.ask("update-ref", "-m", "midwatch: merge", f"refs/heads/{branch}", new, old)
    if moved.code != 0:
        for tree in behind:
            await tree.ask("read-tree", "-m", "-u", new, old)
        raise InputError(
            f"the branch {shown(branch)} could not be moved: {shown(last_words(moved.stderr))}", "try the merge again"
        )


async def _shows(tree: Git, commit: str) -> bool:
    staged = await tree.ask("diff-index", "--cached", "--quiet", commit, "--")
    return staged.code == 0 and (await tree.ask("diff-files", "--quiet")).code == 0


async def _require_room(tree: Git, old: str, new: str) -> None:
    """Raises InputError when updating the files would lose somebody's work; nothing but stat data has changed then."""
    await tree.ask("update-index", "-q", "--refresh")
    changed = set((await tree.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)).split(b"\0"))
    status = await tree.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    dirty = sorted({entry[3:] for entry in status.split(b"\0") if entry} & changed)
    refusal = ""
    if dirty:
        refusal = ", ".join(shown(os.fsdecode(name)) for name in dirty)
    else:
        tried = await tree.ask("read-tree", "-n", "-m", "-u", old, new)
        if tried.code != 0:
            refusal = shown(last_words(tried.stderr))
    if refusal:
        raise InputError(
            f"{shown(tree.cwd or '')} has the branch checked out and changes of its own: {refusal}; nothing was merged",
            "commit or stash them there, then merge again",
        )
