"""What a box is given: folders, layers, limits, hosts. Plain data; nothing else of the host is reachable from a box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.sandbox.network import Network

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Overlay:
    """Read-only layers with one writable folder on top, joined by overlayfs; made in no time at any size."""

    lower: tuple[Path, ...]
    """Host folders, the lowest first; never written. Each belongs to one user throughout, who may differ from the box's
    owner: a driver that says `overlay` shows it as the owner's."""
    upper: Path
    """Host folder, belongs to `owner(id)`: takes every change in the form of overlayfs (a deleted file is a character
    device 0:0, a replaced folder has the attribute user.overlay.opaque=y). The host may read it at any time, and may
    write to it only while no box is open on it."""
    work: Path
    """Host folder beside `upper` (one parent for both), belongs to `owner(id)`; overlayfs's own, empty
    before the first use."""


@dataclass(frozen=True, slots=True)
class BoxLimits:
    """Caps of a whole box, all its commands together. What passes one is ended, and the words say which it was."""

    memory_bytes: int = 6 << 30
    processes: int = 512
    """Processes and threads at once."""
    cpus: float | None = None
    """CPU seconds a second; None for no cap. Where no control group is delegated only the priority is lowered."""
    file_bytes: int = 4 << 30
    """The largest file."""
    open_files: int = 8192
    """Of one process."""
    disk_bytes: int = 16 << 30
    """What the workspace's upper folder, /tmp and the home may take together."""
    files: int = 2_000_000
    """Files and folders in those."""
    seconds: float | None = None
    """Wall clock of the box while it is open; None for no cap."""


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """What a box is given."""

    id: str
    """Names the box; `Sandbox.owner(id)` says whom its writable folders must belong to."""
    workspace: Path | Overlay
    """Seen read-write at the workdir: a host folder (no symbolic link, belongs to `owner(id)`), or layers."""
    private: Path
    """Host folder (made when missing) for the box's own /tmp and home; lasts as long as the caller keeps it."""
    home: tuple[Path, ...] = ()
    """Read-only layers below the box's home, the lowest first (what a setup left there)."""
    root: Overlay | None = None
    """The box's system instead of the host's: an unpacked root file system, what a setup added, and an upper folder."""
    superuser: bool = False
    """Commands are uid 0 inside, with the capabilities of a package manager. Only for setup and with `root`."""
    support: Path | None = None
    """Host folder, bound read-only at SUPPORT."""
    read_only: tuple[Path, ...] = ()
    """Host files and folders bound read-only at the same path (toolchains, virtual environments, git objects)."""
    masked: tuple[Path, ...] = ()
    """Files inside `read_only` that appear empty (a pip.conf may hold a credential)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    """Folders that come before the system's on PATH."""
    later: bool = False
    """Nothing is started before something is to be run in it, or a file of it asked for."""
    limits: BoxLimits = field(default_factory=BoxLimits)
    network: Network | None = None
    """The hosts that may be reached, through a proxy outside; None for none at all."""
