"""The arguments of bwrap for one box: what it sees of the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from midwatch.sandbox.base import SUPPORT, WORKDIR, BoxSpec
from midwatch.sandbox.wording import merged

HOME = "/home/agent"
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID")
_LAST_ON_PATH = "/run/midwatch-bin"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Of /etc only what programs need to work; no host name, no users, no registry settings that may hold a credential.
_ETC = """
    ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime timezone mime.types magic services protocols rpc shells
    os-release debian_version lsb-release redhat-release alpine-release inputrc locale.alias locale.conf terminfo
    ssl/certs ssl/cert.pem ssl/openssl.cnf ca-certificates ca-certificates.conf pki/tls/certs pki/tls/cert.pem
    pki/ca-trust/extracted crypto-policies java-*-openjdk java maven perl python3 python3.* php fonts xml gss/mech.d
"""
# A box could fill the host's memory with files in what is not read-only here; /tmp and the home are on disk.
_KERNEL = f"""
    --proc /proc --dev /dev --size {256 << 20} --perms 1777 --tmpfs /dev/shm --perms 0755 --tmpfs /run
"""
_VAR = """
    --perms 0755 --dir /var --symlink /run /var/run --symlink /tmp /var/tmp
"""
# /proc too: the server runs as the same user as the commands, and whoever writes to its memory writes their exit codes.
# It also is not dumpable. Programs' own streams stay writable by way of /proc/self/fd: those lead to other mounts.
_SEAL = "--remount-ro /proc --remount-ro /dev --remount-ro /run"
_TEMPORARY = "/tmp"  # noqa: S108 - the box's own
_SYNTHESISED = {
    "/etc/passwd": (
        "root:x:0:0:root:/root:/usr/sbin/nologin\n"
        f"agent:x:1000:1000:agent:{HOME}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "/etc/group": "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost box\n::1 localhost box\n",
    "/etc/hostname": "box\n",
    "/etc/resolv.conf": "",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}

# The first to go when the host runs out of memory; all that is started below it inherits this.
_EXPENDABLE = "{ echo 900 >/proc/self/oom_score_adj; } 2>/dev/null\n"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a host path can be bound from: an open handle, or a staged path."""

    handle: int | None = None
    path: str = ""

    def bind(self, target: str, *, read_only: bool) -> list[str]:
        """The three arguments that bind it at `target`."""
        kind = "--ro-bind" if read_only else "--bind"
        return [kind, self.path, target] if self.handle is None else [f"{kind}-fd", str(self.handle), target]

    def mount(self, target: str) -> list[str]:
        """The same, for writing."""
        return self.bind(target, read_only=False)


@dataclass(frozen=True, slots=True)
class Layers:
    """Where an overlay is made from: paths, staged or not, the lowest first."""

    lower: tuple[str, ...]
    upper: str
    work: str

    def mount(self, target: str) -> list[str]:
        """The arguments that mount it at `target`."""
        below = [word for path in self.lower for word in ("--overlay-src", path)]
        return [*below, "--overlay", self.upper, self.work, target]


@dataclass(frozen=True, slots=True)
class Sources:
    """The host paths of a box, opened."""

    workspace: Source | Layers
    temporary: Source
    home: Source | Layers
    root: Layers | None
    read_only: tuple[tuple[str, Source], ...]
    """The path inside, and where it comes from."""


def isolation(*, disable_userns: bool, superuser: bool = False) -> list[str]:
    """Namespaces and privileges. `superuser`: uid 0 inside, with what package managers need."""
    user = "0" if superuser else "1000"
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *(("--disable-userns",) if disable_userns else ()),
        *("--die-with-parent", "--new-session", "--clearenv", "--hostname", "box", "--cap-drop", "ALL"),
        *(word for name in (_CAPABILITIES if superuser else ()) for word in ("--cap-add", f"CAP_{name}")),
        *("--uid", user, "--gid", user),
    ]


@cache
def system() -> tuple[str, ...]:
    """The read-only system: /usr, what belongs to it at the root, and the chosen files of /etc."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/", name)
        if place.is_symlink():
            arguments += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            arguments += ["--ro-bind", str(place), str(place)]
    arguments += ["--perms", "0755", "--dir", "/etc"]
    for place in _etc():
        if place.is_dir():
            arguments += ["--ro-bind", os.path.realpath(place), str(place)]
    return (*arguments, "--symlink", "/proc/self/mounts", "/etc/mtab")


@cache
def copied() -> tuple[Path, ...]:
    """The chosen files of /etc. They are copied: bwrap needs ten times as long for a mount as for a small file."""
    return tuple(place for place in _etc() if place.is_file())


def _etc() -> list[Path]:
    return [place for pattern in _ETC.split() for place in sorted(Path("/etc").glob(pattern))]


def world(sources: Sources, spec: BoxSpec, data: Mapping[str, int], empty: Mapping[str, int]) -> list[str]:
    """All that is mounted, in order. `data`: handles with the content of files by path; `empty`: handles
    of nothing, one for each masked file."""
    arguments = list(system()) if sources.root is None else sources.root.mount("/")
    for path, handle in data.items():
        arguments += ["--perms", "0644", "--file" if sources.root is None else "--ro-bind-data", str(handle), path]
    arguments += _KERNEL.split() + (_VAR.split() if sources.root is None else [])
    python = python_link(spec.path) if sources.root is None else ""
    if python:
        arguments += ["--symlink", python, f"{_LAST_ON_PATH}/python"]
    arguments += sources.temporary.bind(_TEMPORARY, read_only=False)
    arguments += sources.home.mount(HOME)
    for path, source in sources.read_only:
        arguments += source.bind(path, read_only=True)
    for path, handle in empty.items():
        arguments += ["--ro-bind-data", str(handle), path]
    arguments += sources.workspace.mount(WORKDIR)
    return [*arguments, *_SEAL.split(), *(() if spec.superuser else ("--remount-ro", "/")), "--chdir", WORKDIR]


def synthesised(spec: BoxSpec) -> Mapping[str, str]:
    """Files of /etc that are ours, by path; in a system of its own, only what belongs to the network."""
    if spec.root is None:
        return _SYNTHESISED
    return {path: _SYNTHESISED[path] for path in ("/etc/hosts", "/etc/resolv.conf")}


@cache
def python_link(path: tuple[str, ...]) -> str:
    """Where `python` should point when only `python3` is there; empty when there is nothing to add."""
    search = os.pathsep.join((*path, _SYSTEM_PATH))
    if shutil.which("python", path=search) is not None:
        return ""
    return shutil.which("python3", path=search) or ""


def environment(spec: BoxSpec) -> dict[str, str]:
    """All that a command finds in its environment."""
    path = [*spec.path, _SYSTEM_PATH if spec.root is None else _ROOT_PATH]
    if spec.root is None and python_link(spec.path):
        path.append(_LAST_ON_PATH)
    support = SUPPORT if spec.support is not None else ""
    return merged(HOME, _TEMPORARY, os.pathsep.join(path), support, spec.environment)


def expendable(argv: Iterable[str]) -> list[str]:
    """A shell that volunteers to be killed when the host runs out of memory, waits for a line on its standard input,
    and becomes `argv`. It is for what starts a box: inside nothing of /proc can be written."""
    return ["/bin/sh", "-c", f'{_EXPENDABLE}read -r _ || exit 1\nexec "$@" </dev/null', "sh", *argv]
