"""The checkout of a base commit that all attempts share: written once, then only read.

It lies in `bases/<repository>/<commit>` of the state folder. Whoever uses one holds a shared lock on the file beside
it, which the kernel lets go when the process dies; it is made and deleted under an exclusive one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.domain.task import Base
from midwatch.engine.disk import full_or_broken
from midwatch.workspace.deletion import delete
from midwatch.workspace.extras import NOTHING, Wanted, gather, write
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.history import visible_objects
from midwatch.workspace.lfs import Pointers
from midwatch.workspace.names import shown
from midwatch.workspace.repository import EMAIL, NAME, RAW, Repository, alternates

_ABOUT = "about.json"
_PAUSE = 0.01
"""Seconds between two looks at a lock."""
_MANY = 2000
"""Files from which on it pays to let a second pass, so that git in a box need not read the last ones again."""


@dataclass(frozen=True, slots=True)
class Furnishing:
    """Two files of the `.git` in a workspace, which may differ from those of the shared checkout."""

    alternates: bytes
    exclude: bytes

    def files(self) -> dict[str, bytes]:
        """Content by path below the workspace."""
        return {".git/objects/info/alternates": self.alternates, ".git/info/exclude": self.exclude}


class _Use:
    """The shared lock of this process on a checkout, and what is known of it: for all who use it here at one time."""

    def __init__(self, folder: Path, lease: int) -> None:
        about = json.loads((folder / _ABOUT).read_bytes())
        self.gitlinks = frozenset(os.fsencode(path) for path in about["gitlinks"])
        said = about.get("pointers", {})
        self.pointers: Pointers = {os.fsencode(path): (blob, oid, size) for path, (blob, oid, size) in said.items()}
        self.lease = lease
        weakref.finalize(self, os.close, lease)


_uses: weakref.WeakValueDictionary[Path, _Use] = weakref.WeakValueDictionary()


class BaseCheckout:
    """A checkout in use: it stays until `release`, or until nothing refers to this object."""

    def __init__(self, folder: Path, use: _Use, objects: Path, furnishing: Furnishing) -> None:
        self.tree = folder / "tree"
        self.objects = objects
        """The git objects that a box must be given to read, at the same path."""
        self.gitlinks = use.gitlinks
        self.pointers = use.pointers
        """Files that lie here with their content, and in the commit as pointers of Git LFS."""
        self.furnishing = furnishing
        """What this workspace's `.git` should hold by now."""
        self._use: _Use | None = use

    def release(self) -> None:
        """Let it be deleted, as far as this user is concerned. May be called twice."""
        self._use = None


def bases_folder(repository: Repository) -> Path:
    """Where the checkouts of a repository are."""
    store = repository.git_dir
    return store.parent.parent / "bases" / store.name.removesuffix(".git")


def _whole(folder: Path) -> bool:
    """Whether there is one; what a power cut has left of one is none, and made anew."""
    try:
        return isinstance(json.loads((folder / _ABOUT).read_bytes()), dict)
    except (OSError, ValueError):
        return False


async def base_checkout(repository: Repository, base: Base, wanted: Wanted = NOTHING) -> BaseCheckout:
    """The checkout of that commit, with what is `wanted` besides; made when it is not there, and when many ask at once,
    by one of them. Costs nothing that grows with the repository when it is there. Raises OperationError when the files
    cannot be had or written, InputError when what is wanted besides cannot be had as the repository has it."""
    folder = bases_folder(repository) / (f"{base.commit}.{wanted.key}" if wanted.key else base.commit)
    visible = await visible_objects(repository.git, repository.git_dir, base.commit)
    furnishing = Furnishing(alternates((visible / "objects",)), repository.excludes())
    try:
        while True:
            if (use := await _used(folder)) is not None:
                return BaseCheckout(folder, use, visible / "objects", furnishing)
            lease = await _locked(folder, fcntl.LOCK_EX)
            try:
                if not _whole(folder):
                    await _Build(repository, base, wanted, folder, visible, furnishing).run()
            finally:
                os.close(lease)
    except OSError as error:
        raise full_or_broken(folder, error) from error


async def _used(folder: Path) -> _Use | None:
    """The checkout in use from now on; None when it is not there."""
    use = _uses.get(folder)
    if use is None or not _whole(folder):
        lease = await _locked(folder, fcntl.LOCK_SH)
        try:
            use = _Use(folder, lease) if _whole(folder) else None
        except BaseException:
            os.close(lease)
            raise
        if use is None:
            os.close(lease)
            return None
        _uses[folder] = use
    os.utime(use.lease)  # the last use
    return use


async def _locked(folder: Path, kind: int) -> int:
    """A handle that holds the lock. Waits by asking again: a thread that waited could be the one that the holder of
    the lock needs."""
    while True:
        try:
            return _lock(folder, kind)
        except BlockingIOError:
            await asyncio.sleep(_PAUSE)


def _lock(folder: Path, kind: int) -> int:
    """A handle that holds the lock of a checkout. Raises BlockingIOError when another holds it."""
    path = folder.with_name(f"{folder.name}.lock")
    if not path.parent.is_dir():
        path.parent.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):  # else it was deleted with its checkout
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Build:
    """Making one, under the exclusive lock."""

    repository: Repository
    base: Base
    wanted: Wanted
    folder: Path
    visible: Path
    furnishing: Furnishing

    async def run(self) -> None:
        state = self.folder.parent.parent.parent
        extras = await gather(self.repository, self.base.commit, state, self.wanted)
        new = await asyncio.to_thread(self._begin)
        try:
            gitlinks = await self._check_out(new)
            await write(extras, new / "tree", new / "index")
            await asyncio.to_thread(self._finish, new, gitlinks, extras.pointers)
        except BaseException:
            await asyncio.to_thread(delete, new)
            raise

    def _begin(self) -> Path:
        prefix = f"new-{self.folder.name}-"
        for left in self.folder.parent.glob(f"{prefix}*"):  # of a builder that was killed: we hold the lock
            delete(left)
        if self.folder.exists():
            delete(self.folder)
        new = Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder.parent))
        (new / "tree").mkdir()
        (new / "tree").chmod(0o755)
        return new

    async def _check_out(self, new: Path) -> list[str]:
        """Write the files and the index; the submodules."""
        tree = new / "tree"
        environment = {"GIT_INDEX_FILE": os.fspath(new / "index")}
        git = Git(git_dir=self.repository.git_dir, work_tree=tree, cwd=tree, environment=environment)
        try:
            await git.run("-c", "checkout.workers=0", "read-tree", "--reset", "-u", self.base.tree)
            staged = await git.run("ls-files", "--stage", "-z")
        except GitError as error:
            raise OperationError(
                f"the files of {self.base.commit[:12]} cannot be written to {shown(tree)}: {error.message}",
                error.mend or f"`git fsck` in {shown(self.repository.location)} says whether an object is missing",
            ) from error
        if staged.count(b"\0") > _MANY:
            # git takes a file that is as old as the index, to the second, for possibly changed
            await asyncio.sleep(1.01)
            os.utime(new / "index")
        entries = (entry.partition(b"\t") for entry in staged.split(b"\0"))
        return [os.fsdecode(path) for about, _, path in entries if about.startswith(b"160000")]

    def _finish(self, new: Path, gitlinks: list[str], pointers: Pointers) -> None:
        _plain_modes(new / "tree")
        self._furnish(new)
        said = {os.fsdecode(path): about for path, about in pointers.items()}
        about = {"gitlinks": gitlinks, "pointers": said, "bytes": _bytes(new / "tree")}
        (new / _ABOUT).write_text(json.dumps(about))
        new.chmod(0o755)
        new.rename(self.folder)

    def _furnish(self, new: Path) -> None:
        """The `.git` for inside the box, written by hand: no hooks, no remotes, nothing of the user's configuration."""
        git = new / "tree" / ".git"
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
            (git / name).mkdir(parents=True)
        (git / "HEAD").write_bytes(b"ref: refs/heads/midwatch\n")
        (git / "refs" / "heads" / "midwatch").write_text(self.base.commit + "\n")
        (git / "config").write_text(_config(sha256=len(self.base.commit) == 64))
        (git / "info" / "attributes").write_bytes(RAW)
        for name, content in self.furnishing.files().items():
            (new / "tree" / name).write_bytes(content)
        if (self.visible / "shallow").is_file():
            shutil.copyfile(self.visible / "shallow", git / "shallow")
        if (new / "index").is_file():
            (new / "index").rename(git / "index")


def _config(*, sha256: bool) -> str:
    # the files may belong to another user than the index was made by: only size and time count
    lines = ["[core]", f"\trepositoryformatversion = {int(sha256)}", "\tbare = false", "\tfilemode = true"]
    lines += ["\tlogallrefupdates = true", "\tcheckStat = minimal", "\ttrustctime = false", "[gc]", "\tauto = 0"]
    lines += ["[user]", f"\tname = {NAME}", f"\temail = {EMAIL}"]
    if sha256:
        lines += ["[extensions]", "\tobjectFormat = sha256"]
    return "\n".join(lines) + "\n"


def _plain_modes(tree: Path) -> None:
    """The modes that every machine has, where this process's umask has made others."""
    mask = int(
        next(line for line in Path("/proc/self/status").read_text().split("\n") if line.startswith("Umask:"))[6:], 8
    )
    if mask == 0o022:
        return
    for folder, _, files in os.walk(os.fsencode(tree)):
        os.chmod(folder, 0o755)  # noqa: PTH101, S103
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118
            if not os.path.islink(path):  # noqa: PTH114
                os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)  # noqa: PTH101, PTH116


def _bytes(tree: Path) -> int:
    total = 0
    for folder, _, files in os.walk(os.fsencode(tree)):
        for name in files:
            total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
    return total


def collect(state: Path, *, keep_bytes: int, keep_seconds: float) -> int:
    """Delete checkouts that were not used for `keep_seconds`, and of the others those not used longest until the rest
    is within `keep_bytes`; never one in use. The bytes freed. Blocks; safe beside other processes. Raises OSError,
    OperationError."""
    known = []
    for lock in (state / "bases").glob("*/*.lock"):
        folder = lock.with_suffix("")
        with contextlib.suppress(FileNotFoundError):
            known.append((lock.stat().st_mtime, _size(folder), folder))
    total, freed, now = sum(size for _, size, _ in known), 0, time.time()
    for used, size, folder in sorted(known):
        if now - used < keep_seconds and total - freed <= keep_bytes:
            continue
        if _collected(folder):
            freed += size
    return freed


def _size(folder: Path) -> int:
    try:
        return int(json.loads((folder / _ABOUT).read_bytes())["bytes"])
    except (FileNotFoundError, ValueError):
        return 0


def left(state: Path) -> list[Path]:
    """What builders that were killed have left half made."""
    return [new for new in (state / "bases").glob("*/new-*-*") if _if_unused(_made_for(new), lambda: None)]


def sweep(state: Path) -> None:
    """Delete that. Blocks; raises OSError, OperationError. May be called at any time, by several processes at once."""
    for new in left(state):
        _if_unused(_made_for(new), partial(delete, new))


def _made_for(new: Path) -> Path:
    return new.with_name(new.name.removeprefix("new-").rpartition("-")[0])


def _if_unused(folder: Path, work: Callable[[], None]) -> bool:
    """Whether nobody makes or uses the checkout; then the work is done meanwhile."""
    try:
        handle = _lock(folder, fcntl.LOCK_EX)
    except BlockingIOError:
        return False
    try:
        work()
    finally:
        os.close(handle)
    return True


def _collected(folder: Path) -> bool:
    try:
        handle = _lock(folder, fcntl.LOCK_EX)
    except BlockingIOError:
        return False
    try:
        for left in folder.parent.glob(f"new-{folder.name}-*"):
            delete(left)
        if folder.exists():
            (folder / _ABOUT).unlink(missing_ok=True)  # first: half a checkout is none
            delete(folder)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    finally:
        os.close(handle)
    return True
