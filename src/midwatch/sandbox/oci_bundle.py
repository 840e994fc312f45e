"""A box as a bundle for container runtimes (crun, runc, runsc): a configuration, and the folders of an empty system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.sandbox import arguments
from midwatch.sandbox.arguments import Layers, Source, Sources
from midwatch.sandbox.base import WORKDIR, BoxSpec
from midwatch.sandbox.boxd.files import ConfinedFiles

VERSION = "1.0.2"
_TEMPORARY = "/tmp"  # noqa: S108 - the box's own
_FOLDERS = ("usr", "etc", "proc", "dev", "sys", "tmp", "run/midwatch", "var", "workspace", "home/agent")
_NAMES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SHARED_MEMORY = 256 << 20
_HIDDEN = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi")
_FIXED = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a box's commands are: the uid and gid inside, and how ids inside stand for ids outside (inside, outside)."""

    uid: int
    gid: int
    uids: tuple[tuple[int, int], ...]
    gids: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is seen inside: a path of the host's, or layers."""

    source: str | Layers
    target: str
    read_only: bool = True


def binds(spec: BoxSpec, sources: Sources) -> list[Bound]:
    """All that a box sees of the host, in the order to mount it."""
    found = [Bound("/usr", "/usr")]
    found += [Bound(f"/{name}", f"/{name}") for name in _NAMES if _is_folder(name)]
    found += [Bound(os.path.realpath(place), str(place)) for place in arguments.etc_paths() if place.is_dir()]
    writable = ((sources.temporary, _TEMPORARY), (sources.home, arguments.HOME), (sources.workspace, WORKDIR))
    found += [Bound(_path(source), target, read_only=False) for source, target in writable]
    found += [Bound(_path(source), target) for target, source in sources.read_only]
    found += [Bound(os.devnull, str(path)) for path in spec.masked if path.is_file()]
    return found


def _path(source: Source | Layers) -> str | Layers:
    if isinstance(source, Layers):
        return source
    return source.path if source.handle is None else os.readlink(f"/proc/self/fd/{source.handle}")  # noqa: PTH115


def make_system(folder: Path, spec: BoxSpec, bound: Sequence[Bound], owner: tuple[int, int] | None) -> None:
    """The box's root folder on the host: what is mounted on must be there, since the box's own is read-only. Blocks.
    What was there before is replaced. Raises OSError."""
    if folder.exists():
        shutil.rmtree(folder)
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    for name in _NAMES:
        place = Path("/", name)
        if place.is_symlink():
            (folder / name).symlink_to(place.readlink())
    (folder / "var/run").symlink_to("/run")
    (folder / "var/tmp").symlink_to("/tmp")  # noqa: S108 - the box's own
    (folder / "etc/mtab").symlink_to("/proc/self/mounts")
    for path, text in arguments.synthesised(spec).items():
        (folder / path[1:]).write_text(text, encoding="utf-8")
    for place in arguments.copied():
        target = folder / str(place)[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, target)
    python = arguments.python_link(spec.path)
    if python:
        place = folder / arguments.LAST_ON_PATH[1:]
        place.mkdir()
        (place / "python").symlink_to(python)
    for one in bound:
        around = next((other for other in reversed(bound) if one.target.startswith(f"{other.target}/")), None)
        whole = isinstance(one.source, Layers) or Path(one.source).is_dir()
        if around is None:
            target = folder / one.target[1:]
            (target if whole else target.parent).mkdir(parents=True, exist_ok=True)
            if not whole:
                target.touch()
        elif not around.read_only and isinstance(around.source, str):
            _make_place(around.source, one.target.removeprefix(f"{around.target}/"), whole, owner)
        # else what is around it brings the place along
    _let_all_look(folder)


def _make_place(folder: str, name: str, whole: bool, owner: tuple[int, int] | None) -> None:
    """In a folder that a box can write to, and may have planted links in."""
    files = ConfinedFiles(folder, owner)
    path = os.fsencode(name)
    if whole:
        os.close(files.walk(path.split(b"/"), path, True))
    else:
        try:
            files.read(path, 0)
        except FileNotFoundError:
            files.write(path, b"")
        except PermissionError:  # longer than nothing: it is there
            return


def configuration(root: str, who: Identity, bound: Sequence[Bound], argv: Sequence[str]) -> dict[str, object]:
    """The configuration without what only some runtimes know (`limits`, `filtered` of the drivers add it)."""
    mounts = [
        _mount("/proc", "proc", "proc", []),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        _mount("/dev/shm", "tmpfs", "shm", ["nosuid", "nodev", "mode=1777", f"size={_SHARED_MEMORY}"]),  # noqa: S108
    ]
    for one in bound:
        if isinstance(one.source, Layers):
            mounts.append(_mount(one.target, "overlay", "overlay", _overlay(one.source)))
        else:
            options = ["rbind", "rprivate", "nosuid", "nodev", "ro" if one.read_only else "rw"]
            mounts.append(_mount(one.target, "bind", one.source, options))
    return {
        "ociVersion": VERSION,
        "hostname": "box",
        "root": {"path": root, "readonly": True},
        "mounts": mounts,
        "process": {
            "terminal": False,
            "user": {"uid": who.uid, "gid": who.gid},
            "args": list(argv),
            "env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"],
            "cwd": "/",
            "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
            "noNewPrivileges": True,
            "oomScoreAdj": 900,
        },
        "linux": {
            "namespaces": [{"type": kind} for kind in ("user", "pid", "network", "ipc", "uts", "mount")],
            "uidMappings": _mappings(who.uids),
            "gidMappings": _mappings(who.gids),
            "maskedPaths": list(_HIDDEN),
            "readonlyPaths": list(_FIXED),
        },
    }


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, object]:
    return {"destination": target, "type": kind, "source": source, "options": options}


def _overlay(layers: Layers) -> list[str]:
    """As bubblewrap mounts it. Raises InputError for a path that the options cannot name."""
    for path in (*layers.lower, layers.upper, layers.work):
        if set(path) & set(":,\\"):
            raise InputError(
                f"a layer cannot have a `:`, `,` or backslash in its path: {path}", "move the state folder"
            )
    lower = ":".join(reversed(layers.lower))  # overlayfs wants the highest first
    return [f"lowerdir={lower}", f"upperdir={layers.upper}", f"workdir={layers.work}", "userxattr", "nosuid", "nodev"]


def _mappings(pairs: tuple[tuple[int, int], ...]) -> list[dict[str, int]]:
    return [{"containerID": inside, "hostID": outside, "size": 1} for inside, outside in pairs]


def _is_folder(name: str) -> bool:
    place = Path("/", name)
    return place.is_dir() and not place.is_symlink()


def _let_all_look(folder: Path) -> None:
    """Whatever our umask is: the box is another user, or has another user's rights."""
    for top, folders, files in os.walk(folder):
        for name in (".", *folders):
            place = Path(top, name)
            if not place.is_symlink():
                place.chmod(0o755)
        for name in files:
            if not Path(top, name).is_symlink():
                Path(top, name).chmod(0o644)
