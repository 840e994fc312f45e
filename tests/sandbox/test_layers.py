"""Boxes over layers: what is below is never changed, what is above takes every change, and both belong to one user."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.fake import FakeSandbox
from midwatch.sandbox.process import Process
from midwatch.sandbox.spec import Overlay
from tests.sandbox.boxes import Bench, opened
from tests.sandbox.layers import overlay, root_file_system, tree


def state(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything about the files of a layer."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
    return found


async def test_every_change_goes_to_the_upper_folder_only(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", one="1", two="2", sub__three="3", sub__deep__four="4", gone__five="5")
    before = state(base)
    sandbox = Bubblewrap()
    layers = overlay(tmp_path / "attempt", sandbox, base)
    script = (
        "cat one && echo more >>one && rm two && rm -r gone && mkdir gone && echo new >gone/new && mv sub/deep moved"
    )
    async with opened(sandbox, tmp_path, workspace=layers) as bench:
        result, said = await bench.run("sh", "-c", script)
        assert (result.ended, said) == ("exit 0", "1")
        assert await bench.box.read(b"one") == b"1more\n"
        await bench.box.write(b"sub/three", b"three")
        await bench.box.remove(b"moved/four")
    assert state(base) == before
    assert (layers.upper / "one").read_text() == "1more\n"
    assert (layers.upper / "sub" / "three").read_text() == "three"
    for name in ("two", "sub/deep"):
        deleted = (layers.upper / name).lstat()
        assert stat.S_ISCHR(deleted.st_mode)
        assert deleted.st_rdev == 0
    assert os.getxattr(layers.upper / "gone", "user.overlay.opaque") == b"y"
    owner = bench.owner or (os.geteuid(), os.getegid())
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in layers.upper.rglob("*")} == {owner}


async def test_a_higher_layer_hides_a_lower_one(tmp_path: Path) -> None:
    low = tree(tmp_path / "low", a="low", b="low")
    high = tree(tmp_path / "high", b="high", c="high")
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, workspace=overlay(tmp_path / "top", sandbox, low, high)) as bench:
        assert (await bench.run("cat", "a", "b", "c"))[1] == "lowhighhigh"


async def test_a_probe_tries_layers() -> None:
    protections = await Bubblewrap().probe()
    assert (protections.overlay, protections.root, protections.network) == (True, True, True)


async def test_the_same_folders_are_joined_again_after_parking(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", one="1")
    sandbox = Bubblewrap()
    layers = overlay(tmp_path / "attempt", sandbox, base)
    async with opened(sandbox, tmp_path, workspace=layers) as bench:
        await bench.run("sh", "-c", "echo 2 >two; rm one")
        await bench.box.park()
        (layers.upper / "three").write_text("3\n")
        assert (await bench.run("sh", "-c", "ls; cat two three"))[1] == "three\ntwo\n2\n3\n"


async def test_git_works_over_a_checkout_that_somebody_else_made(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", a="a\n")
    git = ["git", "-C", str(base), "-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, workspace=overlay(tmp_path / "top", sandbox, base)) as bench:
        script = (
            "git status --porcelain && echo b >b && git add b && git commit -qm second && git log --oneline | wc -l"
        )
        result, said = await bench.run("sh", "-c", script)
        assert (result.ended, said.strip()) == ("exit 0", "2")


async def test_the_home_of_a_setup_is_below_the_home_of_the_box(tmp_path: Path) -> None:
    setup = tree(tmp_path / "setup", cache__pip="cached", tool="old")
    before = state(setup)
    async with opened(Bubblewrap(), tmp_path, home=(setup,)) as bench:
        _, said = await bench.run("sh", "-c", "cat ~/cache/pip; echo new >~/tool; rm ~/cache/pip; ls -A ~ ~/cache")
        assert said.split() == ["cached/home/agent:", "cache", "tool", "/home/agent/cache:"]
    assert state(setup) == before
    assert (bench.spec.private / "home" / "tool").read_text() == "new\n"


async def test_folders_that_cannot_be_joined_are_refused_with_their_name(tmp_path: Path) -> None:
    base = tree(tmp_path / "base", one="1")
    sandbox = Bubblewrap()
    layers = overlay(tmp_path / "top", sandbox, base)
    for wrong in (
        Overlay((tmp_path / "nowhere",), layers.upper, layers.work),
        Overlay((base,), layers.upper, tmp_path / "elsewhere"),
        Overlay((base / "one",), layers.upper, layers.work),
    ):
        with pytest.raises(InputError, match=r"nowhere|elsewhere|one"):
            async with opened(sandbox, tmp_path / str(id(wrong)), workspace=wrong):
                pass


@pytest.mark.parametrize("driver", [Process, FakeSandbox])
async def test_drivers_that_take_no_layers_say_so(tmp_path: Path, driver: type[Process] | type[FakeSandbox]) -> None:
    sandbox = driver()
    assert not (await sandbox.probe()).overlay
    layers = overlay(tmp_path / "top", sandbox, tree(tmp_path / "base", one="1"))
    with pytest.raises(InputError, match="takes no layers"):
        async with opened(sandbox, tmp_path, workspace=layers):
            pass


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return root_file_system(tmp_path / "system", "ls", "cat", "id", "touch", "chown", "mkdir", "env")


async def test_nobody_is_a_superuser_on_the_system_of_the_host(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="root file system of its own"):
        async with opened(Bubblewrap(), tmp_path, superuser=True):
            pass


async def test_another_system_needs_no_python(tmp_path: Path, system: Path) -> None:
    before = state(system)
    sandbox = Bubblewrap()
    async with opened(sandbox, tmp_path, root=overlay(tmp_path / "top", sandbox, system)) as bench:
        _, said = await bench.run("sh", "-c", "id -u; cat /etc/os-release; echo in >file; cat file")
        assert said == "1000\nID=another\nin\n"
        assert (await bench.run("python3", "-c", ""))[0].exit_code == 127
        assert (await bench.run("sh", "-c", "echo x >/etc/new || echo x >/bin/sh"))[0].exit_code != 0
        assert await bench.box.read(b"file") == b"in\n"
        result, _ = await bench.run("ls", "/root", "/home/agent", str(tmp_path))
        assert result.exit_code not in (0, None)
        await denied(bench)
    assert state(system) == before


async def denied(bench: Bench) -> None:
    """Nothing of the first process can be read."""
    for path in ("/proc/1/environ", "/proc/1/mem", "/proc/1/root/etc/os-release"):
        assert (await bench.run("cat", path))[0].exit_code == 1


async def test_a_setup_changes_the_system_and_later_boxes_see_it_read_only(tmp_path: Path, system: Path) -> None:
    sandbox = Bubblewrap()
    first = overlay(tmp_path / "first", sandbox, system)
    async with opened(sandbox, tmp_path, root=first, superuser=True) as bench:
        script = "id -u && echo made >/etc/made && mkdir /opt && touch /opt/tool && chown 0:0 /opt/tool && echo done"
        assert (await bench.run("sh", "-c", script))[1] == "0\ndone\n"
        _, said = await bench.run("cat", "/proc/self/status")
        assert "NoNewPrivs:\t1" in said
        assert "Seccomp:\t2" in said
        await denied_to_root(bench)
    assert (first.upper / "etc" / "made").read_text() == "made\n"
    second = overlay(tmp_path / "second", sandbox, system, first.upper)
    async with opened(sandbox, tmp_path, "later", root=chowned(second, sandbox)) as bench:
        assert (await bench.run("cat", "/etc/made"))[1] == "made\n"
        assert (await bench.run("touch", "/etc/made"))[0].exit_code == 1


def chowned(layers: Overlay, sandbox: Bubblewrap) -> Overlay:
    """For the box called `later`."""
    owner = sandbox.owner("later")
    if owner is not None:
        for path in (layers.upper, layers.work):
            os.chown(path, *owner)
    return layers


async def denied_to_root(bench: Bench) -> None:
    """uid 0 inside is nobody outside."""
    _, said = await bench.run(
        "sh", "-c", "echo x >/proc/sys/kernel/core_pattern; echo x >/proc/1/mem; cat /proc/1/environ"
    )
    assert said.count("\n") == 3, said
    assert (await bench.run("sh", "-c", "kill -9 1; kill -TERM 1; echo survived"))[1] == "survived\n"
