"""Looking into the objects of a store: what files a commit has, what they hold, whether a commit is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from midwatch.workspace.git import Git, last_words
from midwatch.workspace.listing import known, listing, parsed

LARGEST_READ = 1 << 20
"""Bytes; a longer file is not a setting or a test that anybody wrote by hand."""


async def files(git: Git, commit: str, *below: str) -> list[str]:
    """The paths of all files and links of a commit, bytes that are not UTF-8 as surrogate escapes; with `below` only
    those of these files and folders, which costs no more in a large repository."""
    found = known(git, commit) if below else await listing(git, commit)
    if found is None:
        return [path for _, path in parsed(await git.run("ls-tree", "-r", "-z", commit, "--", *below))]
    return found.below(*below) if below else list(found.paths)


async def read_files(git: Git, commit: str, paths: Iterable[str], *, follow: bool = False) -> dict[str, bytes]:
    """The contents of those of the paths that are files of the commit of at most LARGEST_READ bytes. The content of a
    link is where it leads to; with `follow` it is that of the file there, when the commit has it."""
    there = known(git, commit)
    wanted = [p for p in paths if "\n" not in p and (there is None or not there.lacks(p, follow=follow))]
    if not wanted:
        return {}
    how = ["--follow-symlinks"] if follow else []
    names = b"".join(os.fsencode(f"{commit}:{path}") + b"\n" for path in wanted)
    lines = _lines(await git.run("cat-file", "--batch-check=%(objecttype) %(objectsize)", *how, stdin=names))
    small = [
        path
        for path, line in zip(wanted, lines, strict=True)
        if line.startswith(b"blob ") and int(line.split()[1]) <= LARGEST_READ
    ]
    if not small:
        return {}
    names = b"".join(os.fsencode(f"{commit}:{path}") + b"\n" for path in small)
    output = await git.run("cat-file", "--batch=%(objectsize)", *how, stdin=names)
    found, position = {}, 0
    for path in small:
        head = output.index(b"\n", position)
        size = int(output[position:head])
        found[path] = output[head + 1 : head + 1 + size]
        position = head + 1 + size + 1
    return found


def _lines(output: bytes) -> Iterator[bytes]:
    """One for each object. What is said of a link that leads nowhere has its target after it, which is passed over."""
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        line = output[position:end]
        position = end + 1
        if line.startswith((b"symlink ", b"dangling ", b"loop ", b"notdir ")):
            position += int(line.split()[1]) + 1
        yield line


async def commit_facts(git: Git, commit: str) -> tuple[str, tuple[str, ...]]:
    """The tree and the parents of a commit. Raises GitError when it is not there."""
    text = (await git.run("cat-file", "commit", commit)).partition(b"\n\n")[0].decode("utf-8", "replace")
    lines = [line.partition(" ") for line in text.split("\n")]  # a name may hold other line ends
    tree = next((value for key, _, value in lines if key == "tree"), "")
    return tree, tuple(value for key, _, value in lines if key == "parent")


async def damaged(git: Git, commit: str, base: str) -> str:
    """What is missing or changed among the objects that `commit` adds to `base`, in a sentence; empty when all is as
    it was written. git re-hashes every object that it looks at here."""
    walked = await git.ask("rev-list", "--quiet", "--verify-objects", commit, f"^{base}")
    if walked.code == 0 and not walked.stderr:  # a damaged blob is only complained about, with exit code 0
        return ""
    return f"the objects of commit {commit[:12]} are damaged: {last_words(walked.stderr)}"
