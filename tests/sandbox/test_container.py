from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.sandbox import container, identity, oci_bundle, oci_seccomp, seccomp
from midwatch.sandbox.arguments import Layers
from midwatch.sandbox.container import Container
from midwatch.sandbox.oci_bundle import Bound
from tests.sandbox.boxes import opened, spec_below
from tests.sandbox.layers import tree
from tests.sandbox.test_seccomp import ARCHES, verdict
from tests.support.drivers import EVERY

CONTAINER = next(driver for driver in EVERY if driver.name == "container")
ALLOW, ERRNO = 0x7FFF0000, 0x50000


def answer(profile: dict[str, Any], name: str, *arguments: int) -> int:
    """What a runtime's filter returns: the first rule whose conditions all hold."""
    holds: dict[str, Callable[[int, int, int], bool]] = {
        "SCMP_CMP_EQ": lambda given, value, _: given == value,
        "SCMP_CMP_NE": lambda given, value, _: given != value,
        "SCMP_CMP_MASKED_EQ": lambda given, mask, value: given & mask == value,
    }
    for rule in profile["syscalls"]:
        conditions = rule.get("args", [])
        if name in rule["names"] and all(
            holds[one["op"]](arguments[one["index"]], one["value"], one["valueTwo"]) for one in conditions
        ):
            return int(ERRNO | rule["errnoRet"])
    return ALLOW


@pytest.mark.parametrize("arch", ARCHES)
def test_the_runtimes_filter_says_what_our_own_says(arch: str) -> None:
    profile = json.loads(json.dumps(oci_seccomp.profile(arch)))
    column = seccomp.column_of(arch)
    for name, numbers in {**seccomp.DENIED, **seccomp.ABSENT}.items():
        number = numbers[column]
        if number is not None:
            assert answer(profile, name, 0, 0, 0) == verdict(arch, number), name
    clone, socket, ioctl = ((56, 41, 16), (220, 198, 29))[column]
    for flags in (0, 17, 0x100, *(1 << bit for bit in range(32)), 0x10000000 | 17, 0x7E020000):
        assert answer(profile, "clone", flags) == verdict(arch, clone, flags), hex(flags)
    for family in (*range(64), 1 << 31, 1 << 32, (1 << 32) | 2, (1 << 32) | 16):
        for protocol in (0, 1, 15):
            expected = verdict(arch, socket, family, 3, protocol)
            assert answer(profile, "socket", family, 3, protocol) == expected, (family, protocol)
    for request in (0x5412, 0x541C, 0x5413, 0x5401, (1 << 32) | 0x5412):
        assert answer(profile, "ioctl", 0, request) == verdict(arch, ioctl, 0, request), hex(request)


TRIED = """
import ctypes, errno, fcntl, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def number(result):
    return ctypes.get_errno() if result == -1 else "done"
def made(family, protocol=0):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM, protocol).close()
    except OSError as error:
        return error.errno
    return "done"
try:
    fcntl.ioctl(0, 0x5412, b"x")
except OSError as error:
    terminal = error.errno
print(number(libc.unshare(0x10000000)), number(libc.ptrace(16, 1, 0, 0)), number(libc.syscall(425, 1, 0)),
      number(libc.syscall(250, 0, 0)), made(40), made(38), made(17), made(16, 15), made(16, 0), made(2), terminal)
"""


@pytest.mark.skipif(seccomp.machine() != "x86_64", reason="the numbers of the calls are x86_64's")
async def test_the_filter_is_in_force_inside(tmp_path: Path) -> None:
    CONTAINER.required()
    async with opened(Container(), tmp_path) as bench:
        said = await bench.python(TRIED)
    assert said.split() == ["1", "1", "38", "1", "97", "97", "97", "97", "done", "done", "1"]


async def test_links_planted_where_a_place_is_made_lead_nowhere(tmp_path: Path) -> None:
    CONTAINER.required()
    shown = tree(tmp_path / "shown", file="shown")
    target = tmp_path / "target"
    target.mkdir(mode=0o777)
    sandbox = Container()
    spec = spec_below(tmp_path, sandbox, "planted")
    (spec.private / "tmp").mkdir(parents=True)
    first = shown.relative_to("/tmp").parts[0] if shown.is_relative_to("/tmp") else "x"
    (spec.private / "tmp" / first).symlink_to(target)
    owner = sandbox.owner("planted")
    bound = [Bound(str(spec.private / "tmp"), "/tmp", read_only=False), Bound(str(shown), f"/tmp/{first}/shown")]
    with pytest.raises(PermissionError):
        oci_bundle.make_system(tmp_path / "system", spec, bound, owner)
    assert list(target.iterdir()) == []


def test_a_layer_whose_path_overlayfs_would_misread_is_refused() -> None:
    for path in ("/a:b", "/a,upperdir=b", "/a\\b"):
        layers = Layers((path,), "/upper", "/work")
        who = identity.identity((61184, 61184))
        with pytest.raises(InputError, match="layer"):
            oci_bundle.configuration("/root", who, [Bound(layers, "/workspace")], ["true"])


def test_no_id_of_a_container_is_the_hosts_root() -> None:
    who = identity.identity((61184, 61185))
    assert {outside for _, outside in who.uids + who.gids} == {61184, 61185, 61186}
    assert who.uid == {outside: inside for inside, outside in who.uids}[61184]


async def test_without_a_runtime_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_PLACES", str(tmp_path))
    with pytest.raises(OperationError, match="no container runtime is installed") as caught:
        await Container().probe()
    assert "apt install crun runc" in caught.value.mend


def test_a_user_who_may_give_away_no_ids_is_told_how_to_get_some(tmp_path: Path) -> None:
    ids = tmp_path / "subuid"
    ids.write_text(f"somebody:100000:65536\n{os.geteuid()}:7000:0\n")
    with pytest.raises(OperationError, match="no ids for containers") as caught:
        identity._first_of(str(ids))
    assert "usermod --add-subuids" in caught.value.mend
    ids.write_text(f"somebody:100000:65536\n{os.geteuid()}:7000:10\n")
    assert identity._first_of(str(ids)) == 7000


async def test_nothing_is_left_when_a_runtime_fails(tmp_path: Path) -> None:
    program = tmp_path / "runc"
    program.write_text("#!/bin/sh\necho planted complaint >&2\nexit 1\n")
    program.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    handles = len(os.listdir("/proc/self/fd"))
    for step in range(4):
        with pytest.raises(OperationError, match=r"planted complaint|no ids for containers"):
            async with opened(Container(str(program)), tmp_path, f"box-{step}"):
                pass
    assert len(os.listdir("/proc/self/fd")) <= handles + 4  # the loop and the stage keep theirs
