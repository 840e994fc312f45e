"""The store of a URL: its branches and tags are fetched into it."""

from __future__ import annotations

import re
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.task import Base
from midwatch.workspace.bases import unknown
from midwatch.workspace.git import Answer, Git, last_words
from midwatch.workspace.names import shown, without_secret

_REMOTE = "refs/remotes/origin/"
_USER = re.compile(r"(?P<scheme>[a-z]+)://(?P<user>[^/?#]*)@(?P<rest>.*)", re.DOTALL)


def require_no_secret(url: str) -> None:
    """Raises InputError for an address that holds a password, or for HTTP a user (which may be a token): what is
    stored, shown and fetched from again must hold none."""
    found = _USER.match(url)
    if found and (found["scheme"].startswith("http") or ":" in found["user"]):
        plain = shown(f"{found['scheme']}://{found['rest']}")
        raise InputError(
            f"the address of {plain} holds a user or a password, and Midwatch keeps none",
            f"use {plain} and let a git credential helper give them (`git config --global credential.helper store`, "
            "then `git ls-remote` once), or use an ssh:// address with a key",
        )


async def uses_sha256(url: str) -> bool:
    """Whether the ids of that repository are SHA-256. Blocks on the network. Raises OperationError as `fetch`."""
    answer = await Git(cwd=Path("/"), trusted=True).ask("ls-remote", "--", url, "HEAD", "refs/heads/*")
    if answer.code != 0:
        raise _unreachable(url, answer)
    return len(answer.stdout.partition(b"\t")[0]) == 64


async def has_whole(git: Git, commit: str) -> bool:
    """Whether the store has the commit and every file of it."""
    found = await git.ask("rev-list", "--quiet", "--objects", "--max-count=1", "--end-of-options", commit)
    return found.code == 0


async def fetch(git: Git, url: str) -> None:
    """Bring all branches and tags; may be called again. Blocks on the network. Raises OperationError when the address
    cannot be reached, InputError when there is no commit there."""
    answer = await git.ask("ls-remote", "--symref", "--", url, "HEAD")
    if answer.code == 0:
        got = await git.ask(
            "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--",
            url, f"+refs/heads/*:{_REMOTE}*", "+refs/tags/*:refs/tags/*",
        )  # fmt: skip
        answer = answer if got.code == 0 else got
    if answer.code != 0:
        raise _unreachable(url, answer)
    for line in answer.stdout.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("ref: refs/heads/") and line.endswith("\tHEAD"):
            target = line.removeprefix("ref: refs/heads/").removesuffix("\tHEAD")
            await git.run("symbolic-ref", f"{_REMOTE}HEAD", f"{_REMOTE}{target}")
    if not await git.run("for-each-ref", "--count=1", _REMOTE):
        raise InputError(f"{without_secret(url)} has no commit yet", "push a first commit there")


def _unreachable(url: str, answer: Answer) -> OperationError:
    return OperationError(
        f"{without_secret(url)} cannot be fetched: {without_secret(last_words(answer.stderr))}",
        "check the address, the network and your access: `git ls-remote` with that address must answer",
    )


async def resolve(git: Git, ref: str | None) -> Base:
    """As `Repository.resolve`, in the mirror: a branch is one of the remote's."""
    name = ref or "HEAD"
    for full in (f"{_REMOTE}{name}", f"refs/tags/{name}", name):
        if name.startswith("-") or (full == "HEAD"):
            continue
        found = await git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{full}^{{commit}}")
        if found.code == 0:
            return await _base(git, found.stdout.decode().strip(), full, ref)
    listing = await git.run("for-each-ref", "--format=%(refname:lstrip=3)", _REMOTE)
    names = [n for n in listing.decode("utf-8", "surrogateescape").split("\n") if n != "HEAD"]
    raise unknown(name, names, head=ref is None)


async def _base(git: Git, commit: str, full: str, ref: str | None) -> Base:
    if full == f"{_REMOTE}HEAD":
        answer = await git.ask("symbolic-ref", "--quiet", full)
        full = answer.stdout.decode("utf-8", "surrogateescape").removesuffix("\n") or full
    branch = full.removeprefix(_REMOTE) if full.startswith(_REMOTE) and full != f"{_REMOTE}HEAD" else ""
    tree = (await git.run("rev-parse", "--verify", f"{commit}^{{tree}}")).decode().strip()
    note = "" if branch else f"{shown(ref or 'HEAD')} is not a branch: the pull request has no branch to go to"
    return Base(commit=commit, tree=tree, ref=ref or branch or "HEAD", branch=branch, note=note)
