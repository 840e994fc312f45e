"""Submodules become plain files below the base, from wherever the repository may lead us and from nowhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.workspace import submodules
from midwatch.workspace.repository import Repository
from midwatch.workspace.submodules import gather, note, relative, write
from tests.support.git_servers import https_server
from tests.support.repositories import UserRepository, git, opened

ALLOW = ("-c", "protocol.file.allow=always")


def add(parent: UserRepository, url: str, path: str) -> None:
    parent.git(*ALLOW, "submodule", "--quiet", "add", url, path)
    parent.commit(f"with {path}")


@pytest.fixture
def library(tmp_path: Path) -> UserRepository:
    return UserRepository.make(tmp_path / "library", lib__txt="of the library\n")


async def test_they_are_taken_from_the_persons_clone_without_any_fetching(
    user: UserRepository, library: UserRepository, tmp_path: Path
) -> None:
    inner = UserRepository.make(tmp_path / "inner", inner__txt="innermost\n")
    add(library, str(inner.path), "deep/inner")
    add(user, str(library.path), "vendor/lib")
    user.git(*ALLOW, "submodule", "--quiet", "update", "--init", "--recursive")
    for gone in (library, inner):
        gone.path.rename(tmp_path / f"{gone.path.name}-away")
    work = await opened(user.path, tmp_path)
    found = await gather(work.repository, work.base.commit, tmp_path / "state")
    assert [one.path for one in found] == ["vendor/lib", "vendor/lib/deep/inner"]
    await write(found, work.tree)
    assert (work.tree / "vendor/lib/lib.txt").read_text() == "of the library\n"
    assert (work.tree / "vendor/lib/deep/inner/inner.txt").read_text() == "innermost\n"
    assert not list(work.tree.glob("vendor/**/.git"))
    assert "vendor/lib, vendor/lib/deep/inner" in note(found)
    assert git(work.tree, "status", "--porcelain") == ""


async def test_changes_in_them_are_no_part_of_what_is_offered(
    user: UserRepository, library: UserRepository, tmp_path: Path
) -> None:
    add(user, str(library.path), "lib")
    work = await opened(user.path, tmp_path)
    await write(await gather(work.repository, work.base.commit, tmp_path / "state"), work.tree)
    work.write("lib/lib.txt", "changed")
    work.write("lib/new.txt", "new")
    work.write("a.txt", "changed")
    assert await work.changed() == {"a.txt": "M"}


async def test_relative_addresses_over_https_with_a_commit_that_no_branch_has(
    user: UserRepository, library: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(user, "../library", "lib")
    library.git("config", "uploadpack.allowAnySHA1InWant", "true")
    pinned = UserRepository(user.path / "lib")
    pinned.write("lib.txt", "pinned\n")
    commit = pinned.commit()
    user.commit("pin")
    library.git("fetch", "-q", str(pinned.path), f"{commit}:refs/pins/one")
    with https_server(tmp_path, tmp_path) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        work = await opened(server.url("project"), tmp_path)
        assert "submodules are not checked out: lib" in work.base.note
        found = await gather(work.repository, work.base.commit, tmp_path / "state")
        assert (found[0].repository.location, found[0].commit) == (server.url("library"), commit)
        await write(found, work.tree)
        assert (work.tree / "lib/lib.txt").read_text() == "pinned\n"
        asked = len(server.requests)
        assert await gather(work.repository, work.base.commit, tmp_path / "state") == found
        assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("base", "given", "address"),
    [
        ("https://h.org/team/a.git", "../b.git", "https://h.org/team/b.git"),
        ("https://h.org/team/a", "../../other/b/", "https://h.org/other/b"),
        ("https://h.org/team/a/", "./b", "https://h.org/team/a/b"),
        ("git@h.org:team/a.git", "../b.git", "git@h.org:team/b.git"),
        ("git@h.org:a.git", "../b.git", "git@h.org:b.git"),
        ("/srv/a", "../b", "/srv/b"),
        ("file:///srv/a", "../b", "file:///srv/b"),
    ],
)
def test_relative_addresses_are_taken_as_git_takes_them(base: str, given: str, address: str) -> None:
    assert relative(base, given) == address


@pytest.mark.parametrize(
    ("base", "given"),
    [
        ("https://h.org/a", "../../../b"),
        ("https://h.org/a", "../../evil.org/"),
        ("git@h:a", "../../b"),
        ("/a", "../.."),
    ],
)
def test_relative_addresses_do_not_lead_above_the_host(base: str, given: str) -> None:
    with pytest.raises(InputError):
        relative(base, given)


def declare(user: UserRepository, text: str, path: str = "lib", commit: str = "1" * 40) -> None:
    user.write(".gitmodules", text)
    user.git("add", ".gitmodules")
    user.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    user.git("commit", "-q", "-m", "hostile")


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% RAN",
        "fd::17/x",
        "-u./payload",
        "--upload-pack=touch RAN",
        "ssh://-oProxyCommand=touch%20RAN/x",
        "ssh://git@-oProxyCommand=touch/x",
        "git://h.org/x",
        "ftp://h.org/x",
        "file:///etc",
        "/root",
        "relative/path",
        "https://h.org/x%0ahost=evil.org",
        "https://user:s3cret@h.org/x",
        "..",
        ".",
        "../../../../../etc",
        "http://h.org/x",
    ],
)
async def test_hostile_addresses_are_refused_and_nothing_runs(
    url: str, user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    user.git("remote", "add", "origin", "https://localhost:1/project")
    declare(user, f'[submodule "lib"]\n\tpath = lib\n\turl = "{url}"\n\tupdate = !touch RAN\n')
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    with pytest.raises(MidwatchError, match="submodule lib cannot be had") as caught:
        await gather(repository, base.commit, tmp_path / "state")
    assert isinstance(caught.value, InputError) or "localhost:1" in caught.value.message
    assert "s3cret" not in caught.value.message
    assert "submodules = true" in caught.value.mend
    assert not list(tmp_path.rglob("RAN"))


async def test_a_name_that_leads_out_of_the_modules_folder_leads_nowhere(
    user: UserRepository, library: UserRepository, tmp_path: Path
) -> None:
    commit = library.git("rev-parse", "HEAD")
    text = f'[submodule "../../../library/.git"]\n\tpath = lib\n\turl = {library.path}-none\n'
    declare(user, text, commit=commit)
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="does not exist"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")


@pytest.mark.parametrize(
    "text", ["", "[core]\n\tfsmonitor = touch RAN\n", '[submodule "x"]\n\tpath = other\n\turl = y\n']
)
async def test_a_submodule_without_an_address_is_named(text: str, user: UserRepository, tmp_path: Path) -> None:
    declare(user, text or "# nothing\n")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no address for the submodule lib"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")


async def test_an_include_in_gitmodules_is_not_followed(user: UserRepository, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.write_text('[submodule "lib"]\n\turl = https://localhost:1/x\n')
    declare(user, f'[include]\n\tpath = {more}\n[submodule "lib"]\n\tpath = lib\n')
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no address"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")


async def test_a_gitmodules_that_is_a_link_is_refused(user: UserRepository, tmp_path: Path) -> None:
    commit = user.git("rev-parse", "HEAD")
    blob = user.git("hash-object", "-w", "--stdin")
    entries = f"120000 blob {blob}\t.gitmodules\n160000 commit {commit}\tlib\n"
    tree = subprocess.run(
        ["git", "mktree"], cwd=user.path, input=entries.encode(), capture_output=True, check=True
    ).stdout.decode()
    made = user.git("commit-tree", tree.strip(), "-m", "x")
    user.git("update-ref", "refs/heads/hostile", made)
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no ordinary file"):
        await gather(repository, made, tmp_path / "state")


async def test_they_do_not_go_on_for_ever(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submodules, "DEEPEST", 2)
    below: UserRepository | None = None
    for level in ("c", "b", "a"):
        here = UserRepository.make(tmp_path / level)
        if below is not None:
            add(here, str(below.path), "sub")
        below = here
    assert below is not None
    add(user, str(below.path), "sub")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="more than 2 deep"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")
    monkeypatch.setattr(submodules, "DEEPEST", 5)
    monkeypatch.setattr(submodules, "MOST", 2)
    with pytest.raises(InputError, match="more than 2 submodules"):
        await gather(repository, user.git("rev-parse", "HEAD"), tmp_path / "state")


async def test_nothing_is_written_through_a_link_on_the_way(
    user: UserRepository, library: UserRepository, tmp_path: Path
) -> None:
    add(user, str(library.path), "vendor/lib")
    work = await opened(user.path, tmp_path)
    found = await gather(work.repository, work.base.commit, tmp_path / "state")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rmdir(work.tree / "vendor/lib")
    os.rmdir(work.tree / "vendor")
    os.symlink(outside, work.tree / "vendor")
    with pytest.raises(OperationError, match="is in the way"):
        await write(found, work.tree)
    assert list(outside.iterdir()) == []


async def test_filters_and_attributes_of_a_submodule_run_nothing(
    user: UserRepository, library: UserRepository, tmp_path: Path, home: Path
) -> None:
    git(tmp_path, "config", "--global", "filter.evil.smudge", f"touch {tmp_path}/RAN; cat")
    library.write(".gitattributes", "* filter=evil text eol=crlf\n")
    library.commit()
    add(user, str(library.path), "lib")
    (tmp_path / "RAN").unlink(missing_ok=True)
    work = await opened(user.path, tmp_path)
    await write(await gather(work.repository, work.base.commit, tmp_path / "state"), work.tree)
    assert (work.tree / "lib/lib.txt").read_bytes() == b"of the library\n"
    assert not (tmp_path / "RAN").exists()
