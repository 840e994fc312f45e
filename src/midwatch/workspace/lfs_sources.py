"""Where the LFS objects of a repository may be: folders of this machine, and one server."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.workspace import objects
from midwatch.workspace.git import Git
from midwatch.workspace.location import is_url
from midwatch.workspace.names import shown, without_secret
from midwatch.workspace.repository import Repository

_LEAVE = "or leave the files of LFS out: take `lfs = true` out of .midwatch/environment.toml"
_SCP = re.compile(r"(?:[^@/]+@)?([\w.-]+):(?!//)/*(.+)", re.DOTALL)


async def folders_of(repository: Repository) -> list[Path]:
    """Folders of objects, ours first; they need not exist. The person's may hold anything: whoever reads from them
    checks what is read."""
    found = [repository.git_dir / "lfs" / "objects"]
    place = repository.place
    if place is not None:
        storage = (await place.git().ask("config", "-z", "--type=path", "--get", "lfs.storage")).stdout
        folder = os.fsdecode(storage.partition(b"\0")[0])
        found += [place.common_dir / (folder or "lfs") / "objects", place.common_dir / "lfs" / "objects"]
    origin = await _origin(repository)
    if origin.startswith(("file:///", "/")):
        path = Path(origin.removeprefix("file://"))
        found += [path / "lfs" / "objects", path / ".git" / "lfs" / "objects"]
    return found


async def endpoint_of(repository: Repository, commit: str) -> str:
    """The address of the LFS server, without a slash at the end: what the person's git configuration says (`lfs.url`),
    else what `.lfsconfig` says of the very host that the repository is from, else what follows from the repository's
    address. Raises InputError when there is none, and for a `.lfsconfig` that leads to another host."""
    origin = await _origin(repository)
    git = repository.place.git() if repository.place is not None else Git(cwd=Path("/"), trusted=True)
    for key in ("lfs.url", "remote.origin.lfsurl"):
        said = os.fsdecode((await git.ask("config", "-z", "--get", key)).stdout.partition(b"\0")[0])
        if said.startswith(("https://", "http://")):
            return said.rstrip("/")
    derived = _derived(origin)
    own = await _said_by_the_tree(repository.git, commit)
    if own:
        if not derived or urlsplit(own)[:2] != urlsplit(derived)[:2]:
            raise InputError(
                f".lfsconfig leads to {without_secret(own)}, which is another server than that of the repository",
                f"if you trust it: `git config --global lfs.url {without_secret(own)}`, {_LEAVE}",
            )
        return own.rstrip("/")
    if not derived:
        raise InputError(
            f"{without_secret(repository.location)} has files of Git LFS that are not on this machine, and no server "
            "to fetch them from",
            f"fetch them there with `git lfs fetch`, {_LEAVE}",
        )
    return derived


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


async def _said_by_the_tree(git: Git, commit: str) -> str:
    listed = (await git.run("ls-tree", "-l", "-z", commit, ".lfsconfig")).split()
    if not listed or listed[0] not in (b"100644", b"100755") or int(listed[3]) > objects.LARGEST_READ:
        return ""
    said = await git.ask("config", "--blob", f"{commit}:.lfsconfig", "--no-includes", "-z", "--get", "lfs.url")
    address = os.fsdecode(said.stdout.partition(b"\0")[0])
    if not address.startswith(("https://", "http://")):
        return ""
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise InputError(f".lfsconfig of {shown(commit[:12])} holds a user or a password", f"take it out, {_LEAVE}")
    return address
