"""The system call filter of a box, as classic BPF: a deny list on top of what the namespaces already stop."""

from __future__ import annotations

import platform

from midwatch.sandbox.bpf import (
    ALLOW,
    AUDIT_ARCH,
    EAFNOSUPPORT,
    ENOSYS,
    EPERM,
    JEQ,
    JSET,
    RETURN,
    argument,
    only_if,
    op,
    prologue,
    refuse,
    unless,
    when,
)

# name: (x86_64, aarch64); None where the architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_secret": (447, 447),
    "fanotify_init": (300, 262),
    "open_by_handle_at": (304, 265),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "uselib": (134, None),
    "_sysctl": (156, None),
}
# Programs fall back to older calls when these do not exist; their arguments cannot be seen by a filter.
ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_CLONE, _SOCKET, _IOCTL = (56, 220), (41, 198), (16, 29)
NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
FAMILIES = (1, 2, 10)  # unix, inet, inet6; netlink (16) for protocol 0 (route) only
NETLINK = 16
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
# personality: memory that is executable, begins at 0 or lies as it did long ago, and other systems' ways (but for
# Linux and its 32-bit form). Asking for the present one and switching off random addresses stay, debuggers do.
_PERSONALITY = (135, 92)
PERSONALITIES = 0x80000000 | 0x00700000 | 0xF7
ASKING = 0xFFFFFFFF


def machine() -> str:
    """The architecture's name as the kernel gives it, such as `x86_64`."""
    return platform.machine()


def supported(arch: str) -> bool:
    """Whether there is a filter for this architecture."""
    return arch in AUDIT_ARCH


def program(arch: str) -> bytes:
    """The filter as an array of struct sock_filter. Raises KeyError for an architecture that is not supported."""
    return body(arch) + op(RETURN, ALLOW)


def body(arch: str) -> bytes:
    """The filter without its end: what it has nothing against goes on behind it. Raises as `program`."""
    column = column_of(arch)
    code = prologue(arch)
    for table, error in ((ABSENT, ENOSYS), (DENIED, EPERM)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                code += [op(JEQ, number, 0, 1), refuse(error)]
    code += when(_CLONE[column], _clone())
    code += when(_SOCKET[column], _socket())
    code += when(_IOCTL[column], [argument(1), *only_if(TERMINAL_INPUT, EPERM)])
    code += when(_PERSONALITY[column], _personality())
    return b"".join(code)


def column_of(arch: str) -> int:
    """Which of the two numbers in a table is this architecture's. Raises KeyError for one that is not supported."""
    return {"x86_64": 0, "aarch64": 1}[arch]


def _clone() -> list[bytes]:
    return [argument(0), op(JSET, NEW_NAMESPACES, 0, 1), refuse(EPERM), op(RETURN, ALLOW)]


def _personality() -> list[bytes]:
    return [argument(0), op(JEQ, ASKING, 2, 0), op(JSET, PERSONALITIES, 0, 1), refuse(EPERM), op(RETURN, ALLOW)]


def _socket() -> list[bytes]:
    body = [argument(0)]
    for family in FAMILIES:
        body += [op(JEQ, family, 0, 1), op(RETURN, ALLOW)]
    return [*body, op(JEQ, NETLINK, 1, 0), refuse(EAFNOSUPPORT), argument(2), *unless([0], EAFNOSUPPORT)]
