"""A second system call filter, for boxes that share the host's processes, network and IPC: what Landlock leaves open.

The calls that name a process are refused for those that keep the box. Their pids are not known before the box is
started, so the filter is made with placeholders, which the launcher replaces (`SERVER`, `GUARD`).
"""

from __future__ import annotations

from midwatch.sandbox.bpf import (
    ALLOW,
    AND,
    ASK,
    EAFNOSUPPORT,
    ENOSYS,
    EOPNOTSUPP,
    EPERM,
    JEQ,
    RETURN,
    argument,
    only_if,
    op,
    prologue,
    refuse,
    unless,
    when,
)
from midwatch.sandbox.seccomp import column_of

SERVER, GUARD = 0x4D570001, 0x4D570002
"""Above any pid that Linux gives. Their negatives stand for the process groups."""

_REFUSED: dict[str, tuple[int, int]] = {
    # System V and POSIX IPC would be the host's.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # Nobody has a socket to call these with; they stay refused if one should ever be had.
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
}
_SOCKET, _SOCKETPAIR, _FCNTL, _IOCTL = (41, 198), (53, 199), (72, 25), (16, 29)
_SIGNALS = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
}
# Which argument names a process; 0 is the caller itself, and only that is allowed.
_ON_OTHERS = {
    "prlimit64": (0, (302, 261)),
    "sched_setscheduler": (0, (144, 119)),
    "sched_setparam": (0, (142, 118)),
    "sched_setattr": (0, (314, 274)),
    "setpriority": (1, (141, 140)),
    "ioprio_set": (1, (251, 30)),
}
_ASKED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_OWNERS: dict[str, tuple[int | None, int | None]] = {
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
}
_ATTRIBUTES: dict[str, tuple[int | None, int | None]] = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}
_LATER: dict[str, tuple[int | None, int | None]] = {
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
_SET_FLAGS = (0x40086602, 0x40046602, 0x401C5820)  # FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS, FS_IOC_FSSETXATTR
_UNIX, _STREAM, _SEQPACKET, _KIND_OF_SOCKET = 1, 1, 5, 0xF
_SET_OWNER = (8, 15)  # F_SETOWN, F_SETOWN_EX: the kernel would send the signals
_SET_OWNER_BY_IOCTL = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP
_EVERYBODY = 0xFFFFFFFF


def program(arch: str, others: tuple[int, ...] = ()) -> bytes:
    """The filter, to be loaded beside `seccomp.program`. `others`: pids of further processes that must not be
    signalled. Raises KeyError for an architecture that is not supported."""
    column = column_of(arch)
    code = prologue(arch)
    for numbers in _REFUSED.values():
        code += when(numbers[column], [refuse(EPERM)])
    code += when(_SOCKET[column], [refuse(EAFNOSUPPORT)])
    code += when(_SOCKETPAIR[column], _socketpair())
    code += signals(arch, others)
    for index, numbers in _ON_OTHERS.values():
        code += when(numbers[column], [argument(index), *unless([0], EPERM)])
    code += when(_FCNTL[column], [argument(1), *only_if(_SET_OWNER, EPERM)])
    code += when(_IOCTL[column], [argument(1), *only_if(_SET_OWNER_BY_IOCTL, EPERM)])
    code.append(op(RETURN, ALLOW))
    return b"".join(code)


def asked_calls(arch: str) -> list[tuple[int, str]]:
    """The calls that `asking` has the guard asked about."""
    found = ((numbers[column_of(arch)], name) for name, numbers in _ASKED.items())
    return [(number, name) for number, name in found if number is not None]


def asking(arch: str) -> bytes:
    """A third filter, for a box that runs as the person's own user: Landlock leaves the modes, times and attributes of
    all the person's files open. The guard is asked about the first two; the others are refused."""
    column = column_of(arch)
    code = prologue(arch)
    for asked, _ in asked_calls(arch):
        code += when(asked, [op(RETURN, ASK)])
    for table, error in ((_OWNERS, EPERM), (_ATTRIBUTES, EOPNOTSUPP), (_LATER, ENOSYS)):
        for number in (numbers[column] for numbers in table.values()):
            if number is not None:
                code += when(number, [refuse(error)])
    code += when(_IOCTL[column], [argument(1), *only_if(_SET_FLAGS, EPERM)])
    code.append(op(RETURN, ALLOW))
    return b"".join(code)


def signals(arch: str, others: tuple[int, ...] = ()) -> list[bytes]:
    """The part that keeps signals from the server, the guard and `others`, and from everybody at once."""
    kept = [number for pid in (SERVER, GUARD, *others) for number in (pid, _negative(pid))]
    code = []
    for numbers in _SIGNALS.values():
        code += when(numbers[column_of(arch)], [argument(0), *only_if([*kept, _EVERYBODY], EPERM)])
    return code


def _socketpair() -> list[bytes]:
    """Only kinds that stay connected to each other: a datagram socket of a pair can send to any other on the host."""
    kinds = [argument(1), op(AND, _KIND_OF_SOCKET), *unless([_STREAM, _SEQPACKET], EPERM)]
    return [argument(0), op(JEQ, _UNIX, 1, 0), refuse(EAFNOSUPPORT), *kinds]


def _negative(pid: int) -> int:
    return (1 << 32) - pid
