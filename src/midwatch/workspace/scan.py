"""Walking what a box has written: by folder handles, following no link, reading only ordinary files.

What is walked is the upper folder of an overlay, or a plain folder that holds copies of the layers; either way the
outcome is the difference to the layers below.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from midwatch.workspace import found as bounds
from midwatch.workspace.found import Found, Lower
from midwatch.workspace.ignore import Rules, shortened, top_rules
from midwatch.workspace.names import refused
from midwatch.workspace.reading import below, look, opened, top_folder
from midwatch.workspace.stamps import stamp_of, usual

DEEPEST = 250
"""Folders below each other; each is one open handle, and one more for each layer that has it."""
LONGEST = 3500
"""Bytes of a path, so that it can be made again inside any state folder (the system's limit is 4096)."""
LARGEST = 2 << 30
"""Bytes of a file that is kept: what no forge would take must not fill the disk of the state folder."""
RULES_PER_FILE = 5000
OPAQUE = "user.overlay.opaque"
"""Attribute of a folder of an upper layer that hides what the layers below have there. A box cannot set it."""
FUSED_OPAQUE = ("user.fuseoverlayfs.opaque", "trusted.overlay.opaque")
"""The same for fuse-overlayfs, which lets no box set them."""
_FUSED = b".wh."
_IGNORE_FILE_BYTES = 1 << 20

_MORE = "…".encode()


def scan(top: int, lower: Lower) -> Found:
    """Walk the upper or plain folder of the handle `top`. Blocks for about 5 µs per file. Raises OSError when a layer
    cannot be read."""
    walk = _Walk(lower)
    with ExitStack() as handles:
        base = handles.enter_context(top_folder(lower.base))
        layers = [handles.enter_context(top_folder(layer)) for layer in reversed(lower.layers)]
        visible = (base, *layers) if lower.untouched is None else ()
        rules = top_rules(lower.outside, walk.ignore_file(top, b"", visible))
        folder = _Folder(top, b"", rules, False, lower.untouched is not None, (base, *layers), True)
        walk.folder(folder)
        walk.permissions(b"", os.fstat(top), 0o755)
    return walk.result


@dataclass(frozen=True, slots=True)
class _Folder:
    handle: int
    prefix: bytes
    rules: Rules
    aside: bool
    """Inside an ignored folder only tracked files count as work."""
    covered: bool
    """Nothing of the layers below shows through."""
    lower: tuple[int, ...]
    """Handles of the same folder in the layers that have it, the highest first."""
    in_base: bool
    """Whether the base has this folder; its handle is the first of `lower` then."""
    depth: int = 0

    @property
    def base(self) -> int | None:
        return self.lower[0] if self.in_base else None

    @property
    def layers(self) -> tuple[int, ...]:
        return self.lower[1:] if self.in_base else self.lower


@dataclass(slots=True)
class _Walk:
    lower: Lower
    result: Found = field(default_factory=Found)

    def folder(self, folder: _Folder) -> bool:
        """Whether anything of the folder is kept, or shows through from below."""
        folders: list[tuple[bytes, os.stat_result]] = []
        names: set[bytes] = set()
        kept = False
        with os.scandir(folder.handle) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if self.lower.fused and name.startswith(_FUSED):
                    self._fused(folder, name, names)
                    continue
                names.add(name)
                if name == b".git" and not folder.prefix:
                    continue  # the box's own
                path = folder.prefix + name
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # something still runs, and has just deleted it
                    names.discard(name)
                    continue
                except OSError as error:
                    self._hide(path, path, error)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    folders.append((name, status))
                elif self._is_whiteout(status):
                    self._absent(folder, name)
                elif self._file(folder, name, status):
                    kept = True
        for name, status in sorted(folders):  # in one order, so that the same ignore files count each time
            if self._enter(folder, name, status):
                kept = True
        if folder.covered:
            self._missing(folder, names)
        elif not kept:
            kept = any(not names.issuperset(_names(handle)) for handle in folder.lower)
        return kept

    def _fused(self, folder: _Folder, name: bytes, names: set[bytes]) -> None:
        """What fuse-overlayfs has written down: the second kind of name is of an opaque folder."""
        if not name.startswith((_FUSED + b".wh.", _FUSED + b".opq")):
            names.add(name.removeprefix(_FUSED))
            self._absent(folder, name.removeprefix(_FUSED))

    def _is_whiteout(self, status: os.stat_result) -> bool:
        return self.lower.untouched is None and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

    def _is_opaque(self, folder: int) -> bool:
        for name in FUSED_OPAQUE if self.lower.fused else (OPAQUE,):
            try:
                if os.getxattr(folder, name) == b"y":
                    return True
            except OSError:
                continue  # no such attribute, or a file system without any
        return False

    def _hide(self, shown: bytes, path: bytes, error: OSError) -> None:
        self.result.hidden.add(path)
        self.result.skipped.append((shown, str(error.strerror)))

    def _skip(self, shown: bytes, why: str, *, aside: bool) -> None:
        self.result.skipped.append((shown, why))
        self.result.unseen |= not aside

    def _absent(self, folder: _Folder, name: bytes) -> None:
        """Nothing is there that is kept: what the layers have under this name is gone."""
        path = folder.prefix + name
        if folder.base is not None and path not in self.lower.gitlinks and look(folder.base, name) is not None:
            self.result.deleted.add(path)
        if any(look(layer, name) is not None for layer in folder.layers):
            self.result.gone.add(path)

    def _missing(self, folder: _Folder, names: set[bytes]) -> None:
        if folder.base is not None:
            paths = {folder.prefix + name for name in _names(folder.base) - names} - self.lower.gitlinks
            self.result.deleted |= paths - {b".git"}
        for layer in folder.layers:
            self.result.gone |= {folder.prefix + name for name in _names(layer) - names}

    def _file(self, folder: _Folder, name: bytes, status: os.stat_result) -> bool:
        path = folder.prefix + name
        if path in self.lower.gitlinks:
            return False
        link = stat.S_ISLNK(status.st_mode)
        ordinary = link or stat.S_ISREG(status.st_mode)
        stamp = stamp_of(status)
        if self.lower.untouched is not None and ordinary and self.lower.untouched.get(path) == stamp:
            return True
        instead = None if folder.base is None else look(folder.base, name)
        tracked = instead is not None and not stat.S_ISDIR(instead.st_mode)
        inner = name == b".git" and not link  # of a nested repository, whose other files are ordinary files
        aside = not tracked and (folder.aside or inner or folder.rules.ignores(name, folder=False))
        bucket = self.result.ignored if aside else self.result.files
        if why := self._refusal(name, path, status, aside=aside):
            self._skip(path if len(path) <= LONGEST else path[:80] + _MORE, why, aside=aside)
            self._absent(folder, name)
        elif status.st_size > LARGEST or len(bucket) >= bounds.MOST_FILES:
            many = f"more than {bounds.MOST_FILES} files"
            why = f"larger than {LARGEST >> 30} GiB" if status.st_size > LARGEST else many
            self.result.hidden.add(path)
            self.result.skipped.append((path, why))
        else:
            bucket[path] = stamp
            if not link:
                self.permissions(path, status, usual(stamp.mode))
            if instead is not None and not tracked:
                self.result.deleted.add(path)  # a folder
            return True
        return False

    def _refusal(self, name: bytes, path: bytes, status: os.stat_result, *, aside: bool) -> str:
        link = stat.S_ISLNK(status.st_mode)
        if not link and not stat.S_ISREG(status.st_mode):
            return "neither a file nor a link"
        if not aside and refused(name, link=link):
            return "git refuses this name"
        return f"the path is longer than {LONGEST} bytes" if len(path) > LONGEST else ""

    def permissions(self, path: bytes, status: os.stat_result, default: int) -> None:
        """Note the permissions when they are not the usual ones."""
        if stat.S_IMODE(status.st_mode) != default:
            self.result.modes[path] = stat.S_IMODE(status.st_mode)

    def _enter(self, folder: _Folder, name: bytes, status: os.stat_result) -> bool:
        path = folder.prefix + name
        inner = path + b"/"
        aside = folder.aside or name == b".git" or path in self.lower.gitlinks
        aside = aside or folder.rules.ignores(name, folder=True)
        if refused(name) and not aside:
            self._skip(inner, "git refuses this name", aside=False)
            self._absent(folder, name)
            return False
        if folder.depth >= DEEPEST or len(inner) > LONGEST:
            why = f"more than {DEEPEST} folders deep or {LONGEST} bytes long"
            self._skip(inner[:80] + _MORE, why, aside=aside)
            return False
        if folder.base is not None and _is_other(look(folder.base, name)):
            self.result.deleted.add(path)  # a file or link of the base, whose name the folder has taken
        try:
            with opened(folder.handle, name, os.O_DIRECTORY) as handle:
                default = self._inside(folder, name, replace(folder, handle=handle, prefix=inner, aside=aside))
            self.permissions(path, status, default)  # as they were before it was made readable
            return True
        except OSError as error:
            self._hide(inner, inner, error)
            return False

    def _inside(self, folder: _Folder, name: bytes, inside: _Folder) -> int:
        """Walk a subfolder; the permissions that are usual for it."""
        path, handle = folder.prefix + name, inside.handle
        in_base = folder.base is not None and _is_folder(look(folder.base, name))
        with below(folder.lower, name) as lower:
            covered = folder.covered or self._is_opaque(handle)
            visible = () if covered else lower
            kept = self.folder(
                replace(
                    inside,
                    rules=folder.rules.inside(name, self.ignore_file(handle, inside.prefix, visible)),
                    covered=covered,
                    lower=lower,
                    in_base=in_base,
                    depth=folder.depth + 1,
                )
            )
            if not kept and (not lower or any(_names(layer) for layer in lower)):
                self.result.empty.add(path)
            return stat.S_IMODE(os.fstat(lower[0]).st_mode) if lower else 0o755

    def ignore_file(self, folder: int, prefix: bytes, lower: tuple[int, ...]) -> bytes | None:
        """The rules of a folder's ignore file: its own, or the highest that shows through from below."""
        path = prefix + b".gitignore"
        for handle in (folder, *lower):
            try:
                with opened(handle, b".gitignore") as file:
                    return self._rules(file, path)
            except FileNotFoundError:
                continue
            except OSError:
                return None  # a link, a device, or unreadable: no rules
        return None

    def _rules(self, file: int, path: bytes) -> bytes | None:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _IGNORE_FILE_BYTES:
            why = f"larger than {_IGNORE_FILE_BYTES >> 20} MiB, so its rules do not count"
            self.result.skipped.append((path, why))
            return None
        content = os.read(file, _IGNORE_FILE_BYTES)
        rules, cost = shortened(content, min(RULES_PER_FILE, self.result.rules_left))
        self.result.rules_left -= cost
        if len(rules) < len(content):
            self.result.skipped.append((path, "so many rules that only the first count"))
        return rules


def _is_folder(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISDIR(status.st_mode)


def _is_other(status: os.stat_result | None) -> bool:
    return status is not None and not stat.S_ISDIR(status.st_mode)


def _names(folder: int) -> set[bytes]:
    with os.scandir(folder) as entries:
        return {os.fsencode(entry.name) for entry in entries}
