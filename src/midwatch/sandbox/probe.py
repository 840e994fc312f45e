"""What this machine offers to a sandbox, found out by trying; `midwatch doctor` shows it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox import cgroups as control_groups
from midwatch.sandbox import locate, seccomp, trial
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.staging import stage

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact. `mend` says what to do when it is not ok; it starts with `optional` where boxes work without."""

    name: str
    ok: bool
    text: str
    mend: str = ""


async def findings() -> list[Finding]:
    """All facts, in the order to show them. Never raises for what is missing; takes some 50 ms."""
    try:
        chosen = await trial.program()
    except OperationError as error:
        return [*_without(error), cgroups(), system_call_filter()]
    return [
        Finding("bubblewrap", True, f"{chosen.version} from {chosen.candidate.origin}, {chosen.candidate.path}"),
        Finding("user namespaces", True, "a box could be set up" + _nested(chosen.disable_userns)),
        await overlayfs(chosen.path),
        foreign_layers(),
        cgroups(),
        system_call_filter(),
    ]


def _nested(disabled: bool) -> str:
    return (
        "" if disabled else "; bubblewrap's --disable-userns is refused here, the system call filter stands in for it"
    )


def _without(error: OperationError) -> list[Finding]:
    """The findings that depend on bubblewrap, when there is none that works."""
    found = locate.candidates()
    if not found:
        missing = Finding("bubblewrap", False, error.message, error.mend)
        namespaces = Finding("user namespaces", *_namespaces_by_settings())
    elif "cannot isolate" in error.message:
        missing = Finding("bubblewrap", True, str(found[0].path))
        namespaces = Finding("user namespaces", False, error.message, error.mend)
    else:
        missing = Finding("bubblewrap", False, error.message, error.mend)
        namespaces = Finding("user namespaces", *_namespaces_by_settings())
    return [missing, namespaces, Finding("overlayfs", False, "not tried: it takes a working bubblewrap", error.mend)]


def _namespaces_by_settings() -> tuple[bool, str, str]:
    """For when nothing can be tried: ok, text and mend from the kernel's settings."""
    for name, bad in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("user/max_user_namespaces", "0"),
        ("kernel/unprivileged_userns_clone", "0"),
    ):
        if locate.sysctl(name) == bad:
            return False, f"{name.replace('/', '.')} = {bad}", locate.mend_for("operation not permitted")
    return True, "not tried: it takes a working bubblewrap; no setting of the kernel forbids them", ""


async def overlayfs(bwrap: str) -> Finding:
    """Whether a box could lay a writable layer over a folder, tried in the folder for temporary files."""
    owner = box_owner("trial")
    with tempfile.TemporaryDirectory(prefix="midwatch-") as name:
        top = Path(name)
        folders = [top / part for part in ("base", "upper", "work")]
        for folder in folders:
            folder.mkdir()
        for folder in (top, *folders):
            if owner is not None:
                os.chown(folder, *owner)
        base, upper, work = map(str, folders)
        options = "--unshare-user --unshare-pid --die-with-parent --ro-bind / / --overlay-src".split()  # noqa: SIM905
        command = ["/bin/sh", "-c", "echo >/mnt/file"]
        try:
            code, said = await trial.run(bwrap, [*options, base, "--overlay", upper, work, "/mnt", "--", *command])
        except OperationError as error:
            code, said = 1, error.message
        with contextlib.suppress(OSError):
            (top / "work" / "work").chmod(0o700)  # the kernel leaves it closed to all
        if code == 0 and (top / "upper" / "file").exists():
            return Finding("overlayfs", True, "works inside a user namespace")
        text = f"does not work inside a user namespace: {said or 'nothing was written'}"
    mend = (
        "optional: it takes Linux 5.11 and a state folder that is not itself on an overlay (in a container: a volume)"
    )
    return Finding("overlayfs", False, text, mend)


def foreign_layers() -> Finding:
    """Whether a layer that belongs to one user can be shown as another's, which a service that runs as root needs."""
    owner = box_owner("trial")
    name = "identity-mapped mounts"
    if owner is None:
        return Finding(name, True, "not needed: boxes run as you")

    def attempt() -> str | None:
        with tempfile.TemporaryDirectory(prefix="midwatch-") as folder:
            staged = stage().bind(Path(folder), owner)
            if staged is not None:
                stage().unbind(staged)
            return staged

    try:
        if stage().call(attempt) is not None:
            return Finding(name, True, "layers of one user can be shown to a box as its own")
        text = "this process may not mount"
    except OSError as error:
        text = f"refused: {error.strerror}"
    mend = "optional: it takes CAP_SYS_ADMIN, util-linux, and Linux 5.19 for overlayfs; else folders are copied"
    return Finding(name, False, text, mend)


def cgroups() -> Finding:
    """Whether control groups are there for exact limits; without them, memory is watched."""
    found = control_groups.hierarchy()
    if found is not None:
        return Finding("cgroups", True, found.words())
    if not (_CGROUPS / "cgroup.controllers").exists() and "memory" not in control_groups.membership():
        return Finding("cgroups", False, "none; memory is watched every 0.1 s instead", "optional: mount cgroup2")
    mend = "optional: run under `systemd-run --user --scope -p Delegate=yes`"
    text = "no group may be made in the one of this process; memory is watched every 0.1 s instead"
    return Finding("cgroups", False, text, mend)


def system_call_filter() -> Finding:
    """Whether there is a filter for this machine's architecture and a kernel that takes it."""
    arch = seccomp.machine()
    if not seccomp.supported(arch):
        return Finding("seccomp", False, f"no system call filter for {arch}", "use a machine with x86_64 or aarch64")
    if not Path("/proc/sys/kernel/seccomp/actions_avail").exists():
        return Finding("seccomp", False, "the kernel has no seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER")
    return Finding("seccomp", True, f"{len(seccomp.program(arch)) // 8} instructions for {arch}")
