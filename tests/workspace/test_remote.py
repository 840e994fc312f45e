"""Fetching from real servers on loopback: https with a password, ssh, a server that leaves contents out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace import remote
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.git import Git
from midwatch.workspace.leftovers import FETCHING
from midwatch.workspace.remote import Remote, lacking_before, lacking_of
from midwatch.workspace.repository import Repository
from tests.support.git_servers import SSHD, GitServer, http_server, https_server, ssh_server
from tests.support.repositories import UserRepository, git, opened

SECRET = ("ann", "s3cret-word")


@pytest.fixture
def served(user: UserRepository, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """`project` over https with a password that the person's credential helper knows."""
    with https_server(tmp_path, tmp_path, SECRET) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        git(tmp_path, "config", "--global", "credential.helper", f"store --file={home}/passwords")
        (home / "passwords").write_text(f"https://{SECRET[0]}:{SECRET[1]}@localhost%3a{server.port}\n")
        yield server


def let_filter(user: UserRepository) -> None:
    user.git("config", "uploadpack.allowFilter", "true")
    user.git("config", "uploadpack.allowAnySHA1InWant", "true")


async def test_https_takes_the_password_from_the_persons_helper_and_keeps_none(
    user: UserRepository, served: GitServer, tmp_path: Path
) -> None:
    work = await opened(served.url("project"), tmp_path)
    assert (work.base.branch, (work.tree / "a.txt").read_text()) == ("main", "one\ntwo\nthree\n")
    kept = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    assert SECRET[1].encode() not in kept
    third = user.commit("third")
    again = await Repository.open(tmp_path / "state", served.url("project"))
    assert (await again.resolve(None)).commit == third


async def test_a_password_that_is_missing_or_wrong_is_said_without_asking(
    served: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "config", "--global", "--unset", "credential.helper")
    with pytest.raises(OperationError, match="could not read Username") as caught:
        await Repository.open(tmp_path / "state", served.url("project"))
    assert "credential helper" in caught.value.mend
    monkeypatch.delenv("GIT_SSL_CAINFO")
    with pytest.raises(OperationError, match="certificate") as caught:
        await Repository.open(tmp_path / "state", served.url("project"))
    assert "sslCAInfo" in caught.value.mend
    assert list((tmp_path / "state" / "repos").glob("*")) == []


async def test_a_redirect_is_followed_but_never_out_of_tls(
    user: UserRepository, served: GitServer, tmp_path: Path
) -> None:
    served.redirects["moved"] = served.url("project")
    work = await opened(served.url("moved"), tmp_path)
    assert (work.tree / "a.txt").exists()
    with http_server(tmp_path, tmp_path) as plain:
        served.redirects["down"] = f"http://localhost:{plain.port}/project"
        with pytest.raises(OperationError, match="cannot be fetched"):
            await Repository.open(tmp_path / "state", served.url("down"))
        assert plain.requests == []


@pytest.mark.skipif(not os.path.exists(SSHD), reason="sshd is not installed")
async def test_ssh_with_the_persons_key(user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ssh_server(tmp_path) as server:
        monkeypatch.setenv("GIT_SSH_COMMAND", server.command)
        work = await opened(server.url(user.path), tmp_path)
        assert (work.tree / "a.txt").exists()
        (tmp_path / "authorized_keys").write_text("")
        with pytest.raises(OperationError, match="Permission denied") as caught:
            await Repository.open(tmp_path / "state", server.url(user.path))
        assert "ssh agent" in caught.value.mend
        (tmp_path / "known_hosts").write_text("")
        with pytest.raises(OperationError, match="Host key verification failed") as caught:
            await Repository.open(tmp_path / "state", server.url(user.path))
        assert "by hand" in caught.value.mend


async def test_a_partial_store_has_what_a_box_sees_and_no_more(user: UserRepository, tmp_path: Path) -> None:
    let_filter(user)
    for number in range(60):
        user.write("a.txt", f"version {number}\n")
        user.write("big.bin", os.urandom(2000))
        user.write("large.bin", b"%d" % number * 700_000)
        user.commit(f"commit {number}")
    work = await opened(f"file://{user.path}", tmp_path)
    store = work.repository.git_dir
    packed = int((await work.repository.git.run("count-objects", "-v")).split(b"in-pack: ")[1].split(b"\n")[0])
    everything = len(user.git("rev-list", "--objects", "--all").splitlines())
    assert packed < everything
    assert (work.tree / "a.txt").read_text() == "version 59\n"
    assert git(work.tree, "show", "HEAD~40:a.txt") == "version 19"
    assert git(work.tree, "status", "--porcelain") == ""
    assert len(git(work.tree, "log", "-p", "--format=", "--", "a.txt").split("@@")) > 40
    assert (await work.repository.git.ask("cat-file", "-e", "HEAD~1:large.bin")).code != 0
    assert (work.tree / "large.bin").stat().st_size > 1 << 20
    old = user.git("rev-parse", "HEAD~55")
    assert await lacking_of(work.repository.git, old) != []
    before = work.repository.git
    assert (await before.ask("cat-file", "blob", f"{old}:a.txt")).code != 0  # and nothing was fetched for it
    base = await work.repository.resolve(old)
    assert await lacking_of(work.repository.git, old) == []
    other = Workspace(work.repository, tmp_path / "other")
    await other.restore(base)
    assert (other.tree / "a.txt").read_text() == "version 4\n"
    user.path.rename(tmp_path / "away")
    again = await Repository.open(tmp_path / "state", f"file://{user.path}", commit=old)
    assert again.git_dir == store


async def test_the_contents_of_a_base_come_in_one_batch(
    user: UserRepository, served: GitServer, tmp_path: Path
) -> None:
    let_filter(user)
    for number in range(40):
        user.write(f"file{number}.txt", f"{number}\n")
    user.commit()
    await opened(served.url("project"), tmp_path)
    packs = [path for method, path, headers in served.requests if method == "POST" and "authorization" in headers]
    assert packs.count("/project/git-upload-pack") == 4  # heads; refs and history; contents in one
    asked = len(served.requests)
    await Repository.open(tmp_path / "state", served.url("project"), commit=user.git("rev-parse", "HEAD"))
    assert len(served.requests) == asked


async def test_a_server_that_cannot_leave_contents_out_gives_all(user: UserRepository, tmp_path: Path) -> None:
    user.write("a.txt", "later\n")
    user.commit()
    repository = await Repository.open(tmp_path / "state", f"file://{user.path}")
    assert "midwatch" not in (repository.git_dir / "config").read_text()
    assert await lacking_of(repository.git, "refs/remotes/origin/main") == []
    assert await lacking_before(repository.git, "refs/remotes/origin/main") == []
    assert list((repository.git_dir / "objects" / "pack").glob("*.promisor")) == []
    git(repository.git_dir, "fsck", "--strict")


async def test_git_in_a_store_fetches_nothing_by_itself(user: UserRepository, tmp_path: Path) -> None:
    let_filter(user)
    user.write("a.txt", "later\n")
    user.commit()
    repository = await Repository.open(tmp_path / "state", f"file://{user.path}")
    (repository.git_dir / "config").write_text(
        (repository.git_dir / "config").read_text() + f'[remote "midwatch"]\n\turl = file://{user.path}\n'
    )
    blob = user.git("rev-parse", "HEAD~1:a.txt")
    for lazy in ("1", "0"):  # two locks: one that an older git does not know, one that every git has
        store = Git(git_dir=repository.git_dir, cwd=repository.git_dir, environment={"GIT_NO_LAZY_FETCH": lazy})
        assert (await store.ask("cat-file", "-e", blob)).code != 0
    lazily = subprocess.run(["git", "cat-file", "-e", blob], cwd=repository.git_dir, check=False)
    assert lazily.returncode == 0, "plain git would have fetched it"


async def test_a_partial_clone_of_the_person_is_completed_in_the_store_alone(
    user: UserRepository, tmp_path: Path
) -> None:
    let_filter(user)
    user.git("switch", "-q", "-c", "side")
    user.write("side.txt", "of the side\n")
    user.commit()
    user.git("switch", "-q", "main")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{user.path}", "partial")
    before = sorted((tmp_path / "partial" / ".git" / "objects").rglob("*"))
    repository = await Repository.open(tmp_path / "state", str(tmp_path / "partial"))
    base = await repository.resolve("origin/side")
    workspace = Workspace(repository, tmp_path / "attempt")
    await workspace.restore(base)
    assert (workspace.tree / "side.txt").read_text() == "of the side\n"
    assert sorted((tmp_path / "partial" / ".git" / "objects").rglob("*")) == before
    user.git("switch", "-q", "-c", "gone")
    user.write("gone.txt", "gone\n")
    gone = user.commit()
    git(tmp_path / "partial", "fetch", "-q", "origin", "gone")
    user.path.rename(tmp_path / "away")
    with pytest.raises(OperationError, match="is a partial clone") as caught:
        await repository.resolve(gone)
    assert "--refetch" in caught.value.mend


async def test_a_commit_that_no_branch_leads_to_is_fetched_by_its_id(user: UserRepository, tmp_path: Path) -> None:
    let_filter(user)
    hidden = user.commit("hidden")
    user.git("reset", "-q", "--hard", "HEAD~1")
    repository = await Repository.open(tmp_path / "state", f"file://{user.path}")
    assert await Remote(repository.git_dir, f"file://{user.path}").complete(hidden) == 2  # it, and a.txt
    assert (await repository.resolve(hidden)).commit == hidden


FETCH = """
import asyncio, sys
from pathlib import Path
from midwatch.workspace.repository import Repository
async def main():
    repository = await Repository.open(Path(sys.argv[1]), sys.argv[2])
    print((await repository.resolve(None)).commit)
asyncio.run(main())
"""


def fetching(tmp_path: Path, url: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", FETCH, str(tmp_path / "state"), url]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_processes_that_fetch_at_once_do_not_disturb_each_other(user: UserRepository, tmp_path: Path) -> None:
    let_filter(user)
    for number in range(30):
        user.write("a.txt", f"{number}\n")
        user.commit()
    running = [fetching(tmp_path, f"file://{user.path}") for _ in range(4)]
    said = {process.communicate()[0].strip() for process in running}
    assert said == {user.git("rev-parse", "HEAD")}
    (store,) = (tmp_path / "state" / "repos").iterdir()
    git(store, "fsck", "--connectivity-only")


def test_fetches_that_are_killed_leave_no_damage(user: UserRepository, tmp_path: Path) -> None:
    for number in range(40):
        user.write(f"f{number}.bin", os.urandom(40_000))
        user.commit()
    url = f"file://{user.path}"
    for delay in (0.15, 0.25, 0.35, 0.45):
        process = fetching(tmp_path, url)
        time.sleep(delay)
        process.kill()
        process.communicate()
        user.commit("more")
    last = fetching(tmp_path, url)
    assert last.communicate()[0].strip() == user.git("rev-parse", "HEAD")
    for store in (tmp_path / "state" / "repos").glob("*.git"):
        git(store, "fsck")


async def test_what_a_killed_fetch_left_is_swept_and_what_is_in_use_is_not(
    user: UserRepository, tmp_path: Path
) -> None:
    url = f"file://{user.path}"
    store = (await Repository.open(tmp_path / "state", url)).git_dir
    left = [store / "objects/pack/tmp_pack_a", store / "refs/remotes/origin/main.lock", store / "packed-refs.lock"]
    used = store / "objects/pack/tmp_pack_b"
    fresh = store / "objects/pack/tmp_pack_c"
    for path in (*left, used, fresh):
        path.write_text("half")
        os.chmod(path, 0o444)
    for path in (*left, used):
        os.utime(path, (time.time() - 3600,) * 2)
    user.commit("more")
    with open(used, "rb"):
        await Repository.open(tmp_path / "state", url)
        assert [p.exists() for p in (*left, used, fresh)] == [False, False, False, True, True]
    await Repository.open(tmp_path / "state", url)
    assert (used.exists(), fresh.exists(), (store / FETCHING).exists()) == (False, True, True)


async def test_a_server_that_sends_too_much_is_cut_off(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.write("big.bin", os.urandom(3 << 20))
    user.commit()
    monkeypatch.setattr(remote, "LARGEST_PACK", 1 << 20)
    with pytest.raises(OperationError, match="cannot be fetched") as caught:
        await Repository.open(tmp_path / "state", f"file://{user.path}")
    assert "GiB at once" in caught.value.mend
    assert list((tmp_path / "state" / "repos").iterdir()) == []


async def test_hostile_names_of_refs_stay_names(user: UserRepository, tmp_path: Path) -> None:
    head = user.git("rev-parse", "HEAD")
    other = user.commit("other")
    names = ("-x", "--upload-pack=touch${IFS}ran", "$(touch${IFS}ran)", "a;touch", "HEAD", "ü\u202e", "refs/heads/main")
    for name in names:
        path = user.path / ".git" / "refs" / "heads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + "\n")
    url = f"file://{user.path}"
    repository = await Repository.open(tmp_path / "state", url)
    assert (await repository.resolve(None)).commit == other
    assert (await repository.resolve("refs/heads/main")).commit == head
    for name in ("-x", "--upload-pack=touch${IFS}ran"):
        with pytest.raises(InputError):
            await repository.resolve(name)
    assert not list(tmp_path.rglob("ran"))
    user.git("branch", "deep")
    await Repository.open(tmp_path / "state", url)
    user.git("branch", "-D", "deep")
    user.git("branch", "deep/er")
    again = await Repository.open(tmp_path / "state", url)
    assert (await again.resolve("deep/er")).branch == "deep/er"
    assert (await again.resolve(None)).commit == (await again.resolve("main")).commit == other


async def test_a_branch_that_is_called_head_moves_no_other(user: UserRepository, tmp_path: Path) -> None:
    old = user.git("rev-parse", "HEAD")
    user.git("branch", "-m", "Able")  # sorts before HEAD, so it would be overwritten through the name of the default
    new = user.commit("new")
    user.git("update-ref", "refs/heads/HEAD", old)
    for _ in range(2):
        repository = await Repository.open(tmp_path / "state", f"file://{user.path}")
        assert (await repository.resolve("Able")).commit == new


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git://localhost/x", "over git://"),
        ("https://localhost/x%0ahost=evil", "control characters"),
        ("https://localhost/x\nhost=evil", "control characters"),
        ("ext::sh -c touch% ran", "no address that Midwatch fetches from"),
        ("fd::17", "no address that Midwatch fetches from"),
    ],
)
async def test_addresses_that_prove_nothing_or_break_out_are_refused(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        await Repository.open(tmp_path / "state", url)
    assert not (tmp_path / "state").exists()


async def test_waiting_for_the_lock_can_be_cancelled(user: UserRepository, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", f"file://{user.path}")
    there = Remote(repository.git_dir, f"file://{user.path}")
    async with there._alone():
        waiting = asyncio.create_task(there.fetch())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await there.fetch()
