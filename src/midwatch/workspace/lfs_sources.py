"""Where the LFS objects of a repository may be: folders of this machine, and one server."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.workspace import objects
from midwatch.workspace.git import Git
from midwatch.workspace.location import Place, is_url
from midwatch.workspace.names import shown, without_secret
from midwatch.workspace.repository import Repository

_LEAVE = "or leave the files of LFS out: take `lfs = true` out of .midwatch/environment.toml"
_SCP = re.compile(r"(?:[^@/]+@)?([\w.-]+):(?!//)/*(.+)", re.DOTALL)


async def folders_of(repository: Repository) -> list[Path]:
    """Folders of objects, ours first; they need not exist. The person's may hold anything: whoever reads from them
    checks what is read."""
    found = [repository.git_dir / "lfs" / "objects"]
    if repository.place is not None:
        found += [await folder_of(repository.place), repository.place.common_dir / "lfs" / "objects"]
    origin = await _origin(repository)
    if origin.startswith(("file:///", "/")):
        path = Path(origin.removeprefix("file://"))
        found += [path / "lfs" / "objects", path / ".git" / "lfs" / "objects"]
    return found


async def folder_of(place: Place) -> Path:
    """Where git-lfs has the objects of a person's repository."""
    storage = (await place.git().ask("config", "-z", "--type=path", "--get", "lfs.storage")).stdout
    return place.common_dir / (os.fsdecode(storage.partition(b"\0")[0]) or "lfs") / "objects"


async def endpoint_of(repository: Repository, commit: str) -> str:
    """The address of the LFS server, without a slash at the end: what the person's git configuration says (`lfs.url`),
    else what `.lfsconfig` says of the very host that the repository is from, else what follows from the repository's
    address. Raises InputError when there is none, and for a `.lfsconfig` that leads to another host."""
    origin = await _origin(repository)
    git = repository.place.git() if repository.place is not None else Git(cwd=Path("/"), trusted=True)
    if said := await _configured(git, "lfs.url", "remote.origin.lfsurl"):
        return said
    derived = _derived(origin)
    if own := await _said_by_the_tree(repository.git, commit, derived, ("lfs.url",), _LEAVE):
        return own
    if not derived:
        raise InputError(
            f"{without_secret(repository.location)} has files of Git LFS that are not on this machine, and no server "
            "to fetch them from",
            f"fetch them there with `git lfs fetch`, {_LEAVE}",
        )
    return derived


async def endpoint_for_pushing(git: Git, base: str, url: str) -> str:
    """Where the objects of a branch go that is pushed to `url`: as `endpoint_of`, by what the base commit in the store
    `git` says, for a commit that was made in a box chooses no server. Raises InputError."""
    person = Git(cwd=Path("/"), trusted=True)
    if said := await _configured(person, "lfs.pushurl", "lfs.url"):
        return said
    derived = _derived(url)
    keys = ("lfs.pushurl", "lfs.url")
    return await _said_by_the_tree(git, base, derived, keys, "or take it out of the base branch") or derived


async def _origin(repository: Repository) -> str:
    if repository.place is None:
        return repository.location
    answer = await repository.place.git().ask("config", "-z", "--get", "remote.origin.url")
    return os.fsdecode(answer.stdout.partition(b"\0")[0])


def _derived(origin: str) -> str:
    """As git-lfs derives it; for ssh, the https address of the same name."""
    parts = urlsplit(origin) if "://" in origin else None
    scp = _SCP.fullmatch(origin) if parts is None and is_url(origin) else None
    if scp:
        base = f"https://{scp[1]}/{scp[2]}"
    elif parts is not None and parts.scheme == "ssh" and parts.hostname:
        base = f"https://{parts.hostname}{parts.path}"
    elif parts is not None and parts.scheme in ("https", "http"):
        base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    else:
        return ""
    base = base.rstrip("/")
    return f"{base}/info/lfs" if base.endswith(".git") else f"{base}.git/info/lfs"


async def _configured(git: Git, *keys: str) -> str:
    """What a person's git configuration says."""
    for key in keys:
        said = os.fsdecode((await git.ask("config", "-z", "--get", key)).stdout.partition(b"\0")[0])
        if said.startswith(("https://", "http://")):
            return said.rstrip("/")
    return ""


async def _said_by_the_tree(git: Git, commit: str, derived: str, keys: tuple[str, ...], mend: str) -> str:
    """What `.lfsconfig` says; empty for nothing. Raises InputError when it leads to another host than `derived`, or
    holds a password."""
    listed = (await git.run("ls-tree", "-l", "-z", commit, ".lfsconfig")).split()
    if not listed or listed[0] not in (b"100644", b"100755") or int(listed[3]) > objects.LARGEST_READ:
        return ""
    address = ""
    for key in keys:
        said = await git.ask("config", "--blob", f"{commit}:.lfsconfig", "--no-includes", "-z", "--get", key)
        address = address or os.fsdecode(said.stdout.partition(b"\0")[0])
    if not address.startswith(("https://", "http://")):
        return ""
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise InputError(f".lfsconfig of {shown(commit[:12])} holds a user or a password", f"take it out, {mend}")
    if not derived or urlsplit(address)[:2] != urlsplit(derived)[:2]:
        raise InputError(
            f".lfsconfig leads to {without_secret(address)}, which is another server than that of the repository",
            f"if you trust it: `git config --global lfs.url {without_secret(address)}`, {mend}",
        )
    return address.rstrip("/")
