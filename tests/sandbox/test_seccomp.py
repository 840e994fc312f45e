from __future__ import annotations

import struct

import pytest

from midwatch.sandbox import seccomp

ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT = 0x50001, 0x50026, 0x50061


def verdict(arch: str, number: int, *arguments: int, audit: int = 0) -> int:
    """What the filter for `arch` returns for a system call."""
    return run(arch, seccomp.program(arch), number, *arguments, audit=audit)


def run(arch: str, program: bytes, number: int, *arguments: int, audit: int = 0) -> int:
    """What a filter returns: a little machine for the instructions that filters use."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", number, audit or ARCHES[arch], 0, *padded)
    place = register = 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", program, place * 8)
        place += 1
        if code == 0x20:
            (register,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return int(value)
        elif code == 0x54:
            register &= value
        else:
            true = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[code]
            place += yes if true else no


@pytest.mark.parametrize(("arch", "number"), [("x86_64", 135), ("aarch64", 92)])
def test_personalities_that_weaken_memory_or_ask_for_another_system_are_denied(arch: str, number: int) -> None:
    for denied in (0x0400000, 0x0100000, 0x0200000, 6, 0x0440000, 0x80000000, 0xFFFFFFFE, 0xFE400000):
        assert verdict(arch, number, denied) == EPERM, hex(denied)
    for allowed in (0, 8, 0x0040000, 0x0020000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF):
        assert verdict(arch, number, allowed) == ALLOW, hex(allowed)


@pytest.mark.parametrize("arch", ARCHES)
def test_foreign_architectures_are_killed(arch: str) -> None:
    for audit in {0x40000003, *ARCHES.values()} - {ARCHES[arch]}:
        assert verdict(arch, 0, audit=audit) == KILL


def test_the_x32_calls_of_x86_do_not_exist() -> None:
    assert verdict("x86_64", 0x40000000) == ENOSYS
    assert verdict("x86_64", 0x40000000 | 101) == ENOSYS


@pytest.mark.parametrize(
    ("name", "x86", "arm"),
    [
        ("ptrace", 101, 117),
        ("mount", 165, 40),
        ("unshare", 272, 97),
        ("setns", 308, 268),
        ("keyctl", 250, 219),
        ("bpf", 321, 280),
        ("process_vm_readv", 310, 270),
        ("open_by_handle_at", 304, 265),
        ("pidfd_getfd", 438, 438),
        ("fsopen", 430, 430),
    ],
)
def test_dangerous_calls_are_denied(name: str, x86: int, arm: int) -> None:
    assert (verdict("x86_64", x86), verdict("aarch64", arm)) == (EPERM, EPERM), name


@pytest.mark.parametrize(
    ("name", "x86", "arm"),
    [
        ("read", 0, 63),
        ("execve", 59, 221),
        ("openat", 257, 56),
        ("mmap", 9, 222),
        ("futex", 202, 98),
        ("connect", 42, 203),
    ],
)
def test_ordinary_calls_are_allowed(name: str, x86: int, arm: int) -> None:
    assert (verdict("x86_64", x86), verdict("aarch64", arm)) == (ALLOW, ALLOW), name


@pytest.mark.parametrize(("arch", "clone"), [("x86_64", 56), ("aarch64", 220)])
def test_clone_makes_processes_and_threads_but_no_namespaces(arch: str, clone: int) -> None:
    assert verdict(arch, clone, 17) == ALLOW
    assert verdict(arch, clone, 0x3D0F00) == ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(arch, clone, flag | 17) == EPERM
    assert verdict(arch, 435) == ENOSYS


@pytest.mark.parametrize(("arch", "call"), [("x86_64", 41), ("aarch64", 198)])
def test_only_ordinary_socket_families_exist(arch: str, call: int) -> None:
    assert [family for family in range(64) if verdict(arch, call, family, 1, 0) == ALLOW] == [1, 2, 10, 16]
    assert verdict(arch, call, 40, 1, 0) == EAFNOSUPPORT
    assert [protocol for protocol in range(32) if verdict(arch, call, 16, 3, protocol) == ALLOW] == [0]


@pytest.mark.parametrize(("arch", "call"), [("x86_64", 16), ("aarch64", 29)])
def test_nothing_can_be_typed_into_a_terminal(arch: str, call: int) -> None:
    for high in (0, 1 << 32):  # the kernel looks at 32 bits only
        assert verdict(arch, call, 0, 0x5412 | high) == EPERM
        assert verdict(arch, call, 0, 0x541C | high) == EPERM
    assert verdict(arch, call, 0, 0x5401) == ALLOW


def test_an_unknown_architecture_has_no_filter() -> None:
    assert not seccomp.supported("riscv64")
    with pytest.raises(KeyError):
        seccomp.program("riscv64")
