"""Can an unprivileged user of this machine make user namespaces? Exits 0, or 1 with what to change.

Tries what bubblewrap does first: unshare as a user that is not root, then map that user. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
NAMESPACES = 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000  # user, pid, network, mount

FIXES = {
    "kernel/unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,` for bwrap",
    ),
}


def attempt() -> None:
    """Raise OSError where it is not allowed. Changes the calling process for good: call it in a child."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: else /proc/self/uid_map stays root's
    uid = os.getuid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NAMESPACES) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")


def allowed() -> str:
    """Empty when it works, else the error."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            attempt()
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        return answer.read()


def main() -> int:
    """The exit code."""
    error = allowed()
    if not error:
        return 0
    print(
        f"User namespaces are not available here ({error}); the sandbox, and its tests, cannot work.", file=sys.stderr
    )
    for name, (bad, fix) in FIXES.items():
        setting = Path("/proc/sys") / name
        if setting.exists() and setting.read_text().strip() == bad:
            print(f"  {name.replace('/', '.')} is {bad}. As root: {fix}", file=sys.stderr)
    print("  In a container, its seccomp profile must let unshare and mount through.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
