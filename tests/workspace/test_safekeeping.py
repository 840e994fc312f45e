"""What a person has, while it is replaced: never neither the old nor the new."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.domain.errors import MidwatchError
from midwatch.workspace.git import GitError
from midwatch.workspace.location import Place, locate
from midwatch.workspace.safekeeping import kept, recover
from tests.support.repositories import Opened, UserRepository, opened

KEPT = "midwatch-replacing"
PATHS = [b"a.txt", b"d/b.txt", b"new.txt", b"was-file/inner.txt", b"was-file", b"link"]


@pytest.fixture
async def place(user: UserRepository) -> Place:
    user.write("d/b.txt", "b\n", 0o755)
    user.write("was-file", "file\n")
    os.symlink("a.txt", user.path / "link")
    return await locate(str(user.path))


def seen(user: UserRepository) -> dict[str, str]:
    files = [path for path in user.path.rglob("*") if ".git" not in path.parts and not path.is_dir()]
    return {
        str(path.relative_to(user.path)): os.readlink(path) if path.is_symlink() else path.read_text() for path in files
    }


def replaced(user: UserRepository) -> None:
    """As git does it: first all old ones away, and then not all new ones there."""
    for name in ("a.txt", "d/b.txt", "was-file", "link"):
        (user.path / name).unlink()
    (user.path / "d").rmdir()
    user.write("new.txt", "half")
    user.write("was-file/inner.txt", "inner")
    user.write("a.txt", "new")
    (user.path / "no such file").unlink()


async def test_a_change_that_fails_half_way_leaves_everything_as_it_was(user: UserRepository, place: Place) -> None:
    before = seen(user)
    with pytest.raises(FileNotFoundError), kept(place, PATHS):
        replaced(user)
    assert seen(user) == before
    assert (user.path / "d" / "b.txt").stat().st_mode & 0o777 == 0o755
    assert not (user.path / ".git" / KEPT).exists()


async def test_a_change_that_succeeds_leaves_nothing_behind(user: UserRepository, place: Place) -> None:
    with kept(place, PATHS), contextlib.suppress(FileNotFoundError):
        replaced(user)
    assert seen(user) == {"a.txt": "new", "new.txt": "half", "was-file/inner.txt": "inner"}
    assert not (user.path / ".git" / KEPT).exists()


async def test_what_a_killed_change_has_taken_away_is_put_back_and_the_rest_stays(
    user: UserRepository, place: Place
) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from midwatch.workspace.location import locate\n"
        "from midwatch.workspace.safekeeping import kept\n"
        "place = asyncio.run(locate(sys.argv[1]))\n"
        "with kept(place, [b'a.txt', b'd/b.txt', b'new.txt', b'link']):\n"
        "    for name in ('a.txt', 'd/b.txt', 'link'):\n"
        "        os.unlink(place.top / name)\n"
        "    os.rmdir(place.top / 'd')\n"
        "    (place.top / 'a.txt').write_text('new')\n"
        "    (place.top / 'new.txt').write_text('new')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(user.path)], check=False)
    assert ended.returncode == -9
    recover(place)
    assert seen(user) == {
        "a.txt": "new", "new.txt": "new", "d/b.txt": "b\n", "link": "a.txt", "was-file": "file\n",
    }  # fmt: skip
    assert not (user.path / ".git" / KEPT).exists()


async def test_what_is_being_replaced_by_a_process_that_lives_is_not_touched(
    user: UserRepository, place: Place
) -> None:
    with kept(place, PATHS):
        (user.path / "a.txt").unlink()
        recover(place)
        assert not (user.path / "a.txt").exists()
        user.write("a.txt", "new")


async def test_a_filter_that_fails_costs_no_file(user: UserRepository, tmp_path: Path) -> None:
    user.write(".gitattributes", "*.bin filter=mine\n")
    user.write("z.bin", "z\n")
    user.commit()
    user.git("config", "filter.mine.clean", "cat")
    user.git("config", "filter.mine.smudge", "false")
    user.git("config", "filter.mine.required", "true")
    work: Opened = await opened(user.path, tmp_path)
    work.write("a.txt", "changed\n")
    work.write("new.bin", "new\n")
    saved = await work.workspace.save()
    before = seen(user)
    with pytest.raises(MidwatchError) as error:
        await work.repository.apply_to_user_tree(work.base.tree, saved.tree)
    assert isinstance(error.value, GitError)
    assert seen(user) == before
