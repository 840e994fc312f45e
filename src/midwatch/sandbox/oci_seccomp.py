"""The system call filter of a box in the form that container runtimes read, from the same tables as the BPF one."""

from __future__ import annotations

from collections.abc import Iterable

from midwatch.sandbox import seccomp
from midwatch.sandbox.bpf import EAFNOSUPPORT, ENOSYS, EPERM

_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


def profile(arch: str) -> dict[str, object]:
    """For `linux.seccomp` of a bundle's configuration. Calls of other architectures kill the program, as libseccomp
    does of itself. Raises KeyError for an architecture that is not supported."""
    column = seccomp.column_of(arch)
    rules = [
        _refuse(_there(seccomp.ABSENT, column), ENOSYS),
        _refuse(_there(seccomp.DENIED, column), EPERM),
        # Each bit by itself: one comparison can only say that all bits of a mask are set.
        *(_refuse(["clone"], EPERM, [(0, "SCMP_CMP_MASKED_EQ", bit, bit)]) for bit in _bits(seccomp.NEW_NAMESPACES)),
        *(_refuse(["socket"], EAFNOSUPPORT, [condition]) for condition in _other_families()),
        _refuse(["socket"], EAFNOSUPPORT, [(0, "SCMP_CMP_MASKED_EQ", _LOW, seccomp.NETLINK), (2, "SCMP_CMP_NE", 0, 0)]),
        *(_refuse(["personality"], EPERM, [condition]) for condition in _personalities()),
        *(_refuse(["ioctl"], EPERM, [(1, "SCMP_CMP_MASKED_EQ", _LOW, n)]) for n in seccomp.TERMINAL_INPUT),
    ]
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [_ARCHITECTURES[arch]], "syscalls": rules}


_LOW = 0xFFFFFFFF
"""All that the kernel looks at of these arguments; the upper half may be anything."""


def _other_families() -> list[tuple[int, str, int, int]]:
    """What no allowed family matches, by the low half of the argument."""
    allowed = {*seccomp.FAMILIES, seccomp.NETLINK}
    highest = max(allowed)
    single = [(0, "SCMP_CMP_MASKED_EQ", _LOW, family) for family in range(highest + 1) if family not in allowed]
    above = [(0, "SCMP_CMP_MASKED_EQ", bit, bit) for bit in _bits(_LOW & ~(2 * highest - 1))]
    between = [(0, "SCMP_CMP_MASKED_EQ", _LOW, family) for family in range(highest + 1, 2 * highest)]
    return [*single, *between, *above]


def _personalities() -> list[tuple[int, str, int, int]]:
    """Those refused: with one of the bits and without the highest, or with the highest and not all others."""
    highest = 1 << 31
    bits = [bit for bit in _bits(seccomp.ASKING) if bit != highest]
    refused = [(0, "SCMP_CMP_MASKED_EQ", highest | bit, bit) for bit in bits if bit & seccomp.PERSONALITIES]
    return [*refused, *((0, "SCMP_CMP_MASKED_EQ", highest | bit, highest) for bit in bits)]


def _there(table: dict[str, tuple[int | None, int | None]], column: int) -> list[str]:
    return [name for name, numbers in table.items() if numbers[column] is not None]


def _bits(mask: int) -> Iterable[int]:
    return [1 << place for place in range(mask.bit_length()) if mask >> place & 1]


def _refuse(names: list[str], error: int, conditions: Iterable[tuple[int, str, int, int]] = ()) -> dict[str, object]:
    """`conditions`: which argument, how it is compared, with what (for a mask: the mask, and what must be left)."""
    arguments = [
        {"index": index, "op": how, "value": value, "valueTwo": second} for index, how, value, second in conditions
    ]
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error, **({"args": arguments} if arguments else {})}
