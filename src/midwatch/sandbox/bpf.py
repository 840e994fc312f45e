"""Pieces of classic BPF for system call filters: instructions over struct seccomp_data."""

from __future__ import annotations

import struct
from collections.abc import Iterable

EPERM, ENOSYS, EOPNOTSUPP, EAFNOSUPPORT = 1, 38, 95, 97
ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ASK = 0x7FC00000
ERRNO = 0x00050000
"""Or it with the error that the call fails with."""

LOAD, JEQ, JGE, JSET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
"""Load a 32-bit word, jump (three ways), mask what is loaded, return a verdict."""
X32_BIT = 0x40000000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_NUMBER, _ARCH = 0, 4


def op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are how many to skip."""
    return struct.pack("=HBBI", code, yes, no, value)


def argument(index: int) -> bytes:
    """Load the low 32 bits of an argument: all that the kernel uses of the arguments looked at here."""
    return op(LOAD, 16 + 8 * index)


def when(number: int, body: list[bytes]) -> list[bytes]:
    """`body` for one system call; it ends in a return on every way through it. The number must be loaded before."""
    return [op(JEQ, number, 0, len(body)), *body]


def refuse(error: int) -> bytes:
    """The call fails with this error."""
    return op(RETURN, ERRNO | error)


def unless(values: Iterable[int], error: int) -> list[bytes]:
    """Refuse when what is loaded is none of `values`, else allow."""
    listed = list(values)
    tests = [op(JEQ, value, len(listed) - index, 0) for index, value in enumerate(listed)]
    return [*tests, refuse(error), op(RETURN, ALLOW)]


def only_if(values: Iterable[int], error: int) -> list[bytes]:
    """Refuse when what is loaded is one of `values`, else allow."""
    listed = list(values)
    tests = [op(JEQ, value, len(listed) - index, 0) for index, value in enumerate(listed)]
    return [*tests, op(RETURN, ALLOW), refuse(error)]


def prologue(arch: str) -> list[bytes]:
    """What every filter begins with: other architectures are killed, since their calls would be read by the wrong
    table, and x32's do not exist. Leaves the number loaded. Raises KeyError for an architecture that is not known."""
    code = [op(LOAD, _ARCH), op(JEQ, AUDIT_ARCH[arch], 1, 0), op(RETURN, KILL_PROCESS), op(LOAD, _NUMBER)]
    return [*code, op(JGE, X32_BIT, 0, 1), refuse(ENOSYS)] if arch == "x86_64" else code
