"""Git LFS: contents in the box, pointers in the tree, from the person's clone or the server, checked in any case."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace import lfs
from midwatch.workspace.lfs import gather, kept_as_pointers, parse, pointer_of, write
from midwatch.workspace.lfs_server import action
from midwatch.workspace.repository import Repository
from tests.support.git_servers import GitServer, http_server, https_server, put_lfs_object
from tests.support.repositories import UserRepository, git, opened

PICTURE = b"\x89picture " * 5000
SECRET = ("ann", "s3cret-word")


def with_picture(user: UserRepository, data: bytes = PICTURE, *, here: bool = True) -> str:
    """Commit `art/p.png` as LFS has it; the SHA-256."""
    folder = user.path / (".git" if here else ".git/elsewhere")
    user.write(".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    user.write("art/p.png", put_lfs_object(folder, data))
    user.commit("picture")
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def served(user: UserRepository, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """`bare.git`, a clone of the person's repository, on a server that has the picture."""
    oid = with_picture(user, here=False)
    git(tmp_path, "clone", "-q", "--bare", str(user.path), "bare.git")
    with https_server(tmp_path, tmp_path, SECRET) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        git(tmp_path, "config", "--global", "credential.helper", f"store --file={home}/passwords")
        (home / "passwords").write_text(f"https://{SECRET[0]}:{SECRET[1]}@localhost%3a{server.port}\n")
        file = server.object_file("bare.git", oid)
        file.parent.mkdir(parents=True)
        file.write_bytes(PICTURE)
        yield server


def test_a_pointer_is_read_and_written_as_git_lfs_does() -> None:
    oid = hashlib.sha256(b"x").hexdigest()
    assert parse(pointer_of(oid, 1)) == (oid, 1)
    for text in (b"", pointer_of(oid, 1) + b"x", pointer_of(oid, 1).replace(b"size 1", b"size -1"),
                 pointer_of(oid, 1).replace(b"sha256", b"md5"), pointer_of("../" * 21 + "x", 1)):  # fmt: skip
        assert parse(text) is None


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_the_program_itself_makes_the_same_pointer(user: UserRepository) -> None:
    made = subprocess.run(["git-lfs", "clean"], input=PICTURE, capture_output=True, check=True, cwd=user.path).stdout
    assert made == pointer_of(hashlib.sha256(PICTURE).hexdigest(), len(PICTURE))


async def test_contents_of_the_persons_clone_need_no_server(user: UserRepository, tmp_path: Path) -> None:
    oid = with_picture(user)
    os.chmod(user.path / "art/p.png", 0o755)
    user.git("add", "-A")
    user.commit("executable")
    work = await opened(user.path, tmp_path)
    assert parse((work.tree / "art/p.png").read_bytes()) == (oid, len(PICTURE))
    contents = await gather(work.repository, work.base.commit)
    await write(contents, work.tree)
    assert (work.tree / "art/p.png").read_bytes() == PICTURE
    assert (work.tree / "art/p.png").stat().st_mode & 0o777 == 0o755
    assert [p.name for p in (work.tree / "art").iterdir()] == ["p.png"]
    blob = user.git("rev-parse", "HEAD:art/p.png")
    assert kept_as_pointers(contents) == {b"art/p.png": (blob, oid, len(PICTURE))}


async def test_only_what_the_attributes_give_to_lfs_is_a_pointer(user: UserRepository, tmp_path: Path) -> None:
    with_picture(user)
    text = (user.path / "art/p.png").read_text()
    for name in ("notes.txt", "kept/q.png", "deep/x.bin"):
        user.write(name, text)
    user.write("kept/.gitattributes", "*.png -filter\n")
    user.write("deep/.gitattributes", "[attr]big filter=lfs\nx.* filter=lfs\n")
    user.commit()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    contents = await gather(repository, user.git("rev-parse", "HEAD"))
    assert sorted(one.path for one in contents) == ["art/p.png", "deep/x.bin"]


async def test_contents_come_from_the_server_with_the_persons_password(served: GitServer, tmp_path: Path) -> None:
    work = await opened(served.url("bare.git"), tmp_path)
    await write(await gather(work.repository, work.base.commit), work.tree)
    assert (work.tree / "art/p.png").read_bytes() == PICTURE
    asked = len(served.requests)
    await gather(work.repository, work.base.commit)
    assert len(served.requests) == asked
    assert SECRET[1].encode() not in b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())


async def test_a_server_that_sends_other_bytes_or_none_is_named(served: GitServer, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", served.url("bare.git"))
    commit = (await repository.resolve(None)).commit
    oid = hashlib.sha256(PICTURE).hexdigest()
    served.broken.add(oid)
    with pytest.raises(OperationError, match="other bytes than its name says"):
        await gather(repository, commit)
    served.broken.clear()
    served.object_file("bare.git", oid).write_bytes(PICTURE + b"more")
    with pytest.raises(OperationError, match="other bytes than its name says"):
        await gather(repository, commit)
    served.object_file("bare.git", oid).unlink()
    with pytest.raises(OperationError, match="does not have object") as caught:
        await gather(repository, commit)
    assert "lfs = true" in caught.value.mend
    assert not [p for p in (repository.git_dir / "lfs").rglob("*") if p.is_file()]


async def test_the_password_goes_to_no_other_host_and_nothing_goes_out_of_tls(
    served: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = await Repository.open(tmp_path / "state", served.url("bare.git"))
    commit = (await repository.resolve(None)).commit
    oid = hashlib.sha256(PICTURE).hexdigest()
    other = tmp_path / "other"
    other.mkdir()
    with https_server(tmp_path, other) as elsewhere, http_server(tmp_path, tmp_path) as plain:
        served.hrefs[oid] = f"http://localhost:{plain.port}/bare.git/lfs-object/{oid}"
        with pytest.raises(OperationError, match="without encryption"):
            await gather(repository, commit)
        assert plain.requests == []
        both = tmp_path / "both.pem"
        both.write_bytes(served.certificate.read_bytes() + elsewhere.certificate.read_bytes())
        monkeypatch.setenv("GIT_SSL_CAINFO", str(both))
        served.hrefs[oid] = f"https://localhost:{elsewhere.port}/bare.git/lfs-object/{oid}"
        await gather(repository, commit)
        ((_, _, headers),) = elsewhere.requests
        assert "authorization" not in headers
        assert headers["x-ticket"] == "1"


async def test_a_server_that_does_not_know_us_is_said(served: GitServer, tmp_path: Path, home: Path) -> None:
    repository = await Repository.open(tmp_path / "state", served.url("bare.git"))
    commit = (await repository.resolve(None)).commit
    (home / "passwords").write_text("")
    with pytest.raises(OperationError, match="answered 401, so it wants to know who asks"):
        await gather(repository, commit)


async def test_settings_in_the_repository_lead_to_no_other_server(
    user: UserRepository, served: GitServer, tmp_path: Path
) -> None:
    with http_server(tmp_path, tmp_path) as evil:
        user.write(".lfsconfig", f"[lfs]\n\turl = http://localhost:{evil.port}/bare.git/info/lfs\n")
        user.commit()
        git(tmp_path / "bare.git", "fetch", "-q", str(user.path), "+main:main")
        repository = await Repository.open(tmp_path / "state", served.url("bare.git"))
        commit = (await repository.resolve(None)).commit
        with pytest.raises(InputError, match="another server than that of the repository") as caught:
            await gather(repository, commit)
        assert "lfs.url" in caught.value.mend
        assert evil.requests == []
    user.write(".lfsconfig", f"[lfs]\n\turl = {served.url('bare.git')}/info/lfs/\n")
    user.commit()
    git(tmp_path / "bare.git", "fetch", "-q", str(user.path), "+main:main")
    again = await Repository.open(tmp_path / "state", served.url("bare.git"))
    assert len(await gather(again, (await again.resolve(None)).commit)) == 1


async def test_without_a_server_it_is_said_what_lacks(user: UserRepository, tmp_path: Path) -> None:
    with_picture(user, here=False)
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no server to fetch them from") as caught:
        await gather(repository, user.git("rev-parse", "HEAD"))
    assert "git lfs fetch" in caught.value.mend


async def test_a_damaged_object_of_the_clone_is_not_used(user: UserRepository, tmp_path: Path) -> None:
    oid = with_picture(user)
    file = lfs.place(user.path / ".git" / "lfs" / "objects", oid)
    file.write_bytes(b"x" * len(PICTURE))
    work = await opened(user.path, tmp_path)
    contents = await gather(work.repository, work.base.commit)
    with pytest.raises(OperationError, match="is not what the pointer says"):
        await write(contents, work.tree)
    assert parse((work.tree / "art/p.png").read_bytes()) is not None
    assert [p.name for p in (work.tree / "art").iterdir()] == ["p.png"]


async def test_nothing_is_written_through_a_link(user: UserRepository, tmp_path: Path) -> None:
    with_picture(user)
    work = await opened(user.path, tmp_path)
    contents = await gather(work.repository, work.base.commit)
    outside = tmp_path / "outside"
    (work.tree / "art").rename(outside)
    os.symlink(outside, work.tree / "art")
    with pytest.raises(OperationError):
        await write(contents, work.tree)
    assert parse((outside / "p.png").read_bytes()) is not None


async def test_what_does_not_fit_on_the_disk_is_not_begun(
    user: UserRepository, served: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = await Repository.open(tmp_path / "state", served.url("bare.git"))
    commit = (await repository.resolve(None)).commit
    monkeypatch.setattr(lfs, "_SPARE", 1 << 60)
    with pytest.raises(OperationError, match="MiB left"):
        await gather(repository, commit)


async def test_no_program_that_the_tree_names_is_run(user: UserRepository, tmp_path: Path) -> None:
    with_picture(user)
    git(tmp_path, "config", "--global", "filter.lfs.smudge", f"touch {tmp_path}/RAN; cat")
    git(tmp_path, "config", "--global", "filter.lfs.clean", f"touch {tmp_path}/RAN; cat")
    work = await opened(user.path, tmp_path)
    (tmp_path / "RAN").unlink(missing_ok=True)  # the person's own `git status` may run their own filter
    await work.workspace.restore(work.base)
    await write(await gather(work.repository, work.base.commit), work.tree)
    assert (work.tree / "art/p.png").read_bytes() == PICTURE
    await work.workspace.save()
    assert not (tmp_path / "RAN").exists()


@pytest.mark.parametrize(
    "said",
    [
        {"href": "https://[::1/x"}, {"href": "https://h:port/x"}, {"href": "https:///x"}, {"href": "https://h/\u00e9"},
        {"href": "https://h/a b"}, {"href": "https://h/x", "header": {"A": "b\r\nC: d"}}, {"header": {}}, [],
        {"href": "https://h/x", "header": {"\u00e9": "b"}},
    ],
)  # fmt: skip
def test_what_a_server_says_is_to_be_done_is_an_address_and_headers_or_refused(said: Any) -> None:
    assert action({"href": "https://h/x?y=1", "header": {"A": "b"}}) == ("https://h/x?y=1", {"A": "b"})
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        action(said)
