"""Fetching into a store: the only place from which git goes to another repository.

A large history is not fetched: where the server can leave contents out (`--filter=blob:none`) it is asked to, and what
a box will see follows in two batches: the base commit's files, and what the commits just before it changed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace.git import Answer, Git, last_words
from midwatch.workspace.history import DEPTH
from midwatch.workspace.leftovers import FETCHING, sweep
from midwatch.workspace.lent import Lend, nobody
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown, without_secret

HEADS = "refs/heads/"
ORIGIN = "refs/remotes/origin/"
LARGEST_PACK = 32 << 30
"""Bytes of one answer of a server. A larger one is cut off, so that no server fills the disk."""

LARGEST_LISTING = 4 << 20
"""Bytes of names of branches that are read; some 40,000 of them."""

LARGE = 1 << 20
"""Bytes of a file from which on its older versions are not fetched."""

_NAME = "midwatch"
_FILTER = "blob:none"
_SILENT_SECONDS = 120
_WAIT = 0.05
_ASK = "set up a git credential helper for that host, then `git ls-remote` once"
_DOWN = "the server leads from https to http, where anybody could answer: name another address"
_CUT = f"it sent more than {LARGEST_PACK >> 30} GiB at once: clone a part of it and name the clone"
_MENDS = (
    (
        "Host key verification failed",
        "connect there once by hand with `ssh`, and accept its key if it is the right one",
    ),
    ("Permission denied (", "add a key that the server knows to your ssh agent, or name it in ~/.ssh/config"),
    ("could not read Username", _ASK),
    ("could not read Password", _ASK),
    ("Authentication failed", _ASK),
    ("transport 'http' not allowed", _DOWN),
    ('Protocol "http" ', _DOWN),
    ("certificate", "name your authority's certificate in the git setting http.sslCAInfo"),
    ("died of signal 25", _CUT),
    ("File too large", _CUT),
)


@dataclass(frozen=True, slots=True)
class Heads:
    """What a server says before anything is fetched."""

    head: str
    """The full name of the branch that its HEAD names; empty when there is none."""
    sha256: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """A store and the address that it mirrors. Holds no state in memory."""

    store: Path
    url: str
    lend: Lend = nobody
    """Gives git a token where a connection has this address."""

    async def heads(self) -> Heads:
        """Ask the server. Blocks on the network; the store need not exist. Raises OperationError."""
        lines = (await self._refs()).decode("utf-8", "surrogateescape").split("\n")
        widths = [len(line.partition("\t")[0]) for line in lines if "\t" in line and not line.startswith("ref: ")]
        return Heads(default_of(lines), widths[-1:] == [64])

    async def listing(self, into: IO[bytes]) -> None:
        """Have the lines of `git ls-remote --symref` for HEAD and the branches written to a file; of more than
        LARGEST_LISTING bytes only these. As `heads` otherwise."""
        await self._refs(into)

    async def _refs(self, into: IO[bytes] | None = None) -> bytes:
        git = await self._git(outside=True)
        if into is not None:
            git = replace(git, largest_file=LARGEST_LISTING)
        answer = await git.ask("ls-remote", "--symref", "--", self.url, "HEAD", f"{HEADS}*", stdout=into)
        cut = into is not None and into.seek(0, os.SEEK_END) >= LARGEST_LISTING
        if answer.code != 0 and not cut:
            raise unreachable(self.url, answer, lent=bool(git.environment))
        return answer.stdout

    async def fetch(self, heads: Heads | None = None) -> None:
        """Bring all branches and tags; `heads` when the server has just been asked. May be called again, and by several
        processes at once: those who wait share what the next one fetches. Blocks on the network. Raises OperationError
        when the address cannot be reached, InputError when there is no commit there."""
        asked = time.time_ns()
        async with self._alone():
            if self._fetched() >= asked:
                return
            began = time.time_ns()
            await asyncio.to_thread(sweep, self.store)
            heads = heads or await self.heads()
            await self._fetch_refs()
            if heads.head and heads.head != "refs/heads/HEAD":
                target = ORIGIN + heads.head.removeprefix("refs/heads/")
                await self._local().run("symbolic-ref", f"{ORIGIN}HEAD", target)
            if not await self._local().run("for-each-ref", "--count=1", ORIGIN):
                raise InputError(f"{without_secret(self.url)} has no commit yet", "push a first commit there")
            (self.store / "fetched").write_text(str(began))

    async def complete(self, commit: str) -> int:
        """Bring the files of the commit that are lacking, in one batch, and then what is lacking of the commits just
        before it (`lacking_before`) in another; the number of objects that it was. Nothing where the store is whole. A
        commit that no branch leads to is fetched by its id. Blocks on the network only when something is lacking.
        Raises OperationError."""
        if self._is_complete(commit):
            return 0
        async with self._alone():
            known = (await self._local().ask("cat-file", "-e", f"{commit}^{{commit}}")).code == 0
            if not known:
                await self._batch([commit], quick=False)
                await self._local().run("update-ref", f"refs/midwatch/fetched/{commit}", commit)
            brought = int(not known)
            for find in (lacking_of, lacking_before) if self._partial() else ():
                if lacking := await find(self._local(), commit):
                    await self._batch(lacking, quick=True)
                    brought += len(lacking)
            folder = self.store / "complete"
            folder.mkdir(exist_ok=True)
            (folder / commit).touch()
            return brought

    def _is_complete(self, commit: str) -> bool:
        return (self.store / "complete" / commit).is_file()

    async def _fetch_refs(self) -> None:
        first = self._fetched() == 0
        filtered = (f"--filter={_FILTER}",) if first or self._partial() else ()
        git = await self._git()
        answer = await git.ask(
            "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *filtered,
            _NAME, f"+refs/heads/*:{ORIGIN}*", "^refs/heads/HEAD", "+refs/tags/*:refs/tags/*",
        )  # fmt: skip
        if answer.code != 0:
            raise unreachable(self.url, answer, lent=bool(git.environment))
        if first and b"filtering not recognized by server" in answer.stderr:
            # all came, so nothing may be missing: git shall complain when it is
            await self._local().ask(
                "config", "--file", str(self.store / "config"), "--remove-section", f"remote.{_NAME}"
            )
            for mark in (self.store / "objects" / "pack").glob("*.promisor"):
                mark.unlink(missing_ok=True)

    async def _batch(self, objects: list[str], *, quick: bool) -> None:
        filtered = (f"--filter={_FILTER}",) if self._partial() else ()
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *filtered)
        wanted = "".join(f"{name}\n" for name in objects).encode()
        git = await self._git(quick=quick)
        answer = await git.ask(*fetch, "--stdin", _NAME, stdin=wanted)
        if answer.code != 0:
            raise unreachable(self.url, answer, lent=bool(git.environment))

    def _partial(self) -> bool:
        try:
            return f'[remote "{_NAME}"]' in (self.store / "config").read_text("utf-8", "replace")
        except OSError:
            return False

    def _fetched(self) -> int:
        try:
            return int((self.store / "fetched").read_text())
        except (OSError, ValueError):
            return 0

    def _local(self) -> Git:
        return Git(git_dir=self.store, cwd=self.store)

    async def _git(self, *, outside: bool = False, quick: bool = False) -> Git:
        """git with the person's credentials or those of a connection, for this address alone."""
        settings = (*protocols(self.url), f"remote.{_NAME}.url={self.url}")
        if quick:  # nothing to agree on: what is wanted is known, and not there
            settings += ("fetch.negotiationAlgorithm=noop",)
        git = Git(trusted=True, environment=await self.lend(self.url), settings=settings)
        if outside:
            return replace(git, cwd=Path("/"))
        return replace(git, git_dir=self.store, cwd=self.store, largest_file=LARGEST_PACK)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Hold the store's lock for fetching; the kernel lets it go when the process dies."""
        handle = os.open(self.store / FETCHING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_WAIT)
            yield
        finally:
            os.close(handle)


def default_of(lines: Sequence[str]) -> str:
    """The full name of the branch that HEAD names, by what `ls-remote --symref` says; empty when there is none."""
    named = [line for line in lines if line.startswith(f"ref: {HEADS}") and line.endswith("\tHEAD")]
    return named[-1].removeprefix("ref: ").removesuffix("\tHEAD") if named else ""


def protocols(url: str) -> tuple[str, ...]:
    """Settings that let git speak only what an address of this kind may lead to. The person's own rewriting of
    addresses (url.*.insteadOf) may choose another of the safe ones; a redirect from https to http is refused."""
    allowed = ["https", "ssh", "file"] + (["http"] if url.startswith("http:") else [])
    return (
        "protocol.allow=never",
        *(f"protocol.{name}.allow={'always' if name in allowed else 'never'}"
          for name in ("https", "http", "ssh", "file", "git", "ext", "fd")),
        "http.followRedirects=initial",
        "http.lowSpeedLimit=100",
        f"http.lowSpeedTime={_SILENT_SECONDS}",
        "fetch.writeCommitGraph=false",
        "fetch.showForcedUpdates=false",
    )  # fmt: skip


async def lacking_of(git: Git, commit: str) -> list[str]:
    """The ids of the files of the commit that are not there. Costs a walk of its trees."""
    return await _lacking(git, "--no-walk", "--end-of-options", commit)


async def lacking_before(git: Git, commit: str) -> list[str]:
    """The ids of the older versions that are not there, of what changed in the DEPTH commits up to this one: what
    `git log -p` and `git blame` in a box read. Not of files that are large by now; nobody reads those line by line."""
    window = (f"--max-count={DEPTH}", "--end-of-options", commit)
    lacking = await _lacking(git, *window)
    if not lacking:
        return []
    listed = (await git.run("ls-tree", "-r", "-l", "-z", commit)).split(b"\0")[:-1]
    entries = ((entry.partition(b"\t")[2], entry.partition(b"\t")[0].split()[3]) for entry in listed)
    large = {path for path, size in entries if size != b"-" and int(size) > LARGE}
    raw = ("log", "--raw", "--no-abbrev", "--no-renames", "--format=", "-z", *window)
    fields = iter((await git.run(*raw)).split(b"\0"))
    changed: set[bytes] = set()
    for field in fields:
        about = field.lstrip(b"\n").split(b" ")
        if about[0].startswith(b":") and next(fields) not in large:
            changed.update(about[2:4])
    return [name for name in lacking if name.encode() in changed]


async def _lacking(git: Git, *which: str) -> list[str]:
    lines = (await git.run("rev-list", "--objects", "--missing=print", *which)).split(b"\n")
    return [line[1:].decode() for line in lines if line.startswith(b"?")]


def _may_be_partial(common_dir: Path) -> bool:
    """No for a repository that says nothing of it, has no pack of a partial clone, and takes in no other settings."""
    try:
        said = b"".join(path.read_bytes() for path in common_dir.glob("config*") if path.is_file()).lower()
        promised = any(common_dir.glob("objects/pack/*.promisor"))
    except OSError:
        return True
    return promised or any(word in said for word in (b"promisor", b"partialclone", b"include"))


async def complete_local(place: Place, store: Path, commit: str) -> int:
    """As `Remote.complete`, for a partial clone of the person: what it lacks of the commit comes, through their git and
    from where it was cloned, into the store; their repository stays as it is. Nothing where it is no partial clone."""
    if not await asyncio.to_thread(_may_be_partial, place.common_dir):
        return 0
    config = await place.git().ask("config", "-z", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$")
    remotes = _promisors(config)
    if not remotes:
        return 0
    aside: Mapping[str, str] = {
        "GIT_OBJECT_DIRECTORY": str(store / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(place.common_dir / "objects"),
    }
    lacking = await lacking_of(Git(git_dir=store, cwd=store), commit)
    for name in remotes if lacking else ():
        git = Git(place.git_dir, None, place.git_dir, trusted=True, environment=aside,
                  settings=("fetch.negotiationAlgorithm=noop",), largest_file=LARGEST_PACK)  # fmt: skip
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")
        wanted = "".join(f"{name}\n" for name in lacking).encode()
        answer = await git.ask(*fetch, f"--filter={_FILTER}", "--stdin", "--", name, stdin=wanted)
        if answer.code == 0:
            return len(lacking)
        failed = answer
    if lacking:
        raise OperationError(
            f"{shown(place.name)} is a partial clone, and what it lacks of {commit[:12]} cannot be fetched: "
            f"{without_secret(last_words(failed.stderr))}",
            "check out that commit there once (`git checkout`), or make the clone whole: `git fetch --refetch`",
        )
    return 0


def _promisors(config: Answer) -> list[str]:
    found = []
    for entry in config.stdout.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        if key == "extensions.partialclone":
            found.append(value)
        elif key and value.lower() not in ("false", "no", "off", "0"):
            found.append(key.removeprefix("remote.").removesuffix(".promisor"))
    return list(dict.fromkeys(found))


def unreachable(url: str, answer: Answer, *, lent: bool = False) -> OperationError:
    """Why an address cannot be fetched, without the secrets that git may repeat. `lent`: with a connection's token."""
    said = answer.stderr.decode("utf-8", "replace")
    mend = next((mend for words, mend in _MENDS if words in said), "")
    if lent and mend == _ASK:
        mend = "its connection's credential does not open it: see `midwatch admin forges check`"
    words = next((words for words, _ in _MENDS[:2] if words in said), "")
    line = next((line for line in said.split("\n") if words and words in line), last_words(answer.stderr))
    return OperationError(
        f"{without_secret(url)} cannot be fetched: {without_secret(line)}",
        mend or "check the address, the network and your access: `git ls-remote` with that address must answer",
    )
