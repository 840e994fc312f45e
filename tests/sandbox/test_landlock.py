from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError, SandboxLost
from midwatch.sandbox import landlock_filter, landlock_orders
from midwatch.sandbox.bpf import ALLOW, ERRNO
from midwatch.sandbox.landlock import Landlock
from midwatch.sandbox.network import Network
from tests.sandbox.boxes import Bench, alive, opened, spec_below, token, until
from tests.sandbox.test_seccomp import ARCHES, run
from tests.support.drivers import EVERY

LANDLOCK = next(driver for driver in EVERY if driver.name == "landlock")
SERVER, GUARD = landlock_filter.SERVER, landlock_filter.GUARD
EPERM, EOPNOTSUPP, EAFNOSUPPORT = (ERRNO | number for number in (1, 95, 97))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    LANDLOCK.required()
    async with opened(Landlock(), tmp_path) as bench:
        yield bench


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the box, which only its mode would protect."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    path = tmp_path / "outside"
    path.write_text("outside")
    path.chmod(0o644)
    return path


CHANGES = """
import os, sys, time
def tried(change):
    try:
        return change()
    except OSError as error:
        return error.errno
open("file", "w").close()
os.mkdir("folder")
open("folder/below", "w").close()
os.symlink(sys.argv[1], "link")
handle, folder, other = os.open("file", os.O_RDWR), os.open("folder", os.O_RDONLY), os.open("/usr/bin/env", os.O_RDONLY)
print(
    tried(lambda: (os.chmod("file", 0o751), oct(os.stat("file").st_mode))[1]),
    tried(lambda: (os.fchmod(handle, 0o640), oct(os.stat("file").st_mode))[1]),
    tried(lambda: (os.chmod("below", 0o700, dir_fd=folder), oct(os.stat("folder/below").st_mode))[1]),
    tried(lambda: (os.chmod(f"/proc/self/fd/{handle}", 0o600), oct(os.stat("file").st_mode))[1]),
    tried(lambda: (os.utime("file", ns=(5, 1234567890)), os.stat("file").st_mtime_ns)[1]),
    tried(lambda: (os.utime("file"), abs(os.stat("file").st_mtime - time.time()) < 60)[1]),
    tried(lambda: (os.utime(handle, (5, 8)), os.stat("file").st_mtime)[1]),
    tried(lambda: (os.utime("link", (5, 9), follow_symlinks=False), os.lstat("link").st_mtime)[1]),
    tried(lambda: os.chmod("missing", 0o700)),
    tried(lambda: os.fchmod(999, 0o700)),
    "|",
    tried(lambda: os.chmod(sys.argv[1], 0o777)),
    tried(lambda: os.chmod("link", 0o777)),
    tried(lambda: os.chmod(os.path.relpath(sys.argv[1]), 0o777)),
    tried(lambda: os.fchmod(other, 0o777)),
    tried(lambda: os.utime(sys.argv[1], (5, 6))),
    tried(lambda: os.utime(other, (5, 6))),
    tried(lambda: os.chown(sys.argv[1], os.getuid(), os.getgid())),
)
"""


async def test_modes_and_times_can_be_changed_in_the_box_and_nowhere_else(bench: Bench, outside: Path) -> None:
    before = outside.stat()
    inside, out = (await bench.python(CHANGES, str(outside))).split("|")
    modes = ["0o100751", "0o100640", "0o100700", "0o100600"]
    assert inside.split() == [*modes, "1234567890", "True", "8.0", "9.0", "2", "9"]
    assert set(out.split()) <= {"1", "2"}, out  # not permitted, or for root's boxes not even there
    assert outside.stat() == before


async def test_attributes_are_not_changed_outside(bench: Bench, outside: Path) -> None:
    code = "import os, sys\ntry: os.setxattr(sys.argv[1], 'user.planted', b'x')\nexcept OSError as e: print(e.errno)"
    assert (await bench.python(code, str(outside))).strip() in ("1", "2", "13", "95")
    assert os.listxattr(outside) == []


REFUSED = """
import ctypes, errno, fcntl, os, resource, sys
libc = ctypes.CDLL(None, use_errno=True)
def number(result):
    return ctypes.get_errno() if result == -1 else "done"
def tried(change):
    try:
        change()
    except OSError as error:
        return error.errno
    return "done"
other = int(sys.argv[1])
print(
    number(libc.shmget(0, 4096, 0o1600)),
    number(libc.semget(0, 1, 0o1600)),
    number(libc.msgget(0, 0o1600)),
    number(libc.mq_open(b"/planted", os.O_CREAT | os.O_RDWR, 0o600, None)),
    tried(lambda: os.setpriority(os.PRIO_PROCESS, other, 19)),
    tried(lambda: resource.prlimit(other, resource.RLIMIT_CPU, (1, 1))),
    tried(lambda: os.sched_setscheduler(other, os.SCHED_IDLE, os.sched_param(0))),
    tried(lambda: fcntl.fcntl(0, fcntl.F_SETOWN, other)),
)
"""


async def test_calls_that_act_on_other_processes_and_shared_ipc_are_refused(bench: Bench) -> None:
    with subprocess.Popen(["sleep", token()]) as other:
        said = await bench.python(REFUSED, str(other.pid))
        other.kill()
    assert said.split() == ["1"] * 8


async def test_the_server_cannot_be_signalled_by_any_name_for_it(bench: Bench) -> None:
    code = """
import os, signal
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
server = parent(os.getppid())
for pid in (server, parent(server)):
    for way in (os.kill, os.killpg, lambda pid, n: signal.pidfd_send_signal(os.pidfd_open(pid), n)):
        try:
            way(pid, 9)
        except OSError as error:
            print(error.errno, end=" ")
"""
    assert await bench.python(code) == "1 1 1 1 1 1 "
    assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_when_the_guard_is_killed_nothing_goes_on(bench: Bench) -> None:
    mark = token()
    session = await bench.box.start(["sh", "-c", "setsid sleep $0 & echo >begun; sleep $0", mark], output_bytes=100)
    await until((bench.workspace / "begun").exists, "the command started")
    stat = Path("/proc/self/task").glob("*/children")
    (guard,) = [pid for file in stat for pid in file.read_text().split() if b"landlock_launch" in _arguments(pid)]
    os.kill(int(guard), 9)
    await until(lambda: not alive(mark), "all processes ended")
    await bench.box.close()
    with contextlib.suppress(SandboxLost):  # said by whoever notices first: the end of the channel, or our closing
        result = await session.poll(5)
        assert result is not None
        assert result.exit_code is None


def _arguments(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_terminal_is_made_for_boxes_with_a_user_of_their_own_and_else_refused_in_words(bench: Bench) -> None:
    said: list[bytes] = []
    session = await bench.box.start(["tty"], output_bytes=1000, pty=True, sink=said.append)
    result = await session.poll(30)
    assert result is not None
    if bench.owner is not None:
        assert (result.ended, b"".join(said)[:9]) == ("exit 0", b"/dev/pts/")
    else:
        assert (result.exit_code, b"no terminal can be had" in b"".join(said)) == (126, True)


async def test_processes_are_counted(tmp_path: Path) -> None:
    LANDLOCK.required()
    code = "import os, time\nn = 0\ntry:\n  while n < 2000:\n    if os.fork() == 0: time.sleep(60)\n    n += 1\n"
    async with opened(Landlock(), tmp_path, processes=40) as bench:
        said = await bench.python(code + "except OSError as error: print(n < 1000, error.errno)")
    assert said == "True 11\n"


async def test_what_it_cannot_give_is_an_error_that_names_the_way_out(tmp_path: Path) -> None:
    LANDLOCK.required()
    spec = spec_below(tmp_path, Landlock())
    for changes in ({"network": Network(())}, {"home": (tmp_path,)}):
        with pytest.raises(InputError, match="landlock"):
            async with opened(Landlock(), tmp_path, f"box-{len(changes)}-{next(iter(changes))}", **changes):
                pass
    assert spec.private.parent.is_dir()


@pytest.mark.parametrize(("version", "words"), [(0, "no Landlock"), (2, "version 2")])
async def test_a_kernel_that_is_too_old_is_refused_with_what_to_use(
    monkeypatch: pytest.MonkeyPatch, version: int, words: str
) -> None:
    monkeypatch.setattr(landlock_orders, "version", lambda: version)
    with pytest.raises(OperationError, match=words) as caught:
        await Landlock().probe()
    assert re.search(r"6\.2|CONFIG_SECURITY_LANDLOCK", caught.value.mend)


@pytest.mark.parametrize("arch", ARCHES)
def test_the_filter_lets_no_socket_be_made_but_connected_pairs(arch: str) -> None:
    program = landlock_filter.program(arch)
    socket, pair = ((41, 53), (198, 199))[arch == "aarch64"]
    for family in (1, 2, 10, 16, 17, 38, 40):
        assert run(arch, program, socket, family, 1) == EAFNOSUPPORT
    assert [run(arch, program, pair, 1, kind | 0x80000) for kind in (1, 5)] == [ALLOW, ALLOW]
    assert [run(arch, program, pair, 1, kind) for kind in (2, 3)] == [EPERM, EPERM]
    assert run(arch, program, pair, 2, 1) == EAFNOSUPPORT


@pytest.mark.parametrize("arch", ARCHES)
def test_the_filter_knows_every_way_to_name_those_who_keep_the_box(arch: str) -> None:
    program = landlock_filter.program(arch, (4711,))
    kill = 129 if arch == "aarch64" else 62
    for pid in (SERVER, GUARD, 4711):
        assert run(arch, program, kill, pid, 9) == EPERM
        assert run(arch, program, kill, -pid & 0xFFFFFFFF, 9) == EPERM
    assert run(arch, program, kill, -1 & 0xFFFFFFFF, 9) == EPERM
    assert [run(arch, program, kill, 0, 9), run(arch, program, kill, 4712, 9)] == [ALLOW] * 2


def test_rights_that_a_version_does_not_know_are_not_asked_of_it() -> None:
    assert landlock_orders.handled(3) == ((1 << 15) - 1, 0, 0)
    assert landlock_orders.handled(4) == ((1 << 15) - 1, 3, 0)
    assert landlock_orders.handled(6) == ((1 << 16) - 1, 3, 3)
