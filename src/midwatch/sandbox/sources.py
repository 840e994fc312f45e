"""The host's side of a box: its folders made and opened, for a root caller also staged."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.sandbox import proxied
from midwatch.sandbox.arguments import Layers, Source, Sources
from midwatch.sandbox.base import SUPPORT, BoxSpec
from midwatch.sandbox.runtime import Runtime
from midwatch.sandbox.spec import Overlay
from midwatch.sandbox.staging import stage

_PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Opener:
    """Opens the folders of one box; to be used in the thread of the stage. What it holds is let go of with `opened`."""

    def __init__(self, owner: tuple[int, int] | None, opened: contextlib.ExitStack) -> None:
        self._owner = owner
        self._opened = opened

    def sources(self, spec: BoxSpec, runtime: Runtime) -> Sources:
        """All of a box. Raises InputError for a folder that is not there or cannot be shown."""
        if spec.superuser and spec.root is None:
            raise InputError("a superuser takes a root file system of its own", "give the box a root")
        temporary, home = self._private(spec, "tmp"), self._private(spec, "home")
        shown = [(str(path), path.resolve()) for path in spec.read_only]
        shown += runtime.binds
        if spec.support is not None:
            shown.append((SUPPORT, spec.support.resolve()))
        if spec.network is not None:
            shown.append((proxied.FOLDER, proxied.shown_folder(spec)))
        return Sources(
            workspace=self._workspace(spec.workspace),
            temporary=self._source(temporary),
            home=self._home(home, spec),
            root=self._layers(spec.root) if spec.root is not None else None,
            read_only=tuple((path, self._source(place)) for path, place in shown),
        )

    def _private(self, spec: BoxSpec, name: str) -> Path:
        folder = spec.private / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._owner is not None:
            os.chown(folder, *self._owner, follow_symlinks=False)
        return folder

    def _workspace(self, workspace: Path | Overlay) -> Source | Layers:
        return self._layers(workspace) if isinstance(workspace, Overlay) else self._source(workspace)

    def _home(self, home: Path, spec: BoxSpec) -> Source | Layers:
        if not spec.home:
            return self._source(home)
        return self._layers(Overlay(spec.home, home, self._private(spec, "home-work")))

    def _layers(self, overlay: Overlay) -> Layers:
        if overlay.upper.parent != overlay.work.parent:
            raise InputError(f"{overlay.upper} and {overlay.work} are not in one folder", "put them side by side")
        for path in (*overlay.lower, overlay.upper, overlay.work):
            with self._told(path):
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, "it is no folder")
        with self._told(overlay.upper):
            self._let_through(overlay.upper.parent)
            if self._owner is None:
                return Layers(tuple(map(_real, overlay.lower)), _real(overlay.upper), _real(overlay.work))
            lower = tuple(self._staged(path, self._owner) for path in overlay.lower)
            # One mount for both: overlayfs does not take them from two.
            top = self._staged(overlay.upper.parent, None)
            return Layers(lower, f"{top}/{overlay.upper.name}", f"{top}/{overlay.work.name}")

    def _let_through(self, folder: Path) -> None:
        """The box's uid has to get through the parent of its folders; nobody else gets here."""
        mode = stat.S_IMODE(folder.lstat().st_mode)
        if self._owner is not None and not mode & 0o001:
            folder.chmod(mode | 0o011)

    def _staged(self, path: Path, owner: tuple[int, int] | None) -> str:
        """Where the thread of the stage sees a folder, as if it belonged to `owner`."""
        staged = stage().bind(path, owner)
        if staged is None:
            status = path.lstat()
            if owner is not None and owner != (status.st_uid, status.st_gid):
                raise PermissionError(errno.EPERM, "it is another user's, and cannot be mounted as the box's")
            return _real(path)
        self._opened.callback(stage().unbind, staged)
        return staged

    def _source(self, path: Path) -> Source:
        with self._told(path):
            staged = stage().bind(path) if self._owner is not None else None
            if staged is not None:
                self._opened.callback(stage().unbind, staged)
                return Source(path=staged)
            handle = os.open(path, _PATH_ONLY)
            self._opened.callback(os.close, handle)
            return Source(handle)

    @contextlib.contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"cannot show {path} to a box: {error.strerror}", "check the settings") from error


def _real(path: Path) -> str:
    return os.path.realpath(path.parent) + "/" + path.name
