"""Files of a person that are about to be replaced, kept until the new ones are whole.

git takes the old files away before it writes the new ones; a disk that is full, a filter that fails or a kill between
the two would leave neither. What was kept lies in the git folder, so that the next run finds it after a kill.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from midwatch.engine.disk import full_or_broken
from midwatch.workspace.location import Place

_FOLDER = "midwatch-replacing"
_LIST = "paths"


@contextmanager
def kept(place: Place, paths: Sequence[bytes]) -> Iterator[None]:
    """Keep these files, relative to the working tree, while they are replaced. When that raises, they are as they were
    before, and those among them that were not there are gone. Raises OperationError when they cannot be kept; nothing
    has happened then. Blocks."""
    top = os.fspath(place.top or place.git_dir)
    home = place.git_dir / _FOLDER
    try:
        home.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=home))
    except OSError as error:
        raise full_or_broken(home, error) from error
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            for number, path in enumerate(paths):
                _keep(_target(top, path), _place(folder, number))
            (folder / _LIST).write_bytes(b"\0".join(paths))
        except OSError as error:
            _drop(folder)
            raise full_or_broken(folder, error) from error
        try:
            yield
        except BaseException:
            _restore(folder, top, paths)
            _drop(folder)
            raise
        _drop(folder)
    finally:
        os.close(handle)


def recover(place: Place) -> None:
    """Put back what a killed process had kept and that lies nowhere now; what is there stays as it is. Blocks."""
    home = place.git_dir / _FOLDER
    if place.top is None or not home.is_dir():
        return
    for folder in sorted(home.iterdir()):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _put_back(folder, os.fspath(place.top))
                _drop(folder)
            finally:
                os.close(handle)


def _put_back(folder: Path, top: str) -> None:
    try:
        paths = (folder / _LIST).read_bytes().split(b"\0")
    except FileNotFoundError:
        return  # it was killed before anything was touched
    for number, path in enumerate(paths):
        old, target = _place(folder, number), _target(top, path)
        if os.path.lexists(old) and not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103,PTH120
            shutil.move(old, target)


def _place(folder: Path, number: int) -> str:
    return os.fspath(folder / str(number))


def _target(top: str, path: bytes) -> str:
    return os.path.join(top, os.fsdecode(path))  # noqa: PTH118


def _keep(path: str, old: str) -> None:
    """A second name for the file where that can be: git writes a new one, and leaves this."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:  # the git folder is on another disk, or this one has no links; a folder is a submodule
        if not os.path.isdir(path) or os.path.islink(path):  # noqa: PTH112,PTH114
            shutil.copy2(path, old, follow_symlinks=False)


def _restore(folder: Path, top: str, paths: Sequence[bytes]) -> None:
    kept = [(number, _target(top, path)) for number, path in enumerate(paths)]
    for number, target in kept:
        if not os.path.lexists(_place(folder, number)):
            with contextlib.suppress(OSError):
                os.unlink(target)  # noqa: PTH108
    for number, target in kept:
        old = _place(folder, number)
        if not os.path.lexists(old):
            continue
        if os.path.isdir(target) and not os.path.islink(target):  # noqa: PTH112,PTH114
            _remove_empty(target)
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103,PTH120
        if os.path.lexists(target) and os.path.samestat(os.lstat(old), os.lstat(target)):
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)  # noqa: PTH108
        shutil.move(old, target)


def _remove_empty(folder: str) -> None:
    for inner, _, _ in os.walk(folder, topdown=False):
        os.rmdir(inner)  # noqa: PTH106


def _drop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another one is in it
        folder.parent.rmdir()
