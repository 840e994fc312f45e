"""Submodules of a base commit: each is a repository of its own with a store of its own, and ordinary files in the box.

What a `.gitmodules` says was written by whoever wrote the repository. It is read for two things, addresses and paths,
and both are checked; git's own submodule commands are never run.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.workspace.git import Git, GitError, last_words
from midwatch.workspace.lent import Lend, Lender, LendInside
from midwatch.workspace.location import is_url
from midwatch.workspace.mirror import require_fetchable
from midwatch.workspace.names import refused, shown, without_secret
from midwatch.workspace.objects import LARGEST_READ
from midwatch.workspace.remote import Remote
from midwatch.workspace.repository import Repository, store_of

DEEPEST = 5
"""Submodules inside each other."""
MOST = 100
"""Submodules of one base commit, in all."""

_LEAVE = "or leave submodules out: take `submodules = true` out of .midwatch/environment.toml"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://([^/]*)(/.*)?", re.DOTALL)
_SCP = re.compile(r"([^/:]+):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Submodule:
    """One that is there, whole."""

    path: str
    """From the top of the outermost tree; bytes that are not UTF-8 as surrogate escapes."""
    repository: Repository
    commit: str
    tree: str


async def gather(
    repository: Repository, commit: str, state: Path, private: Sequence[str] = ()
) -> tuple[Submodule, ...]:
    """The submodules of a commit, and theirs in turn, outer ones first; what lacks is fetched. What the person's clone
    has of a submodule is taken from there. `private`: what of them may be fetched with a connection's credential, see
    `LendInside`. Blocks on the network where something is to fetch; may be called again. Raises InputError for a
    `.gitmodules` that asks for what is not done, OperationError for what cannot be fetched."""
    reach = _Reach(state, repository.lend.inside, tuple(private))
    found: list[Submodule] = []
    waiting = [(repository, commit, "", 1)]
    while waiting:
        parent, at, prefix, depth = waiting.pop(0)
        links = await _links(parent.git, at)
        if links and depth > DEEPEST:
            raise InputError(f"{shown(prefix)} has submodules more than {DEEPEST} deep", f"flatten them, {_LEAVE}")
        declared = await _declared(parent.git, at) if links else {}
        for path, wanted in links.items():
            if len(found) >= MOST:
                raise InputError(f"there are more than {MOST} submodules", f"take some out, {_LEAVE}")
            one = await _one(parent, prefix + path, wanted, declared.get(path), reach)
            found.append(one)
            waiting.append((one.repository, one.commit, f"{one.path}/", depth + 1))
    return tuple(found)


def note(found: tuple[Submodule, ...]) -> str:
    """What a person should know; empty when there are none."""
    if not found:
        return ""
    names = ", ".join(shown(one.path) for one in found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"submodules are plain files in the box, and changes in them are no part of the pull request: {names}"


async def write(found: tuple[Submodule, ...], top: Path) -> None:
    """Write their files below a checkout of the outermost tree, in which git has made an empty folder for each. Nobody
    else may write there. Raises OperationError when something else lies there, GitError."""
    for one in found:
        folder = await asyncio.to_thread(_empty_folder, top, one.path)
        with tempfile.TemporaryDirectory(prefix="index-", dir=one.repository.git_dir) as scratch:
            environment = {"GIT_INDEX_FILE": f"{scratch}/index"}
            git = Git(git_dir=one.repository.git_dir, work_tree=folder, cwd=folder, environment=environment)
            await git.run("read-tree", "--reset", "-u", one.tree)


def _empty_folder(top: Path, path: str) -> Path:
    """The folder of a submodule. Raises OperationError where a link or a file is in the way."""
    folder = top
    for name in path.split("/"):
        folder /= name
        try:
            mode = folder.lstat().st_mode
        except FileNotFoundError:
            folder.mkdir()
            continue
        if not stat.S_ISDIR(mode):
            raise OperationError(f"the submodule {shown(path)} cannot be written: {shown(folder)} is in the way")
    if any(folder.iterdir()):
        raise OperationError(f"the submodule {shown(path)} cannot be written: {shown(folder)} is not empty")
    return folder


async def _links(git: Git, commit: str) -> dict[str, str]:
    """Commit by path. Raises InputError for a path that no file system should get."""
    links = {}
    for entry in (await git.run("ls-tree", "-r", "-z", commit)).split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if about.startswith(b"160000 "):
            if path.startswith(b"-") or any(refused(name) for name in path.split(b"/")):
                raise InputError(f"a submodule has the path {shown(path)}, which is refused", f"rename it, {_LEAVE}")
            links[os.fsdecode(path)] = about.split(b" ")[2].decode()
    return links


async def _declared(git: Git, commit: str) -> dict[str, tuple[str, str]]:
    """Name and address by path, as `.gitmodules` of the commit has them; nothing else of it is looked at."""
    entry = (await git.run("ls-tree", "-l", "-z", commit, ".gitmodules")).split()
    if not entry:
        return {}
    if entry[0] not in (b"100644", b"100755") or int(entry[3]) > LARGEST_READ:
        raise InputError(".gitmodules is no ordinary file", f"make it one, {_LEAVE}")
    listed = await git.ask("config", "--blob", f"{commit}:.gitmodules", "--no-includes", "-z", "--list")
    if listed.code != 0:
        raise InputError(f".gitmodules cannot be read: {last_words(listed.stderr)}", f"mend it, {_LEAVE}")
    values: dict[str, dict[str, str]] = {}
    for line in os.fsdecode(listed.stdout).split("\0"):
        key, newline, value = line.partition("\n")
        name, _, variable = key.removeprefix("submodule.").rpartition(".")
        if newline and key.startswith("submodule.") and variable in ("path", "url"):
            values.setdefault(name, {})[variable] = value
    return {v["path"].rstrip("/"): (name, v["url"]) for name, v in values.items() if "path" in v and "url" in v}


@dataclass(frozen=True, slots=True)
class _Reach:
    """Where submodules come from, and with what."""

    state: Path
    inside: LendInside
    private: tuple[str, ...]

    async def __call__(self, location: str) -> Mapping[str, str]:
        """See `Lend`."""
        return await self.inside(location, self.private)


async def _one(
    parent: Repository, path: str, commit: str, declared: tuple[str, str] | None, reach: _Reach
) -> Submodule:
    if declared is None:
        raise InputError(f".gitmodules says no address for the submodule {shown(path)}", f"add one, {_LEAVE}")
    name, given = declared
    lend = _OrNothing(reach)
    problem: MidwatchError | None = None
    for location in [*_cloned(parent, name), ""]:
        try:
            address = location or await _address(parent, given)
            await _require_open(address, lend, reach.state)
            repository = await Repository.open(reach.state, address, commit=commit, lend=Lender(lend))
            base = await repository.resolve(commit)
        except MidwatchError as error:
            problem = lend.refusal or error
            continue
        return Submodule(path, repository, base.commit, base.tree)
    assert problem is not None
    words = f"the submodule {shown(path)} cannot be had: {problem.message}"
    raise (
        type(problem)(words, f"{problem.mend}; {_LEAVE}")
        if not isinstance(problem, GitError)
        else OperationError(words, _LEAVE)
    )


async def _require_open(address: str, lend: _OrNothing, state: Path) -> None:
    """What nothing is lent for must be open to all, also when a store has it from a task that it was lent to. Raises
    OperationError for what is not."""
    if is_url(address) and not await lend(address) and lend.refusal is not None:
        await Remote(store_of(state, address), address, lend).heads()


@dataclass(slots=True)
class _OrNothing:
    """Lends nothing where a connection has no credential for an address: an App is not installed on libraries that
    all can read, and they come without."""

    lend: Lend
    refusal: InputError | None = None

    async def __call__(self, location: str) -> Mapping[str, str]:
        try:
            return await self.lend(location)
        except InputError as error:
            self.refusal = error
            return {}


def _cloned(parent: Repository, name: str) -> Iterator[str]:
    """Where the person's clone keeps the submodule, if it does."""
    if parent.place is None or any(refused(part) for part in os.fsencode(name).split(b"/")):
        return
    folder = parent.place.common_dir / "modules" / name
    if (folder / "HEAD").is_file():
        yield str(folder)


async def _address(parent: Repository, given: str) -> str:
    """The address of a submodule. Raises InputError for one that is not fetched from."""
    base = await _address_of(parent)
    address = relative(base, given) if given.startswith(("./", "../")) else given
    local = not is_url(base) or base.startswith("file://")
    if given in (".", "..") or address.startswith("-") or "\0" in address or "::" in address.partition("/")[0]:
        raise InputError(f"{without_secret(given)!r} is no address that Midwatch fetches from", "")
    if is_url(address):
        require_fetchable(address)
        host = _SCHEME.fullmatch(address)
        if (host[2] if host else address).rpartition("@")[2].startswith("-"):
            raise InputError(f"{without_secret(address)!r} names no host", "")
        if address.startswith("http://") and not base.startswith("http://"):
            raise InputError(f"{without_secret(address)} is not encrypted, and the repository around it is", "")
    elif not address.startswith("/"):
        raise InputError(f"{without_secret(given)!r} is no address that Midwatch fetches from", "")
    if (not is_url(address) or address.startswith("file://")) and not local:
        raise InputError(
            f"{shown(given)} is a folder of this machine, and the repository around it came from elsewhere", ""
        )
    return address


async def _address_of(repository: Repository) -> str:
    """What relative addresses are relative to: where a clone came from, else where it is."""
    if repository.place is None:
        return repository.location
    answer = await repository.place.git().ask("config", "-z", "--get", "remote.origin.url")
    origin = os.fsdecode(answer.stdout.partition(b"\0")[0])
    if not origin:
        return str(repository.place.top or repository.place.git_dir)
    if is_url(origin) or origin.startswith("/"):
        return origin
    return os.path.normpath(f"{repository.place.top or repository.place.git_dir}/{origin}")  # noqa: ASYNC240  no disk


def relative(base: str, given: str) -> str:
    """As git takes `../x` and `./x` of a `.gitmodules`. Raises InputError when it leads above the host."""
    parts = _SCHEME.fullmatch(base)
    scp = None if parts or base.startswith("/") else _SCP.fullmatch(base)
    head, path = (f"{parts[1]}://{parts[2]}", parts[3] or "") if parts else ("", base)
    if scp:
        head, path = f"{scp[1]}:", scp[2]
    path, rest = path.rstrip("/"), given
    while True:
        if rest.startswith("./"):
            rest = rest[2:].lstrip("/")
        elif rest.startswith("../"):
            rest = rest[3:].lstrip("/")
            if not path:
                raise InputError(f"{shown(given)} leads above {without_secret(base)}", "")
            path = path.rpartition("/")[0]
        else:
            break
    if not rest.rstrip("/") or rest.rstrip("/") in (".", ".."):
        raise InputError(f"{shown(given)!r} is no address", "")
    return f"{head}{path}/{rest.rstrip('/')}" if path or not scp else f"{head}{rest.rstrip('/')}"
