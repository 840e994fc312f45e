"""The arguments of bwrap for one command: what a box sees of the host, and what starts the command inside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.sandbox.base import SUPPORT, WORKDIR, BoxSpec

HOME = "/home/agent"
_LAST_ON_PATH = "/run/midwatch-bin"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_OPEN_FILES = 8192

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
    --perms 0755 --dir /var --symlink /run /var/run --symlink /tmp /var/tmp
"""
# /proc too: bwrap's process 1 runs as the same user as the command, and whoever writes to its memory writes its exit
# codes. Programs' own streams stay writable by way of /proc/self/fd: those lead to other mounts.
_SEAL = "--remount-ro /proc --remount-ro /dev --remount-ro /run --remount-ro /"
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

# The box's first process asks to be killed with its parent late, when it has started us: until then it would outlive a
# worker that is killed. The filter is what it takes on right after. So look for that, and then at whether anybody
# still reads what we say: a worker that has died meanwhile lets SIGPIPE end us, and a later death ends the box.
_ARMED = """while :; do
while read -r key value; do case $key$value in Seccomp:2) break 2 ;; esac; done </proc/1/status
done
"""
BEGUN = "begun"
"""What the inner shell says on bwrap's own stderr just before the command's output begins."""
# The first to go when the host runs out of memory; all that is started below it inherits this.
_EXPENDABLE = "{ echo 900 >/proc/self/oom_score_adj; } 2>/dev/null\n"
# $1 is the folder to start in (or nothing), $2 the largest file in blocks of 512 bytes, $3 the most processes (or
# nothing). What it says before `exec 2>&1` is our own failure; after that it is the command's output.
_LIMITS = f"""ulimit -c 0 && ulimit -f "$2" || exit 125
if [ -n "$3" ]; then ulimit -u "$3" 2>/dev/null || ulimit -p "$3" || exit 125; fi
ulimit -n {_OPEN_FILES} 2>/dev/null
"""
_COMMAND = """exec 2>&1
if [ -n "$1" ]; then cd "$1" || exit 126; fi
unset OLDPWD
shift 3
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a host path can be bound from: an open handle, or a staged path."""

    handle: int | None = None
    path: str = ""

    def bind(self, target: str, *, read_only: bool) -> list[str]:
        """The three arguments that bind it at `target`."""
        kind = "--ro-bind" if read_only else "--bind"
        return [kind, self.path, target] if self.handle is None else [f"{kind}-fd", str(self.handle), target]


@dataclass(frozen=True, slots=True)
class Sources:
    """The host paths of a box, opened."""

    workspace: Source
    temporary: Source
    home: Source
    support: Source | None
    read_only: tuple[tuple[str, Source], ...]


def isolation(*, disable_userns: bool) -> list[str]:
    """Namespaces and privileges: the same for every command."""
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *(("--disable-userns",) if disable_userns else ()),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *("--uid", "1000", "--gid", "1000", "--hostname", "box"),
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
    arguments = list(system())
    for path, handle in data.items():
        arguments += ["--perms", "0644", "--file", str(handle), path]
    arguments += _KERNEL.split()
    python = python_link(spec.path)
    if python:
        arguments += ["--symlink", python, f"{_LAST_ON_PATH}/python"]
    arguments += sources.temporary.bind(_TEMPORARY, read_only=False)
    arguments += sources.home.bind(HOME, read_only=False)
    for path, source in sources.read_only:
        arguments += source.bind(path, read_only=True)
    for path, handle in empty.items():
        arguments += ["--ro-bind-data", str(handle), path]
    arguments += sources.workspace.bind(WORKDIR, read_only=False)
    if sources.support is not None:
        arguments += sources.support.bind(SUPPORT, read_only=True)
    return [*arguments, *_SEAL.split(), "--chdir", WORKDIR]


def synthesised() -> Mapping[str, str]:
    """Files of /etc that are ours, by path."""
    return _SYNTHESISED


@cache
def python_link(path: tuple[str, ...]) -> str:
    """Where `python` should point when only `python3` is there; empty when there is nothing to add."""
    search = os.pathsep.join((*path, _SYSTEM_PATH))
    if shutil.which("python", path=search) is not None:
        return ""
    return shutil.which("python3", path=search) or ""


def environment(spec: BoxSpec) -> dict[str, str]:
    """All that a command finds in its environment. Raises InputError for a name or value that cannot be one."""
    path = [*spec.path, _SYSTEM_PATH]
    if python_link(spec.path):
        path.append(_LAST_ON_PATH)
    support = SUPPORT if spec.support is not None else ""
    return merged(HOME, _TEMPORARY, os.pathsep.join(path), support, spec.environment)


def merged(home: str, temporary: str, path: str, support: str, given: Mapping[str, str]) -> dict[str, str]:
    """Our variables, then those of the box. Raises InputError as `environment`."""
    git = {
        "user.name": "Midwatch agent",
        "user.email": "agent@midwatch.invalid",
        # A checkout made elsewhere has other inode and owner numbers; git would read every file again.
        "core.checkStat": "minimal",
        "core.trustctime": "false",
        "safe.directory": "*",
    }
    variables = {
        "HOME": home,
        "PATH": path,
        "USER": "agent",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": temporary,
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_COLOR": "1",
        "PYTHONPYCACHEPREFIX": f"{temporary}/pycache",
        "GIT_CONFIG_COUNT": str(len(git)),
    }
    for index, (key, value) in enumerate(git.items()):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    if support:
        variables["MIDWATCH_SUPPORT"] = support
    for name, value in given.items():
        if not name or "=" in name or "\0" in name + value:
            raise InputError(f"{name!r} cannot be an environment variable", "a name has no `=`; neither has a NUL")
        variables[name] = value
    return variables


def expendable(argv: Iterable[str]) -> list[str]:
    """A shell that volunteers to be killed when the host runs out of memory, and becomes `argv`. It is for bwrap
    itself: inside a box nothing of /proc can be written."""
    return ["/bin/sh", "-c", f'{_EXPENDABLE}exec "$@"', "sh", *argv]


def inner(spec: BoxSpec, folder: str, argv: Iterable[str], *, filtered: bool) -> list[str]:
    """What is started inside a box: a shell that sets the limits and becomes the command. `filtered`: whether the box
    has a system call filter."""
    script = _LIMITS + (_ARMED if filtered else "") + f"echo {BEGUN} >&2\n" + _COMMAND
    return ["/bin/sh", "-c", script, "sh", folder, _blocks(spec), str(spec.processes), *argv]


def bare(spec: BoxSpec, folder: str, argv: Iterable[str]) -> list[str]:
    """The same without a box, where processes are not counted apart from the user's others."""
    return ["/bin/sh", "-c", _EXPENDABLE + _LIMITS + _COMMAND, "sh", folder, _blocks(spec), "", *argv]


def _blocks(spec: BoxSpec) -> str:
    return str(max(1, spec.file_bytes // 512))


def refusal(argv: Iterable[str]) -> str:
    """Why these arguments cannot be a command, as a line of its output; empty when they can."""
    words = list(argv)
    if not words or not words[0]:
        return "midwatch: no command given\n"
    if any("\0" in word for word in words):
        return "midwatch: a command cannot hold a NUL byte\n"
    if words[0].startswith("-"):
        return f"midwatch: {words[0]}: not found\n"
    return ""


def absolute(cwd: str, workdir: str) -> str:
    """The folder to start in; empty for the workdir itself."""
    return "" if cwd in ("", ".") else os.path.join(workdir, cwd)  # noqa: PTH118 - a path inside
