"""The store of a URL: which addresses are taken, and what names mean in it. `remote.py` fetches."""

from __future__ import annotations

import re

from midwatch.domain.errors import InputError
from midwatch.domain.task import Base
from midwatch.workspace.bases import joined, tree_of, unknown
from midwatch.workspace.git import Git
from midwatch.workspace.names import shown, without_secret
from midwatch.workspace.remote import ORIGIN

_USER = re.compile(r"(?P<scheme>[a-z]+)://(?P<user>[^/?#]*)@(?P<rest>.*)", re.DOTALL)


_BREAKING = re.compile(r"[\x00-\x1f\x7f]|%(?:0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)


def require_fetchable(url: str) -> None:
    """Raises InputError for an address that is not fetched from: one that holds a password, or for HTTP a user (which
    may be a token), since what is stored, shown and fetched from again must hold none; git://, which proves nothing;
    and one with control characters, plain or encoded, with which credential helpers can be led astray."""
    if url.startswith("-") or _BREAKING.search(url):
        raise InputError(f"{without_secret(url)} is no address: it holds control characters", "check the address")
    if url.startswith("git://"):
        raise InputError(
            f"{without_secret(url)} is not fetched from: over git:// nobody proves who answers",
            "name the repository by https:// or ssh://",
        )
    found = _USER.match(url)
    if found and (found["scheme"].startswith("http") or ":" in found["user"]):
        plain = shown(f"{found['scheme']}://{found['rest']}")
        raise InputError(
            f"the address of {plain} holds a user or a password, and Midwatch keeps none",
            f"use {plain} and let a git credential helper give them (`git config --global credential.helper store`, "
            "then `git ls-remote` once), or use an ssh:// address with a key",
        )


async def has_whole(git: Git, commit: str) -> bool:
    """Whether the store has the commit and every file of it."""
    found = await git.ask("rev-list", "--quiet", "--objects", "--max-count=1", "--end-of-options", commit)
    return found.code == 0


async def resolve(git: Git, ref: str | None) -> Base:
    """As `Repository.resolve`, in the mirror: a branch is one of the remote's."""
    name = ref or "HEAD"
    for full in (f"{ORIGIN}{name}", f"refs/tags/{name}", name):
        if name.startswith("-") or (full == "HEAD"):
            continue
        found = await git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{full}^{{commit}}")
        if found.code == 0:
            return await _base(git, found.stdout.decode().strip(), full, ref)
    listing = await git.run("for-each-ref", "--format=%(refname:lstrip=3)", ORIGIN)
    names = [n for n in listing.decode("utf-8", "surrogateescape").split("\n") if n != "HEAD"]
    raise unknown(name, names, head=ref is None)


async def _base(git: Git, commit: str, full: str, ref: str | None) -> Base:
    if full == f"{ORIGIN}HEAD":
        answer = await git.ask("symbolic-ref", "--quiet", full)
        full = answer.stdout.decode("utf-8", "surrogateescape").removesuffix("\n") or full
    branch = full.removeprefix(ORIGIN) if full.startswith(ORIGIN) and full != f"{ORIGIN}HEAD" else ""
    tree, submodules = await tree_of(git, commit)
    note = "" if branch else f"{shown(ref or 'HEAD')} is not a branch: the pull request has no branch to go to"
    return Base(commit=commit, tree=tree, ref=ref or branch or "HEAD", branch=branch, note=joined(note, submodules))
