"""Looking into the objects of a store."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from midwatch.workspace import objects
from midwatch.workspace.git import Answer, Git, GitError
from midwatch.workspace.listing import Kept
from tests.support.repositories import UserRepository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a b.txt").write_bytes(b"one\x00two\n")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / b"caf\xe9".decode("utf-8", "surrogateescape")).write_bytes(b"latin")
    _commit(tmp_path, "first")
    (tmp_path / "big").write_bytes(b"x" * (objects.LARGEST_READ + 1))
    (tmp_path / "new").write_bytes(bytes(range(256)) * 20)
    _commit(tmp_path, "second")
    return tmp_path


def _git(repository: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    command = ["git", *who, "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _commit(repository: Path, message: str) -> None:
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", message)


async def test_files_are_listed_and_read_whatever_their_names(repository: Path) -> None:
    git = Git(git_dir=repository / ".git")
    odd = "caf\udce9"
    assert set(await objects.files(git, "HEAD")) == {"a b.txt", "empty", odd, "big", "new"}
    found = await objects.read_files(git, "HEAD", ["a b.txt", "missing", "empty", odd, "big", "a\nb"])
    assert found == {"a b.txt": b"one\x00two\n", "empty": b"", odd: b"latin"}
    assert await objects.read_files(git, "HEAD", []) == {}


async def test_a_commit_tells_its_tree_and_parents(repository: Path) -> None:
    git = Git(git_dir=repository / ".git")
    tree, parents = await objects.commit_facts(git, "HEAD")
    assert tree == _git(repository, "rev-parse", "HEAD^{tree}")
    assert parents == (_git(repository, "rev-parse", "HEAD~1"),)
    with pytest.raises(GitError):
        await objects.commit_facts(git, "f" * 40)


@pytest.mark.parametrize("how", ["changed", "missing"])
async def test_a_damaged_object_is_found(repository: Path, how: str) -> None:
    git = Git(git_dir=repository / ".git")
    assert await objects.damaged(git, "HEAD", "HEAD~1") == ""
    name = _git(repository, "rev-parse", "HEAD:new")
    path = repository / ".git/objects" / name[:2] / name[2:]
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    assert "damaged" in await objects.damaged(git, "HEAD", "HEAD~1")


async def test_odd_line_ends_in_names_deceive_nobody(user: UserRepository) -> None:
    name = "Ann\x0cparent 1234\u2028tree 5678"
    user.git("-c", f"user.name={name}", "commit", "-q", "--allow-empty", "-m", "odd", "--author", f"{name} <a@b>")
    git = Git(git_dir=user.path / ".git")
    head = user.git("rev-parse", "HEAD")
    assert await objects.commit_facts(git, head) == (user.git("rev-parse", "HEAD^{tree}"),
                                                     (user.git("rev-parse", "HEAD^"),))  # fmt: skip
    assert await objects.read_files(git, head, ["no\rwhere", "a.txt"]) == {"a.txt": b"one\ntwo\nthree\n"}


async def test_links_are_followed_as_far_as_the_commit_goes(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub/file").write_text("here\n")
    (repository / "folder").symlink_to("sub")
    links = {"one": "sub/file", "two": "one", "gone": "no\nwhere", "out": "../../etc/passwd", "root": "/etc/passwd"}
    for name, target in {**links, "loop": "loop", "sub/up": "../a b.txt"}.items():
        (repository / name).symlink_to(target)
    _commit(repository, "links")
    git = Git(git_dir=repository / ".git")
    names = [
        "gone",
        "one",
        "out",
        "two",
        "root",
        "loop",
        "sub/file/x",
        "sub/up",
        "folder/file",
        "missing",
        "folder",
        "sub/file",
    ]
    found = await objects.read_files(git, "HEAD", names, follow=True)
    here = dict.fromkeys(("one", "two", "folder/file", "sub/file"), b"here\n")
    assert found == {**here, "sub/up": b"one\x00two\n"}
    assert (await objects.read_files(git, "HEAD", ["one"])) == {"one": b"sub/file"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What git was asked, from now on."""
    said: list[str] = []
    ask = Git.ask

    async def listened(git: Git, *arguments: str, **more: Any) -> Answer:
        said.append(" ".join(map(str, arguments[:2])))
        return await ask(git, *arguments, **more)

    monkeypatch.setattr(Git, "ask", listened)
    return said


async def test_a_commit_that_was_listed_is_not_listed_again(repository: Path, asked: list[str]) -> None:
    git, commit = Git(git_dir=repository / ".git"), _git(repository, "rev-parse", "HEAD")
    first = await objects.files(git, commit)
    first.append("of the caller alone")
    assert await objects.files(git, commit) == first[:-1]
    assert await objects.files(git, commit, "new", "a b.txt", "ne") == ["a b.txt", "new"]
    assert await objects.read_files(git, commit, ["no", "such/new"]) == {}
    assert asked == ["ls-tree -r"]


async def test_a_name_that_may_mean_another_commit_is_asked_for_each_time(repository: Path) -> None:
    git = Git(git_dir=repository / ".git")
    before = await objects.files(git, "HEAD")
    (repository / "later").write_text("later\n")
    _commit(repository, "third")
    assert sorted(await objects.files(git, "HEAD")) == sorted([*before, "later"])
    assert "later" in await objects.read_files(git, "HEAD", ["later"])


async def test_what_links_lead_to_is_found_also_when_the_listing_is_known(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "AGENTS.md").write_text("Be brief.\n")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "GUIDE.md").symlink_to("real/AGENTS.md")
    _commit(tmp_path, "first")
    git, commit = Git(git_dir=tmp_path / ".git"), _git(tmp_path, "rev-parse", "HEAD")
    await objects.files(git, commit)
    wanted = ["linked/AGENTS.md", "GUIDE.md", "real/GUIDE.md", "AGENTS.md"]
    found = await objects.read_files(git, commit, wanted, follow=True)
    assert found == {"linked/AGENTS.md": b"Be brief.\n", "GUIDE.md": b"Be brief.\n"}


def test_what_was_not_used_for_long_makes_room() -> None:
    kept = Kept[str](8)
    for name in "abcd":
        kept.put(name, name, 2)
    assert kept.get("a") == "a"
    kept.put("e", "e", 2)
    kept.put("large", "x", 3)
    assert [kept.get(name) for name in ("a", "b", "c", "d", "e", "large")] == ["a", None, "c", "d", "e", None]
