"""Where a repository is: a path or a URL, what git says of it, and the one key it has in the state folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Answer, Git, last_words
from midwatch.workspace.names import shown, without_secret

_URL = re.compile(r"(?:file|https?|ssh|git)://.+", re.DOTALL)
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::?//|[A-Za-z0-9]+::")
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//).+", re.DOTALL)


class NotARepository(InputError):
    """The folder is there, and no git repository."""


@dataclass(frozen=True, slots=True)
class Place:
    """A local repository as git sees it."""

    top: Path | None
    """The working tree; None for a bare repository."""
    git_dir: Path
    """Of this working tree; holds HEAD and the index."""
    common_dir: Path
    """Shared by all working trees; holds objects and refs."""
    shallow: bool
    sha256: bool
    committed: bool = False
    """HEAD was seen to name a commit; else that is not known."""

    @property
    def name(self) -> str:
        """What the repository is called in messages and in `Task.repository`: an absolute path."""
        return str(self.top or self.git_dir)

    def git(self) -> Git:
        """git in the user's repository, with their configuration."""
        return Git(git_dir=self.git_dir, work_tree=self.top, cwd=self.top or self.git_dir, trusted=True)


def is_url(location: str) -> bool:
    """Whether it is an address to fetch from. What exists as a path is a path."""
    if _URL.fullmatch(location):
        return True
    if _ANY_SCHEME.match(location):
        return False
    return bool(_SCP.fullmatch(location)) and "/" not in location.partition(":")[0] and not os.path.lexists(location)


def repository_key(location: str) -> str:
    """One key for one repository, whichever of its folders or working trees names it: hex, 32 digits. Runs no git
    and never raises, so that a repository that is gone still finds its pull requests."""
    name = location if is_url(location) else str(_home_of(_common_dir_above(Path(location))))
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _home_of(folder: Path) -> Path:
    """The name of a repository that is the same when it is gone."""
    return folder.parent if folder.name == ".git" else folder


def _common_dir_above(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    for folder in (path, *path.parents):
        if _is_git_dir(folder):
            return folder
        dot_git = folder / ".git"
        if os.path.isdir(dot_git):  # noqa: PTH112  pathlib raises where the folder may not be read
            return Path(os.path.realpath(dot_git))
        if os.path.isfile(dot_git):  # noqa: PTH113
            return common_dir(_linked_git_dir(dot_git))
    return path


def _linked_git_dir(dot_git: Path) -> Path:
    try:
        target = dot_git.read_bytes().removeprefix(b"gitdir:").strip(b" ").removesuffix(b"\n")
    except OSError:
        return dot_git
    return Path(os.path.realpath(dot_git.parent / os.fsdecode(target)))


def common_dir(git_dir: Path) -> Path:
    """The git folder that a linked working tree's git folder shares with its siblings."""
    try:
        shared = (git_dir / "commondir").read_bytes().removesuffix(b"\n")
    except OSError:
        return git_dir
    return Path(os.path.realpath(git_dir / os.fsdecode(shared)))


async def locate(location: str) -> Place:
    """Ask git about a local path. Raises InputError that says what is wrong with it and how to mend it."""
    path = _existing_folder(location)
    inside = _is_git_dir(path)
    if inside and path.name == ".git" and (path.parent / ".git").is_dir():
        path, inside = path.parent, False
    git = Git(git_dir=path if inside else None, cwd=path, trusted=True)
    if (found := await _at_once(git, inside=inside)) is not None:
        return found
    flags, top = await asyncio.gather(
        git.ask("rev-parse", "--is-shallow-repository", "--show-object-format", "--absolute-git-dir"),
        git.ask("rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--show-toplevel"),
    )
    if flags.code != 0:
        raise _unusable(path, flags)
    shallow, object_format, git_dir = flags.stdout.split(b"\n", 2)  # a path may hold newlines, so it comes last
    place = _real(git_dir.removesuffix(b"\n"))
    work_tree = top.stdout.split(b"\n", 2)[2].removesuffix(b"\n") if top.code == 0 and not inside else b""
    return Place(
        top=_real(work_tree) if work_tree else None,
        git_dir=place,
        common_dir=common_dir(place),
        shallow=shallow == b"true",
        sha256=object_format == b"sha256",
    )


async def _at_once(git: Git, *, inside: bool) -> Place | None:
    """The place by one question, as it can be had for most: with a commit, and no path that holds a line end. `inside`:
    git was given its folder, and asks for no working tree."""
    paths = ("--absolute-git-dir",) if inside else ("--absolute-git-dir", "--show-toplevel")
    said = await git.ask("rev-parse", "--is-shallow-repository", "--show-object-format", *paths, "HEAD^{tree}")
    lines = said.stdout.split(b"\n")
    if said.code != 0 or len(lines) != len(paths) + 4:
        return None
    shallow, object_format, git_dir, *top = lines[:-2]
    place = _real(git_dir)
    work_tree = _real(top[0]) if top and top[0] else None
    facts = (shallow == b"true", object_format == b"sha256")
    return Place(work_tree, place, common_dir(place), *facts, committed=True)


def _real(path: bytes) -> Path:
    return Path(os.path.realpath(os.fsdecode(path)))


def _existing_folder(location: str) -> Path:
    if not location or "\0" in location:
        raise InputError("the repository's path is empty", "name a folder with --repo")
    if _ANY_SCHEME.match(location):
        raise InputError(
            f"{without_secret(location)} is no address that Midwatch fetches from",
            "use a path, or a URL that starts with https://, ssh:// or file://",
        )
    path = Path(os.path.realpath(Path(location).expanduser()))
    try:
        if not path.is_dir():
            wrong = "is a file, not a folder" if path.exists() else "does not exist"
            raise InputError(f"{shown(path)} {wrong}", "name the folder of a git repository with --repo")
        os.scandir(path).close()
    except PermissionError as error:
        raise InputError(
            f"{shown(path)} may not be read: {error.strerror}", "check its owner and mode, or run as the user it is of"
        ) from error
    except OSError as error:  # a name that is too long
        mend = "name the folder of a git repository with --repo"
        raise InputError(f"{shown(path)[:80]}: {error.strerror}", mend) from error
    return path


def _is_git_dir(path: Path) -> bool:
    return all(os.path.exists(path / name) for name in ("HEAD", "objects", "refs"))  # noqa: PTH110


def _unusable(path: Path, answer: Answer) -> InputError:
    text, where = answer.stderr.decode("utf-8", "replace"), shown(path)
    if "dubious ownership" in text:
        return InputError(
            f"{where} belongs to another user, and git does not trust it",
            f"if you trust it: git config --global --add safe.directory {shlex.quote(str(path))}",
        )
    if "not a git repository" in text:
        return NotARepository(
            f"{where} is not a git repository",
            "name one with --repo, or make it one: `git init`, `git add .`, `git commit`",
        )
    return InputError(
        f"git cannot use the repository {where}: {last_words(answer.stderr)}",
        f"`git -C {shlex.quote(str(path))} fsck` says more",
    )
