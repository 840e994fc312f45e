"""Hostile repositories: what somebody else wrote is checked out as bytes, or refused; it runs nothing and leaves its
folder by no path."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, MidwatchError
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.lfs import gather as gather_lfs
from midwatch.workspace.repository import Repository
from midwatch.workspace.submodules import gather
from tests.support.repositories import IDENTITY, UserRepository, git, opened

Entry = tuple[str, str, bytes]
"""Mode, type and id, name."""


def blob(user: UserRepository, data: bytes) -> str:
    return run(user, "hash-object", "-w", "--stdin", stdin=data)


def run(user: UserRepository, *arguments: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=user.path, input=stdin, env={**os.environ, **IDENTITY}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def tree(user: UserRepository, *entries: tuple[str, str, bytes]) -> str:
    """A tree as it is given: no name is refused, no order is mended."""
    raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, oid, name in entries)
    return run(user, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)


def branch(user: UserRepository, made: str) -> None:
    commit = run(user, "commit-tree", made, "-m", "hostile")
    run(user, "update-ref", "refs/heads/main", commit)


async def checked_out(user: UserRepository, tmp_path: Path, location: str) -> Workspace | None:
    """The workspace of that repository, None when it was refused with a sentence."""
    try:
        repository = await Repository.open(tmp_path / "state", location)
        base = await repository.resolve(None)
        workspace = Workspace(repository, tmp_path / "attempt")
        await workspace.restore(base)
    except MidwatchError:
        return None
    return workspace


def everything_outside(tmp_path: Path) -> Sequence[str]:
    """Every path of the test's folder but those below the workspace and the state."""
    return sorted(
        str(p) for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "attempt")
        and not p.is_relative_to(tmp_path / "state")
    )  # fmt: skip


NAMES = (
    b"..", b".", b".git", b".GIT", b".git ", b".git.", b"git~1", b".g\xe2\x80\x8cit", b"../escaped", b"/escaped",
    b"a/../../escaped", b"..\\escaped", b".git\\hooks", b".git::$INDEX_ALLOCATION", b"C:escaped", b"new\nline",
    b"\x1b]0;title\x07", b"-rf", b"--help", b"\xff\xfe", b" ", b"con", b"x" * 255,
)  # fmt: skip


@pytest.mark.parametrize("remote", [False, True], ids=["local", "url"])
@pytest.mark.parametrize("name", NAMES, ids=repr)
async def test_a_name_in_a_tree_leads_nowhere(name: bytes, remote: bool, user: UserRepository, tmp_path: Path) -> None:
    content = blob(user, b"#!/bin/sh\ntouch RAN\n")
    inner = tree(user, ("100755", content, b"pre-commit"))
    hooks = tree(user, ("40000", inner, b"hooks"), ("100644", content, b"config"))
    for entry in (("100755", content, name), ("40000", hooks, name)):
        branch(user, tree(user, entry))
        before = everything_outside(tmp_path)
        workspace = await checked_out(user, tmp_path, f"file://{user.path}" if remote else str(user.path))
        assert everything_outside(tmp_path) == before
        if workspace is not None:
            config = (workspace.tree / ".git" / "config").read_text()
            assert "RAN" not in config
            assert not (workspace.tree / ".git" / "hooks").exists()
            await workspace.save()
            await workspace.remove()
    assert not list(tmp_path.rglob("RAN"))


async def test_a_folder_below_a_link_of_the_same_name_is_not_written_through_it(
    user: UserRepository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = blob(user, os.fsencode(outside))
    content = blob(user, b"escaped\n")
    folder = tree(user, ("100644", content, b"escaped"))
    for entries in (
        (("120000", link, b"a"), ("40000", folder, b"a")),
        (("40000", folder, b"a"), ("120000", link, b"a")),
        (("120000", link, b"A"), ("40000", folder, b"a")),
        (("120000", link, b"a"), ("100644", content, b"a/escaped")),
    ):
        branch(user, tree(user, *entries))
        workspace = await checked_out(user, tmp_path, str(user.path))
        assert list(outside.iterdir()) == []
        if workspace is not None:
            await workspace.remove()


async def test_links_of_a_tree_stay_links_and_are_not_followed(user: UserRepository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (outside / ".gitignore").write_text("*\n")
    entries = [("120000", blob(user, os.fsencode(outside / ".gitignore")), b".gitignore")]
    entries += [("120000", blob(user, os.fsencode(outside)), b"folder")]
    entries += [("120000", blob(user, b"../../../../../../etc/passwd"), b"passwd")]
    branch(user, tree(user, *sorted(entries, key=lambda e: e[2])))
    workspace = await checked_out(user, tmp_path, str(user.path))
    assert workspace is not None
    assert os.readlink(workspace.tree / "passwd") == "../../../../../../etc/passwd"
    (workspace.tree / "new.txt").write_text("new")
    saved = await workspace.save()
    names = (await workspace.repository.git.run("ls-tree", "-r", "--name-only", saved.tree)).decode().split()
    assert names == [".gitignore", "folder", "new.txt", "passwd"]


async def test_attributes_of_a_repository_choose_no_filter_of_the_person(user: UserRepository, tmp_path: Path) -> None:
    user.write("b.txt", "$Id$\nline\n")
    user.commit()
    user.write(".gitattributes", "*.txt filter=theirs ident text eol=crlf working-tree-encoding=UTF-16\n")
    user.git("add", ".gitattributes")
    user.git("commit", "-q", "-m", "attributes")
    for kind in ("smudge", "clean", "process"):
        git(tmp_path, "config", "--global", f"filter.theirs.{kind}", f"touch {tmp_path}/RAN-{kind}; cat")
    git(tmp_path, "config", "--global", "core.attributesFile", str(user.path / ".gitattributes"))
    url = f"file://{user.path}"
    work = await opened(url, tmp_path)
    stored = await work.repository.git.run("cat-file", "blob", "refs/remotes/origin/main:b.txt")
    assert (work.tree / "b.txt").read_bytes() == stored
    assert (work.tree / "a.txt").read_bytes() == b"one\ntwo\nthree\n"
    work.write("b.txt", "changed $Id$\r\n")
    assert await work.changed() == {"b.txt": "M"}
    assert list(tmp_path.glob("RAN*")) == []


async def test_a_server_side_configuration_counts_for_nothing_here(user: UserRepository, tmp_path: Path) -> None:
    """A clone by file:// reads the other side's settings only in the process that serves it."""
    for key in ("core.fsmonitor", "core.sshCommand", "filter.x.smudge", "diff.external", "alias.rev-parse"):
        user.git("config", key, f"!touch {tmp_path}/RAN" if key.startswith("alias") else f"touch {tmp_path}/RAN")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        user.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {tmp_path}/RAN\n", 0o755)
    work = await opened(f"file://{user.path}", tmp_path)
    work.write("a.txt", "changed\n")
    assert await work.changed() == {"a.txt": "M"}
    assert not (tmp_path / "RAN").exists()
    assert "touch" not in "".join(p.read_text() for p in work.repository.git_dir.glob("config*"))


@pytest.mark.parametrize(
    "text",
    [
        '[submodule "../../.git/hooks"]\n\tpath = lib\n\turl = /x\n',
        '[submodule "x"]\n\tpath = .git/hooks\n\turl = /x\n',
        '[submodule "x"]\n\tpath = lib\n\turl = -u./payload\n',
        '[submodule "x"]\n\tpath = lib\n\turl = "ext::sh -c touch% RAN"\n',
        '[submodule "x"]\n\tpath = lib\r\n\turl = /x\r\n',
        '[submodule "x"]\n\tpath = "lib\\r"\n\turl = /x\n\tupdate = !touch RAN\n',
        '[submodule "x"]\n\tpath = -lib\n\turl = /x\n',
        '[submodule "x\\nurl = y"]\n\tpath = lib\n\turl = "https://h/\\n[core]\\n\\tfsmonitor = touch RAN"\n',
        '[alias]\n\tconfig = !touch RAN\n[core]\n\tpager = touch RAN\n[submodule "x"]\n\tpath = other\n',
        "[submodule\n",
        "\0\xff",
    ],
)
async def test_no_shape_of_gitmodules_does_more_than_fail(text: str, user: UserRepository, tmp_path: Path) -> None:
    content = blob(user, text.encode("latin1"))
    head = user.git("rev-parse", "HEAD")
    branch(user, tree(user, ("100644", content, b".gitmodules"), ("160000", head, b"lib")))
    work = await opened(user.path, tmp_path)
    before = everything_outside(tmp_path)
    with pytest.raises(InputError) as caught:
        await gather(work.repository, work.base.commit, tmp_path / "state")
    assert caught.value.message.isprintable()
    assert everything_outside(tmp_path) == before
    assert not list(tmp_path.rglob("RAN"))


@pytest.mark.parametrize("path", [b".git/hooks", b"..", b"-lib", b".GIT", b"git~1"])
async def test_a_submodule_with_a_path_that_leads_out_is_refused(
    path: bytes, user: UserRepository, tmp_path: Path
) -> None:
    head = user.git("rev-parse", "HEAD")
    modules = blob(user, b'[submodule "x"]\n\tpath = ' + path + b"\n\turl = /x\n")
    *above, name = path.split(b"/")
    made = tree(user, ("160000", head, name))
    for part in reversed(above):
        made = tree(user, ("40000", made, part))
    entries = subprocess.run(["git", "cat-file", "tree", made], cwd=user.path, capture_output=True, check=True).stdout
    raw = entries + b"100644 .gitmodules\0" + bytes.fromhex(modules)
    branch(user, run(user, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw))
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="which is refused"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")


async def test_an_lfsconfig_runs_nothing(user: UserRepository, tmp_path: Path) -> None:
    user.write(".gitattributes", "*.bin filter=lfs\n")
    user.write("a.bin", f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n")
    user.write(
        ".lfsconfig",
        f'[lfs]\n\turl = "ext::touch {tmp_path}/RAN"\n\tstandalonetransferagent = evil\n'
        f'[lfs "customtransfer.evil"]\n\tpath = touch {tmp_path}/RAN\n'
        f'[lfs "extension.x"]\n\tclean = touch {tmp_path}/RAN\n'
        f"[include]\n\tpath = {tmp_path}/more\n[credential]\n\thelper = !touch {tmp_path}/RAN\n",
    )
    user.commit()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no server to fetch them from"):
        await gather_lfs(repository, user.git("rev-parse", "HEAD"))
    assert not (tmp_path / "RAN").exists()
