"""Making a layer of what a box wrote."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from midwatch.workspace.layers.harvest import Own, harvest, stamps

OWN = Own(files={b"src/app.py", b"README"}, folders={b"src"}, gitlinks={b"vendored"})


def put(top: Path, name: str, text: str = "x", mode: int = 0o644) -> Path:
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def names(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*")}


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    (tmp_path / "upper").mkdir()
    return tmp_path / "upper"


def test_what_is_new_stays_with_its_modes_and_links(upper: Path, tmp_path: Path) -> None:
    put(upper, ".venv/bin/tool", mode=0o755)
    (upper / ".venv/lib64").symlink_to("lib")
    (upper / "empty").mkdir(mode=0o700)
    found = harvest(upper, tmp_path / "layer", OWN)
    assert names(tmp_path / "layer") == {".venv", ".venv/bin", ".venv/bin/tool", ".venv/lib64", "empty"}
    assert stat.S_IMODE((tmp_path / "layer/.venv/bin/tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "layer/empty").stat().st_mode) == 0o700
    assert os.readlink(tmp_path / "layer/.venv/lib64") == "lib"
    assert (found.files, found.sentences()) == (2, ())
    assert found.size > 0
    assert not upper.exists()


def test_files_of_the_repository_are_left_out_and_named(upper: Path, tmp_path: Path) -> None:
    put(upper, "src/app.py", "changed")
    put(upper, "src/app.pyc")
    put(upper, "vendored/x")
    put(upper, ".git/hooks/pre-commit")
    (upper / "README").mkdir()
    put(upper, "README/inside")
    found = harvest(upper, tmp_path / "layer", OWN)
    assert names(tmp_path / "layer") == {"src", "src/app.pyc"}
    said = " ".join(found.sentences())
    assert "src/app.py: changed, but it is the repository's own" in said
    assert "README: a folder" in said
    assert ".git" not in said


def test_a_link_in_place_of_a_folder_of_the_repository_is_left_out(upper: Path, tmp_path: Path) -> None:
    (upper / "src").symlink_to("/etc")
    found = harvest(upper, tmp_path / "layer", OWN)
    assert names(tmp_path / "layer") == set()
    assert "src: changed" in found.sentences()[0]
    assert Path("/etc/passwd").exists()


def test_a_folder_of_the_repository_with_nothing_new_in_it_is_left_out(upper: Path, tmp_path: Path) -> None:
    put(upper, "src/app.py")
    harvest(upper, tmp_path / "layer", OWN)
    assert names(tmp_path / "layer") == set()


def test_in_a_whole_tree_only_changed_files_of_the_repository_are_named(upper: Path, tmp_path: Path) -> None:
    put(upper, "README", "as it was")
    put(upper, "src/app.py", "as it was")
    own = Own(OWN.files, OWN.folders, OWN.gitlinks, stamps(upper))
    put(upper, "src/app.py", "changed now")
    put(upper, "build/out")
    found = harvest(upper, tmp_path / "layer", own)
    assert names(tmp_path / "layer") == {"build", "build/out"}
    assert found.sentences() == ("src/app.py: changed, but it is the repository's own",)


def test_pipes_and_sockets_are_left_out_and_no_program_keeps_a_user_bit(upper: Path, tmp_path: Path) -> None:
    os.mkfifo(upper / "pipe")
    put(upper, "sudo").chmod(0o4755)
    found = harvest(upper, tmp_path / "layer", OWN)
    assert names(tmp_path / "layer") == {"sudo"}
    assert stat.S_IMODE((tmp_path / "layer/sudo").stat().st_mode) == 0o755
    assert found.sentences() == ("pipe: is no file, folder or link",)


def test_folders_without_end_are_cut_off(upper: Path, tmp_path: Path) -> None:
    here = os.open(upper, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = harvest(upper, tmp_path / "layer", OWN)
    assert "deeper than 200 folders" in found.sentences()[0]


def test_a_folder_that_forbids_to_look_inside_is_opened_up(upper: Path, tmp_path: Path) -> None:
    put(upper, "closed/file")
    (upper / "closed").chmod(0)
    upper.chmod(0o500)
    assert harvest(upper, tmp_path / "layer", OWN).files == 1


def test_a_thousand_changed_files_are_counted_not_listed(upper: Path, tmp_path: Path) -> None:
    files = {f"f{n}".encode() for n in range(1000)}
    for name in files:
        put(upper, name.decode())
    said = harvest(upper, tmp_path / "layer", Own(files)).sentences()
    assert (len(said), said[-1]) == (51, "and 950 more")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices here; boxes make them through overlayfs")
class TestWhiteouts:
    """What overlayfs writes for a file that was deleted."""

    def test_they_are_dropped_from_the_first_layer(self, upper: Path, tmp_path: Path) -> None:
        os.mknod(upper / "README", stat.S_IFCHR, 0)
        os.mknod(upper / "other", stat.S_IFCHR, 0)
        found = harvest(upper, tmp_path / "layer", OWN)
        assert names(tmp_path / "layer") == set()
        assert found.sentences() == ("README: deleted, but it is the repository's own",)

    def test_above_other_layers_they_stay_but_for_files_of_the_repository(self, upper: Path, tmp_path: Path) -> None:
        os.mknod(upper / "README", stat.S_IFCHR, 0)
        os.mknod(upper / "other", stat.S_IFCHR, 0)
        (upper / "dir").mkdir()
        os.setxattr(upper / "dir", "user.overlay.opaque", b"y")
        (upper / "src").mkdir()
        put(upper, "src/new")
        os.setxattr(upper / "src", "user.overlay.opaque", b"y")
        harvest(upper, tmp_path / "layer", OWN, above=True)
        assert names(tmp_path / "layer") == {"other", "dir", "src", "src/new"}
        assert os.listxattr(tmp_path / "layer/dir") == ["user.overlay.opaque"]
        assert os.listxattr(tmp_path / "layer/src") == []

    def test_everything_belongs_to_one_user(self, upper: Path, tmp_path: Path) -> None:
        put(upper, "a/b")
        for path in (upper, upper / "a", upper / "a/b"):
            os.chown(path, 12345, 12345)
        harvest(upper, tmp_path / "layer", OWN)
        layer = tmp_path / "layer"
        assert {p.lstat().st_uid for p in (layer, layer / "a", layer / "a/b")} == {0}
