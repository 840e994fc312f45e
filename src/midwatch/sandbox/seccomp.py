"""The system call filter of a box, as classic BPF: a deny list on top of what the namespaces already stop."""

from __future__ import annotations

import platform
import struct

_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

# Instructions: load a 32-bit word of struct seccomp_data, jump, return.
_LOAD, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH = 0, 4
_X32_BIT = 0x40000000

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture has no such call.
_DENIED: dict[str, tuple[int | None, int | None]] = {
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
_ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_CLONE, _SOCKET, _IOCTL = (56, 220), (41, 198), (16, 29)
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_FAMILIES = (1, 2, 10)  # unix, inet, inet6; netlink (16) for protocol 0 (route) only
_NETLINK = 16
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX


def machine() -> str:
    """The architecture's name as the kernel gives it, such as `x86_64`."""
    return platform.machine()


def supported(arch: str) -> bool:
    """Whether there is a filter for this architecture."""
    return arch in _AUDIT_ARCH


def program(arch: str) -> bytes:
    """The filter as an array of struct sock_filter. Raises KeyError for an architecture that is not supported."""
    audit = _AUDIT_ARCH[arch]
    column = 0 if arch == "x86_64" else 1
    code = [
        _op(_LOAD, _ARCH),
        _op(_JEQ, audit, 1, 0),
        _op(_RETURN, _KILL_PROCESS),  # a 32-bit program would be read by the wrong table
        _op(_LOAD, _NUMBER),
    ]
    if arch == "x86_64":
        code += [_op(_JGE, _X32_BIT, 0, 1), _op(_RETURN, _ERRNO | _ENOSYS)]
    for table, error in ((_ABSENT, _ENOSYS), (_DENIED, _EPERM)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                code += [_op(_JEQ, number, 0, 1), _op(_RETURN, _ERRNO | error)]
    code += _when(_CLONE[column], _clone())
    code += _when(_SOCKET[column], _socket())
    code += _when(_IOCTL[column], _ioctl())
    code.append(_op(_RETURN, _ALLOW))
    return b"".join(code)


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _argument(index: int) -> bytes:
    """Load the low 32 bits of an argument: all that the kernel uses of the arguments looked at here."""
    return _op(_LOAD, 16 + 8 * index)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """`body` for one system call; it ends in a return on every way through it."""
    return [_op(_JEQ, number, 0, len(body)), *body]


def _clone() -> list[bytes]:
    return [
        _argument(0),
        _op(_JSET, _NEW_NAMESPACES, 0, 1),
        _op(_RETURN, _ERRNO | _EPERM),
        _op(_RETURN, _ALLOW),
    ]


def _socket() -> list[bytes]:
    body = [_argument(0)]
    for family in _FAMILIES:
        body += [_op(_JEQ, family, 0, 1), _op(_RETURN, _ALLOW)]
    return [
        *body,
        _op(_JEQ, _NETLINK, 0, 3),
        _argument(2),
        _op(_JEQ, 0, 0, 1),
        _op(_RETURN, _ALLOW),
        _op(_RETURN, _ERRNO | _EAFNOSUPPORT),
    ]


def _ioctl() -> list[bytes]:
    body = [_argument(1)]
    for request in _TERMINAL_INPUT:
        body += [_op(_JEQ, request, 0, 1), _op(_RETURN, _ERRNO | _EPERM)]
    return [*body, _op(_RETURN, _ALLOW)]
