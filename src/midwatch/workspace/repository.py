"""The store: the git folder that the host owns for one repository of the user.

It borrows the objects of a local repository through `objects/info/alternates`, so that making it costs nothing
whatever the size, and nothing that Midwatch makes lands in the user's repository before a pull request is offered.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.task import Base
from midwatch.engine.disk import full_or_broken
from midwatch.workspace import bases, diff, durable, mirror, withheld, writing
from midwatch.workspace.authorship import OURS, Authorship, signed
from midwatch.workspace.git import Git, require_git
from midwatch.workspace.leftovers import sweep
from midwatch.workspace.lent import NOBODY, Lender
from midwatch.workspace.location import Place, is_url, locate, repository_key
from midwatch.workspace.loose import beside, find
from midwatch.workspace.names import quoted, shown, without_secret
from midwatch.workspace.remote import Remote, complete_local

NAME, EMAIL = "Midwatch", "midwatch@localhost"

RAW = b"* -text !eol -filter -ident !working-tree-encoding !diff !merge !whitespace\n"
"""Attributes of the store: bytes go in and out as they are, and nothing in a tree chooses a program."""


def no_files_at(location: str) -> InputError:
    """What is wrong where a change is to be applied to a URL."""
    mend = "save `midwatch diff` to a file and use `git apply`"
    return InputError(f"{without_secret(location)} has no working tree here", mend)


@dataclass(frozen=True, slots=True)
class Repository:
    """The store of one repository. Holds no state in memory: two objects for one repository may be used at once."""

    location: str
    """Absolute path of the working tree (of the git folder when bare), or the URL; as in `Task.repository`."""
    git_dir: Path
    """The store."""
    place: Place | None
    """The user's repository; None for a URL, and when opened without asking git (`refresh=False`)."""
    url: bool
    lend: Lender = NOBODY
    """Gives git a token for addresses that a connection has."""

    @classmethod
    async def open(
        cls, state: Path, location: str, *, refresh: bool = True, commit: str = "", plain: bool = False,
        lend: Lender = NOBODY,
    ) -> Repository:  # fmt: skip
        """Find the repository and make or freshen its store under `state`/repos. May be called again, and from several
        processes at once. Raises InputError for what is not a usable repository (not one, empty, not readable, not
        writable, not trusted by git, git too old), OperationError when a URL cannot be fetched.

        `refresh=False` is for reading what earlier runs left: it starts no process, and the user's repository may have
        gone; it raises InputError when there is no store.

        `commit` is what a task is known to start from: a URL whose store has it is not fetched again. With `plain` a
        folder that is no repository is one without history. `lend`: see the field."""
        url = is_url(location)
        if not refresh:
            store = store_of(state, location)
            return cls(_recorded_location(store, location), store, None, url)
        if url:
            mirror.require_fetchable(location)
        await require_git()
        place = None if url else await (find(state, location) if plain else locate(location))
        store = store_of(state, location if place is None else place.name)
        if place is not None:
            place = await _begun(place, state, plain=plain)
            _require_writable(place)
        remote = Remote(store, location, lend)
        heads = await remote.heads() if url and not _made(store) else None
        sha256 = place.sha256 if place is not None else heads is not None and heads.sha256
        try:
            new = _make_store(store, location if place is None else place.name, sha256=sha256)
            if place is not None:
                _freshen(store, place, await bases.user_excludes(place))
                await asyncio.to_thread(sweep, store)
        except OSError as error:
            raise full_or_broken(store, error) from error
        if url and (new or not commit or not await mirror.has_whole(Git(git_dir=store, cwd=store), commit)):
            try:
                await remote.fetch(heads if new else None)
            except BaseException:
                if new:  # nothing is left of an address that was mistyped
                    shutil.rmtree(store, ignore_errors=True)
                raise
            if commit:
                await remote.complete(commit)
        return cls(location if place is None else place.name, store, place, url, lend)

    @property
    def git(self) -> Git:
        """git in the store; no configuration but our own."""
        return Git(git_dir=self.git_dir, cwd=self.git_dir)

    async def resolve(self, ref: str | None) -> Base:
        """The commit that a task starts from: HEAD when None, else a branch, tag, commit id or remote branch. What a
        partial store lacks of its files is fetched, so this may block on the network. Raises InputError that lists near
        names when there is no such thing, OperationError when its files cannot be fetched."""
        if self.place is not None:
            base = await bases.resolve(self.place, ref)
            await complete_local(self.place, self.git_dir, base.commit)
            return base
        base = await mirror.resolve(self.git, ref)
        if self.url:
            await Remote(self.git_dir, self.location, self.lend).complete(base.commit)
        return base

    async def obtain(self, commit: str) -> None:
        """Have a commit of a URL that no branch may lead to: the head of a change that somebody offers from elsewhere.
        May block on the network. Raises OperationError when it cannot be had."""
        if self.url:
            await Remote(self.git_dir, self.location, self.lend).complete(commit)

    async def include_uncommitted(self, base: Base) -> Base:
        """The base with the working tree's present state on top (tracked and untracked, not ignored), as a commit in
        the store. The user's tree, index, HEAD and objects stay as they are. Raises InputError where there is no
        working tree, or when it is on another commit than `base`."""
        if self.place is None or self.place.top is None:
            raise InputError(
                f"{without_secret(self.location)} has no working tree, so there are no uncommitted changes to include",
                "leave --include-uncommitted out",
            )
        tree, changes = await bases.write_uncommitted(self.place, self.git_dir, base)
        if changes == 0:
            return base
        when = datetime.now(UTC).isoformat()
        commit = await self.commit(tree, base.commit, "Uncommitted changes\n", when)
        await self.keep(f"uncommitted/{commit}", commit)
        files = "1 file" if changes == 1 else f"{changes} files"
        note = bases.joined(bases.without_uncommitted(base.note), f"{bases.INCLUDED}{files}")
        return Base(commit=commit, tree=tree, ref=base.ref, branch=base.branch, note=note)

    async def snapshot(self, base: Base, beside: str = "", first: str = "") -> Checkpoint:
        """The person's working tree as it is now, as a checkpoint on the base; nothing of theirs is touched. `beside`:
        the checkpoint's commit whose ignored files are to be kept. What the base ignores, or the tree `first`, stays
        out, whatever the ignore rules say now. Raises InputError where there is no working tree or a file of it cannot
        be read."""
        if self.place is None or self.place.top is None:
            raise InputError(f"{without_secret(self.location)} has no working tree", "name a folder that has one")
        tree, _ = await bases.write_working_tree(self.place, self.git_dir, base.tree)
        deciding = withheld.Deciding((base.tree, first or base.tree), self.excludes())
        tree = await withheld.without(self.git, self.place, tree, beside or base.tree, deciding)
        parents = ["-p", base.commit]
        if beside:
            kept = await self.git.ask("rev-parse", "--verify", "--quiet", f"{beside}^2")
            parents += ["-p", kept.stdout.decode().strip()] if kept.code == 0 else []
        who = Git(git_dir=self.git_dir, cwd=self.git_dir, environment=_author("@0 +0000"))
        began = durable.now()
        commit = (await who.run("commit-tree", tree, *parents, "-m", "The person's folder")).decode().strip()
        await asyncio.to_thread(durable.written, self.git_dir, began)
        return Checkpoint(tree, commit)

    async def commit(self, tree: str, parent: str, message: str, when: str, by: Authorship = OURS) -> str:
        """A commit in the store; the same arguments give the same id, but for a signature. `when` is ISO 8601. Raises
        InputError when it cannot be signed."""
        message = by.message(message)
        if by.key:
            began = durable.now()
            made = await signed(self.git_dir, tree, parent, message, when, by)
            await asyncio.to_thread(durable.written, self.git_dir, began)
            return made
        text = message.replace("\0", "").encode("utf-8", "replace")
        return await asyncio.to_thread(writing.commit, self.git_dir, tree, parent, by.who(when), text or b"\n")

    async def keep(self, name: str, commit: str) -> None:
        """Hold on to a commit under refs/midwatch/`name`. May be called again with another commit."""
        await self.git.run("update-ref", f"refs/midwatch/{name}", commit)

    async def diff(self, old: str, new: str) -> bytes:
        """The change between two commits or trees as a unified diff that `git apply` reads; renames are found."""
        return await diff.diff(self.git, old, new)

    async def stat(self, old: str, new: str) -> tuple[FileChange, ...]:
        """The files that differ between two commits or trees, by path."""
        return await diff.stat(self.git, old, new)

    async def apply_to_user_tree(self, old: str, new: str, store: Path | None = None) -> tuple[FileChange, ...]:
        """Make the change from `old` to `new` in the user's working tree; index, HEAD and branches stay. All or none:
        raises InputError that names the files that do not fit, and then nothing was touched. `store` holds the two when
        they come from another repository's store."""
        if self.place is None:
            raise no_files_at(self.location)
        return await diff.apply(self.place, store or self.git_dir, old, new)

    def excludes(self) -> bytes:
        """The user's own ignore rules outside the tree (info/exclude and core.excludesFile), as of the last opening."""
        try:
            return (self.git_dir / "info" / "exclude").read_bytes()
        except OSError:
            return b""


def _author(stamp: str) -> dict[str, str]:
    values = {"NAME": NAME, "EMAIL": EMAIL, "DATE": stamp}
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in values.items()}


def store_of(state: Path, location: str) -> Path:
    """Where the store of a repository is; it may not exist yet."""
    name = location.rstrip("/").removesuffix(".git").rstrip("/")
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rpartition("/")[2])[:40].strip("-.") or "repository"
    key = repository_key(location)
    existing = sorted((state / "repos").glob(f"*-{key}.git"))
    return existing[0] if existing else state / "repos" / f"{slug}-{key}.git"


def alternates(folders: tuple[Path, ...]) -> bytes:
    """The content of an `objects/info/alternates` file."""
    return b"".join(_alternate(os.fsencode(folder)) + b"\n" for folder in folders)


def _alternate(path: bytes) -> bytes:
    return quoted(path) if b"\n" in path or path.startswith((b'"', b"#")) else path


async def _begun(place: Place, state: Path, *, plain: bool) -> Place:
    """The place, which has a commit; with `plain` one without counts as a folder without history."""
    try:
        await bases.require_commit(place)
    except bases.NoCommit:
        if not plain or place.top is None:
            raise
        return await beside(state, place.top)
    return place


def _require_writable(place: Place) -> None:
    refs = place.common_dir / "refs" / "heads"
    if (place.common_dir / "reftable").is_dir():
        refs = place.common_dir / "reftable"
    ours = refs / "midwatch"
    for folder in (ours if ours.is_dir() else refs, place.common_dir / "objects"):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(
                f"{shown(place.name)} is read-only: no branch can be made in it ({shown(folder)} is not writable)",
                "make it writable, or clone it and run Midwatch on the clone",
            )


def _recorded_location(store: Path, location: str) -> str:
    try:
        return str(json.loads((store / "midwatch.json").read_bytes())["location"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"Midwatch has not worked on {without_secret(location)} yet",
            "name the repository that the task was made for",
        ) from error


def _made(store: Path) -> bool:
    return (store / "midwatch.json").is_file()


def _make_store(store: Path, location: str, *, sha256: bool) -> bool:
    """Whether it had to be made."""
    if _made(store):
        return False
    store.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.parent.mkdir(mode=0o700, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=store.parent))
    new.chmod(0o755)
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (new / folder).mkdir(parents=True)
    (new / "HEAD").write_bytes(b"ref: refs/heads/none\n")
    (new / "config").write_text(_config(sha256=sha256))
    (new / "info" / "attributes").write_bytes(RAW)
    (new / "midwatch.json").write_text(json.dumps({"location": location}))
    (new / "midwatch.json").chmod(0o600)
    try:
        new.rename(store)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)  # another process was first
        if not _made(store):
            raise OperationError(f"{shown(store)} is in the way", "move it aside") from None
        return False
    return True


def _config(*, sha256: bool) -> str:
    lines = ["[core]", f"\trepositoryformatversion = {int(sha256)}", "\tbare = true", "\tfilemode = true"]
    lines += ["\tsymlinks = true", "\tautocrlf = false", "\tignorecase = false", "\tlogallrefupdates = false"]
    if os.geteuid() == 0:
        lines.append("\tsharedRepository = 0644")  # a box of root's runs as another user and reads these objects
    if sha256:
        lines += ["[extensions]", "\tobjectFormat = sha256"]
    return "\n".join(lines) + "\n"


def _freshen(store: Path, place: Place, excludes: bytes) -> None:
    _replace(store / "objects" / "info" / "alternates", alternates((place.common_dir / "objects",)))
    _replace(store / "info" / "exclude", excludes)
    try:
        shallow = (place.common_dir / "shallow").read_bytes()
    except FileNotFoundError:
        (store / "shallow").unlink(missing_ok=True)
    else:
        _replace(store / "shallow", shallow)


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    handle, name = tempfile.mkstemp(prefix=f"{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
