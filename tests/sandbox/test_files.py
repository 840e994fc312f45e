from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from midwatch.sandbox.files import ConfinedFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def files(root: Path) -> ConfinedFiles:
    return ConfinedFiles(root)


@pytest.mark.parametrize(
    "path", [b"a", b"a/b/c", b"\xff\xfe/\x80", b" /\n", "ü/日本".encode(), b"...", b"-rf", b"a" * 255]
)
def test_what_was_written_is_read_back(files: ConfinedFiles, root: Path, path: bytes) -> None:
    files.write(path, b"data\0")
    assert files.read(path) == b"data\0"
    assert Path(os.fsdecode(os.fsencode(root) + b"/" + path)).read_bytes() == b"data\0"
    files.remove(path)
    assert os.listdir(root) == []


@pytest.mark.parametrize(
    "path", [b"", b"/", b"/etc/passwd", b"..", b"../x", b"a/../b", b"a//b", b"./a", b"a/", b"a\0b", b"a/.."]
)
def test_paths_that_leave_or_are_not_plain_are_refused(files: ConfinedFiles, root: Path, path: bytes) -> None:
    for work in (files.read, files.remove, lambda path: files.write(path, b"")):
        with pytest.raises(PermissionError):
            work(path)
    assert os.listdir(root) == []


def test_links_are_not_followed_in_any_component(files: ConfinedFiles, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (root / "inside").mkdir()
    (root / "inside" / "file").write_bytes(b"plain")
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("inside")
    (root / "inside" / "leaf").symlink_to(outside / "file")
    (root / "loop").symlink_to("loop")
    for path in (b"out/file", b"in/file", b"inside/leaf", b"loop", b"loop/x", b"out", b"out/new/deep"):
        with pytest.raises(PermissionError):
            files.read(path)
    for path in (b"out/file", b"in/file", b"out/new/deep", b"loop/x"):
        with pytest.raises(PermissionError):
            files.write(path, b"changed")
        with pytest.raises(PermissionError):
            files.remove(path)
    assert (outside / "file").read_bytes() == b"secret"
    assert (root / "inside" / "file").read_bytes() == b"plain"
    assert os.listdir(outside) == ["file"]


def test_a_link_at_the_end_is_replaced_or_removed_itself(files: ConfinedFiles, root: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"secret")
    (root / "a").symlink_to(target)
    (root / "b").symlink_to(target)
    files.write(b"a", b"mine")
    files.remove(b"b")
    assert target.read_bytes() == b"secret"
    assert not (root / "a").is_symlink()
    assert files.read(b"a") == b"mine"
    assert os.listdir(root) == ["a"]


def test_only_regular_files_are_read(files: ConfinedFiles, root: Path) -> None:
    os.mkfifo(root / "fifo")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(root)  # the path of a socket must be short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    for path in (b"fifo", b"socket"):
        with pytest.raises(PermissionError):
            files.read(path)
    (root / "folder").mkdir()
    for work in (files.read, files.remove, lambda path: files.write(path, b"")):
        with pytest.raises(IsADirectoryError):
            work(b"folder")


def test_what_is_not_there_is_told_from_what_is_in_the_way(files: ConfinedFiles) -> None:
    files.write(b"file", b"")
    for path in (b"absent", b"absent/below"):
        with pytest.raises(FileNotFoundError):
            files.read(path)
        with pytest.raises(FileNotFoundError):
            files.remove(path)
    for work in (files.read, files.remove, lambda path: files.write(path, b"")):
        with pytest.raises(NotADirectoryError):
            work(b"file/below")


def test_a_file_longer_than_the_limit_is_not_read(files: ConfinedFiles, root: Path) -> None:
    files.write(b"ten", b"0123456789")
    assert files.read(b"ten", 10) == b"0123456789"
    with pytest.raises(PermissionError, match="9 bytes"):
        files.read(b"ten", 9)
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PermissionError):
        files.read(b"huge")


@pytest.mark.parametrize(
    ("before", "executable", "after"),
    [
        (None, None, 0o644),
        (None, True, 0o755),
        (None, False, 0o644),
        (0o750, None, 0o750),
        (0o600, None, 0o600),
        (0o600, True, 0o711),
        (0o755, False, 0o644),
        (0o6755, None, 0o755),
    ],
)
def test_the_mode_is_kept_or_made(
    files: ConfinedFiles, root: Path, before: int | None, executable: bool | None, after: int
) -> None:
    if before is not None:
        (root / "file").write_bytes(b"old")
        (root / "file").chmod(before)
    mask = os.umask(0o077)
    try:
        files.write(b"file", b"new", executable=executable)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((root / "file").stat().st_mode) == after


def test_a_file_is_never_seen_half_written(files: ConfinedFiles) -> None:
    files.write(b"file", b"a" * 100_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.add(files.read(b"file")[:1] + files.read(b"file")[-1:])
            assert len(files.read(b"file")) == 100_000

    watcher = threading.Thread(target=watch)
    watcher.start()
    for letter in b"bcdefgh" * 5:
        files.write(b"file", bytes([letter]) * 100_000)
    stop.set()
    watcher.join()
    assert b"" not in seen


def test_a_write_that_fails_leaves_nothing(files: ConfinedFiles, root: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        files.write(b"a" * 256, b"")
    with pytest.raises(TypeError):
        files.write(b"file", "text")  # type: ignore[arg-type]
    assert os.listdir(root) == []


def test_folders_left_empty_go_with_the_file(files: ConfinedFiles, root: Path) -> None:
    files.write(b"a/b/one", b"")
    files.write(b"a/two", b"")
    files.remove(b"a/b/one")
    assert os.listdir(root / "a") == ["two"]


def test_no_handle_stays_open(files: ConfinedFiles, root: Path) -> None:
    (root / "link").symlink_to("x")
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"a/b/c", b"link/x", b"..", b"absent", b"a"):
        for work in (lambda path: files.write(path, b"x"), files.read, files.remove):
            try:
                work(path)
            except OSError:
                continue
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_gives_files_and_folders_to_the_owner(root: Path) -> None:
    ConfinedFiles(root, (61200, 61201)).write(b"a/b", b"")
    for path in (root / "a", root / "a" / "b"):
        assert (path.stat().st_uid, path.stat().st_gid) == (61200, 61201)
    assert root.stat().st_uid == 0
