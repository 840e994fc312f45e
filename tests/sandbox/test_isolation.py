"""What a box of any driver that isolates cannot reach; and that the same is reached without isolation, so that the
tests could fail."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from midwatch.sandbox import cgroups, leftovers
from midwatch.sandbox.base import Sandbox
from tests.sandbox.boxes import BOX, Bench, alive, opened, token, until
from tests.sandbox.layers import overlay, tree
from tests.support.drivers import DRIVERS, Driver

ISOLATING = [driver for driver in DRIVERS if driver.isolates]


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.param
    found.required()
    return found


@pytest.fixture
async def bench(driver: Driver, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(driver.make(), tmp_path) as bench:
        yield bench


@pytest.fixture(params=ISOLATING, ids=lambda driver: driver.name)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Driver = request.param
    return found.required()


async def test_files_of_the_host_are_neither_read_nor_written(driver: Driver, bench: Bench, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # what only stands in the way by accident shall not be what protects
    secret = tmp_path / "secret"
    secret.write_text("planted-2718281")
    secret.chmod(0o666)
    _result, said = await bench.run("sh", "-c", 'cat "$0"; echo more >>"$0"; echo new >"$0.new"', str(secret))
    reached = "planted-2718281" in said, "more" in secret.read_text(), (tmp_path / "secret.new").exists()
    assert reached == ((False,) * 3 if driver.isolates else (True,) * 3)


async def test_no_variable_of_the_worker_can_be_found(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = f"planted-{secrets.token_hex(8)}"
    monkeypatch.setenv("PLANTED_SECRET", value)
    with subprocess.Popen(["sleep", token()]) as child:
        async with opened(driver.make(), tmp_path) as bench:
            _, said = await bench.run(
                "sh", "-c", "cat /proc/[0-9]*/environ /proc/self/environ 2>/dev/null | tr '\\0' '\\n'"
            )
        child.kill()
    assert (value in said) == (not driver.isolates)


CONNECT = """
import socket, sys
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(sys.argv[1]))),
    (socket.AF_UNIX, socket.SOCK_STREAM, sys.argv[2]),
    (socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + sys.argv[3]),
):
    try:
        with socket.socket(family, kind) as one:
            one.settimeout(5)
            one.connect(address)
    except OSError as error:
        print(error)
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"out", ("127.0.0.1", int(sys.argv[4])))
except OSError as error:
    print(error)
try:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendto(b"out", "\\0" + sys.argv[5])
except OSError as error:
    print(error)
"""


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[tuple[list[socket.socket], list[str]]]:
    """Sockets of the host, and the arguments that lead to them."""
    names = [f"midwatch-test-{secrets.token_hex(8)}" for _ in range(2)]
    path = folder / "socket"
    kinds = (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, str(path)),
        (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{names[0]}"),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        (socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{names[1]}"),
    )
    with contextlib.ExitStack() as opened:
        made = []
        for family, kind, address in kinds:
            one = opened.enter_context(socket.socket(family, kind))
            one.bind(address)
            if kind == socket.SOCK_STREAM:
                one.listen()
            one.setblocking(False)
            made.append(one)
        path.chmod(0o777)
        yield made, [str(made[0].getsockname()[1]), str(path), names[0], str(made[3].getsockname()[1]), names[1]]


async def test_no_socket_of_the_host_is_reached(driver: Driver, bench: Bench, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with listening(tmp_path) as (made, argv):
        await bench.python(CONNECT, *argv)
        reached = []
        for one in made:
            try:
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    one.recv(10)
                reached.append(True)
            except BlockingIOError:
                reached.append(False)
    assert reached == [not driver.isolates] * 5


async def test_no_process_of_the_host_is_signalled(driver: Driver, bench: Bench) -> None:
    with subprocess.Popen(["sleep", token()]) as outside:
        try:
            await bench.run("kill", "-9", str(outside.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):  # who is hit ends soon, but not at once
                outside.wait(0.2 if driver.isolates else 30)
            reached = outside.poll() is not None
        finally:
            outside.kill()
    assert reached == (not driver.isolates)


async def test_a_command_that_kills_all_it_can_kills_neither_server_nor_worker(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    script = (
        "import os\nfor pid in [-1, *range(1, 20000)]:\n try: os.kill(pid, 9)\n except OSError: pass\nprint('over')"
    )
    with subprocess.Popen(["sleep", token()]) as outside:
        async with opened(sandbox, tmp_path) as bench:
            script = script.replace("20000", str(outside.pid + 1)).replace(
                "pid, 9", "pid, 9) if pid != os.getpid() else ("
            )
            await bench.run("python3", "-I", "-c", script)
            assert (await bench.run("echo", "next"))[1] == "next\n"
        assert outside.poll() is None
        outside.kill()


async def test_masked_files_give_nothing_away_and_their_neighbours_can_be_read(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shown = tree(tmp_path / "shown", pip="secret-1618033", sub__pip="secret-1618033", sub__other="other", last="last")
    tmp_path.chmod(0o755)
    masked = (shown / "pip", shown / "sub/pip")
    async with opened(sandbox, tmp_path, read_only=(*spec_toolchain(), shown), masked=masked) as bench:
        _, said = await bench.run(
            "sh", "-c", 'cd "$0" && cat sub/other last; cat pip sub/pip; cd sub && echo *', str(shown)
        )
    assert "secret-1618033" not in said
    assert said.startswith("otherlast")
    assert said.endswith("other pip\n")


def spec_toolchain() -> tuple[Path, ...]:
    prefix = Path(sys.base_prefix)
    return () if prefix == Path("/usr") else (prefix,)


WORKER = """
import asyncio, sys
from pathlib import Path
from midwatch.sandbox import drivers
from tests.sandbox.boxes import opened
async def main():
    async with opened(drivers.make(sys.argv[1]), Path(sys.argv[2]), sys.argv[4]) as bench:
        await bench.run("sh", "-c", "setsid sleep $0 & sleep $0 & echo >begun; wait", sys.argv[3])
asyncio.run(main())
"""


async def test_a_box_ends_with_its_worker(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    path = os.pathsep.join(entry for entry in sys.path if entry)
    argv = [sys.executable, "-B", "-c", WORKER, sandbox.name, str(tmp_path), mark, BOX]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": path}) as worker:
        try:
            await until((tmp_path / BOX / "workspace/begun").exists, "the command started")
            assert alive(str(tmp_path)) != []
        finally:
            worker.send_signal(signal.SIGKILL)
    await until(lambda: not alive(mark) and not alive(str(tmp_path)), "all processes of the box ended")
    leftovers.remove()
    name = f"{cgroups.PREFIX}{worker.pid}-"
    assert not [folder for _, folder in cgroups.remains() if folder.name.startswith(name)]


async def test_layers_are_joined_where_a_driver_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    if not (await sandbox.probe()).overlay:
        assert sandbox.name in ("gvisor", "landlock")
        return
    base = tree(tmp_path / "base", kept="kept", changed="old", gone="gone")
    layers = overlay(tmp_path / "top", sandbox, base)
    async with opened(sandbox, tmp_path, workspace=layers) as bench:
        _, said = await bench.run("sh", "-c", "cat kept changed; echo new >>changed; rm gone; ls")
    assert said == "keptoldchanged\nkept\n"
    assert (layers.upper / "changed").read_text() == "oldnew\n"
    assert sorted(os.listdir(layers.upper)) == ["changed", "gone"]
    assert sorted(os.listdir(base)) == ["changed", "gone", "kept"]
    shutil.rmtree(layers.upper)
    if sandbox.name == "container":  # elsewhere it is the box's own user's
        assert os.listdir(layers.work) == []
