"""Files of Git LFS on their way to a forge: before the branch, once, with our credential for the forge alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.domain.pull_request import Proposal
from midwatch.domain.task import Base
from midwatch.workspace import lfs_offered
from midwatch.workspace.git import Git
from midwatch.workspace.lfs import pointer_of
from midwatch.workspace.repository import Repository
from tests.support.forge_scenes import BRANCH, WHEN, NetworkWorld, network_world
from tests.support.forge_state import Hosted
from tests.support.git_servers import https_server
from tests.support.repositories import git

ATTRIBUTES = "*.png filter=lfs diff=lfs merge=lfs -text\n"
ONE, TWO = b"picture one " * 9000, b"picture two\n"
BATCH, PUT, VERIFY, PUSH = (r"info/lfs/objects/batch$", r"/lfs-object/", r"/lfs-verify$", r"/git-receive-pack$")


@dataclass
class Studio:
    """A forge whose repository has its pictures in LFS, and what a task makes of it."""

    world: NetworkWorld
    repository: Repository
    base: Base

    @property
    def hosted(self) -> Hosted:
        return self.world.hosted

    async def offer(self, files: Mapping[str, bytes], branch: str = BRANCH) -> None:
        """Propose a commit with these files."""
        await self.world.forge.propose(await self.proposal(files, branch), self.repository.git_dir)

    async def proposal(self, files: Mapping[str, bytes], branch: str = BRANCH) -> Proposal:
        """A commit with these files, made of a tree of contents as a task makes it."""
        run = self.repository.git.run
        index = {"GIT_INDEX_FILE": str(self.repository.git_dir / "index-of-the-test")}
        there = Git(self.repository.git_dir, cwd=self.repository.git_dir, environment=index)
        await there.run("read-tree", self.base.tree)
        for name, data in files.items():
            blob = (await run("hash-object", "-w", "--stdin", stdin=data)).decode().strip()
            await there.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        saved = (await there.run("write-tree")).decode().strip()
        tree = await lfs_offered.pointed(self.repository, self.base, saved, wanted=False)
        commit = await self.repository.commit(tree, self.base.commit, "Draw\n", WHEN)
        return Proposal(
            task_id=branch, repository=self.world.where, branch=branch, base="main", base_commit=self.base.commit,
            commit=commit, title="Draw", body="B", draft=False, verdict="none",
        )  # fmt: skip

    def has(self, data: bytes) -> bool:
        file = self.world.server.lfs.file(self.hosted, oid(data))
        return file.is_file() and file.read_bytes() == data

    def asked(self, *patterns: str) -> list[str]:
        """Which of the patterns the requests fit, in their order."""
        sent = [one.path for one in self.world.server.requests if one.method != "GET"]
        return [pattern for path in sent for pattern in patterns if re.search(pattern, path)]


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
async def studio(tmp_path: Path, home: None) -> AsyncIterator[Studio]:
    with network_world("github", tmp_path) as world:
        world.server.forge.write(world.hosted, "main", {".gitattributes": ATTRIBUTES})
        repository = await Repository.open(tmp_path / "state", str(world.hosted.folder))
        yield Studio(world, repository, await repository.resolve(None))
        kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert [path for path in kept if world.bot.token.encode() in path.read_bytes()] == []


async def test_objects_are_at_the_forge_before_the_branch_and_are_sent_once(studio: Studio) -> None:
    await studio.offer({"one.png": ONE, "two.png": TWO, "a.txt": TWO})
    assert studio.asked(BATCH, PUT, VERIFY, PUSH).index(PUSH) == 5
    assert sorted(studio.asked(BATCH, PUT, VERIFY)) == sorted([BATCH, PUT, PUT, VERIFY, VERIFY])
    assert studio.has(ONE)
    assert studio.has(TWO)
    assert studio.hosted.git("show", f"{BRANCH}:one.png") + "\n" == pointer_of(oid(ONE), len(ONE)).decode()
    assert studio.hosted.git("show", f"{BRANCH}:a.txt").encode() + b"\n" == TWO
    (put,) = [a for a in studio.world.server.asked("PUT", PUT) if a.body == ONE]
    assert put.headers["x-ticket"] == "1"
    assert put.headers["content-length"] == str(len(ONE))
    await studio.offer({"one.png": ONE, "two.png": TWO, "a.txt": TWO})
    assert studio.asked(PUSH) == [PUSH], "what is pushed is not looked into again"
    await studio.offer({"same.png": ONE}, "midwatch/another")
    assert len(studio.asked(PUT)) == 2, "the forge has it already"


async def test_an_upload_that_was_cut_off_goes_on_where_it_was(studio: Studio) -> None:
    studio.world.server.fail("PUT", oid(ONE), after=True)
    with pytest.raises(OperationError, match="did not take the files") as caught:
        await studio.offer({"one.png": ONE, "two.png": TWO})
    assert "midwatch resume" in caught.value.mend
    assert not isinstance(caught.value, InputError)
    assert studio.asked(PUSH) == []
    assert studio.has(ONE)
    before = len(studio.asked(PUT))
    await studio.offer({"one.png": ONE, "two.png": TWO})
    assert studio.has(TWO)
    assert len([a for a in studio.world.server.asked("PUT", PUT) if oid(ONE) in a.path]) == 1
    assert len(studio.asked(PUT)) <= before + 1
    assert studio.asked(PUSH) == [PUSH]


REFUSALS: list[tuple[str, str, int, type[MidwatchError], str, str]] = [
    ("POST", BATCH, 401, InputError, "answered 401", "a new token"),
    ("POST", BATCH, 403, InputError, "answered 403: fault 403", "the right to write contents"),
    ("POST", BATCH, 404, InputError, "there seems to be none", "switch Git LFS on"),
    ("POST", BATCH, 429, OperationError, "answered 429", "midwatch resume"),
    ("PUT", PUT, 507, InputError, "answered 507", "make room"),
    ("PUT", PUT, 302, OperationError, "answered 302", "midwatch resume"),
    ("POST", VERIFY, 500, OperationError, "answered 500", "midwatch resume"),
]
"""Method, path and status; what is raised, and what it says."""


async def test_a_forge_that_does_not_take_them_is_told_with_what_to_do(studio: Studio) -> None:
    away = {"Location": "https://elsewhere.example/"}
    proposal, forge = await studio.proposal({"two.png": TWO}), studio.world.forge
    for method, path, status, kind, words, mend in REFUSALS:
        fault = studio.world.server.fail(method, path, status, times=-1, headers=away)
        with pytest.raises(kind, match=words) as caught:
            await forge.propose(proposal, studio.repository.git_dir)
        fault.times = 0
        assert type(caught.value) is kind
        assert mend in caught.value.mend
        assert studio.world.bot.token not in f"{caught.value.message} {caught.value.mend}"
    studio.world.server.lfs.on = False
    with pytest.raises(InputError, match="there seems to be none"):
        await forge.propose(proposal, studio.repository.git_dir)
    assert studio.asked(PUSH) == []


async def test_objects_go_to_another_host_by_tls_alone_and_without_our_credential(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lfs = studio.world.server.lfs
    lfs.elsewhere = f"http://127.0.0.1:{studio.world.server.port}/bucket"
    with pytest.raises(OperationError, match="without encryption"):
        await studio.offer({"two.png": TWO})
    with https_server(tmp_path, tmp_path) as bucket:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(bucket.certificate))
        lfs.elsewhere = f"https://localhost:{bucket.port}/bucket"
        lfs.header = {"X-Signed": "by-the-forge", "Content-Type": "image/png"}
        with pytest.raises(OperationError, match="answered 404"):  # the forge looks for it with itself
            await studio.offer({"two.png": TWO})
        assert bucket.put == {f"/bucket/{oid(TWO)}": TWO}
        ((_, _, headers),) = bucket.requests
    assert "authorization" not in headers
    assert studio.world.bot.token not in str(headers)
    assert (headers["x-signed"], headers["content-type"]) == ("by-the-forge", "image/png")
    assert studio.asked(PUSH) == []


async def test_a_pointer_to_nothing_is_refused_unless_the_forge_has_the_object(studio: Studio) -> None:
    pointer = pointer_of(oid(ONE), len(ONE))
    with pytest.raises(InputError, match="nor this machine has") as caught:
        await studio.offer({"one.png": pointer})
    assert "write the file itself" in caught.value.mend
    assert studio.asked(PUSH) == []
    assert studio.world.server.lfs.put(studio.hosted, oid(ONE), ONE)
    await studio.offer({"one.png": pointer})
    assert studio.asked(PUSH) == [PUSH]


async def test_what_a_task_says_of_the_server_does_not_count(studio: Studio, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with https_server(other, other) as evil:
        said = f"[lfs]\n\turl = https://localhost:{evil.port}/x\n"
        await studio.offer({"two.png": TWO, ".lfsconfig": said.encode()})
        assert studio.has(TWO)
        commit = studio.world.server.forge.write(studio.hosted, "main", {".lfsconfig": said})
        git(tmp_path, "--git-dir", str(studio.repository.git_dir), "fetch", "-q", str(studio.hosted.folder), commit)
        studio.base = await studio.repository.resolve(None)
        with pytest.raises(InputError, match="which is another server") as caught:
            await studio.offer({"one.png": ONE}, "midwatch/another")
        assert "lfs.url" in caught.value.mend
        assert evil.requests == []
