"""What overlayfs would show of layers, without mounting them: a second opinion, written only from its documentation."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from midwatch.sandbox.spec import Overlay

Shown = dict[str, tuple[str, int, str]]
"""Kind, permissions and content by path."""


def shown(spec: Path | Overlay) -> Shown:
    """Everything in a workspace but its `.git`."""
    layers = [spec] if isinstance(spec, Path) else [spec.upper, *reversed(spec.lower)]
    found: Shown = {".": ("folder", stat.S_IMODE(layers[0].stat().st_mode), "")}
    _merge([os.fsencode(layer) for layer in layers], b"", found, whiteouts=isinstance(spec, Overlay))
    return found


def _merge(folders: list[bytes], prefix: bytes, found: Shown, *, whiteouts: bool) -> None:
    entries: dict[bytes, list[bytes]] = {}
    closed: set[bytes] = set()
    for folder in folders:
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if name in closed or (not prefix and name == b".git"):
                continue
            if whiteouts and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                closed.add(name)
            elif stat.S_ISDIR(status.st_mode):
                entries.setdefault(name, []).append(path)
                if _opaque(path):
                    closed.add(name)
            else:
                if name not in entries:
                    entries[name] = [path]
                closed.add(name)
    for name, paths in entries.items():
        status = os.lstat(paths[0])
        kind, content = "folder", ""
        if stat.S_ISLNK(status.st_mode):
            kind, content = "link", os.readlink(paths[0]).hex()
        elif not stat.S_ISDIR(status.st_mode):
            kind, content = "file", hashlib.sha256(Path(os.fsdecode(paths[0])).read_bytes()).hexdigest()
        mode = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
        found[(prefix + name).decode("utf-8", "surrogateescape")] = (kind, mode, content)
        if kind == "folder":
            _merge(paths, prefix + name + b"/", found, whiteouts=whiteouts)


def _opaque(folder: bytes) -> bool:
    try:
        return os.getxattr(folder, "user.overlay.opaque") == b"y"
    except OSError:
        return False
