"""Layers for tests: overlay folders of the right owner, and a small root file system made from the host's programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.spec import Overlay
from tests.sandbox.boxes import BOX


def overlay(folder: Path, sandbox: Sandbox, *lower: Path, box_id: str = BOX) -> Overlay:
    """An overlay over `lower`, its own folders below `folder` and new."""
    owner = sandbox.owner(box_id)
    upper, work = folder / "upper", folder / "work"
    for path in (upper, work):
        path.mkdir(parents=True)
        if owner is not None:
            os.chown(path, *owner)
    return Overlay(lower, upper, work)


def tree(folder: Path, **files: str) -> Path:
    """A folder with these files; `__` in a name is a `/`."""
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def root_file_system(folder: Path, *programs: str) -> Path:
    """An unpacked root file system with a shell, these programs of the host's and their libraries, and no Python."""
    for name in ("bin", "etc", "tmp", "var/tmp", "usr", "proc", "dev", "run"):
        (folder / name).mkdir(parents=True)
    for name in ("sh", *programs):
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found is not None, name
        shutil.copy(os.path.realpath(found), folder / "bin" / name)
        for line in subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout.splitlines():
            words = [word for word in line.split() if word.startswith("/")]
            if words:
                place = folder / words[0].lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(os.path.realpath(words[0]), place)
    (folder / "etc" / "os-release").write_text("ID=another\n")
    return folder
