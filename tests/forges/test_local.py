"""The local forge on real repositories: branches, merges, crashes, a damaged state."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, StoreError
from midwatch.domain.pull_request import Proposal
from midwatch.forges import landing
from midwatch.forges.book import Book
from midwatch.forges.local import LocalForge
from midwatch.workspace import objects
from midwatch.workspace.git import Git
from tests.support.repositories import Opened, UserRepository, git, opened

BRANCH = "midwatch/fix-t1"


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Work:
    """A forge, and a change that is ready to be proposed."""

    forge: LocalForge
    user: UserRepository
    opened: Opened
    proposal: Proposal

    @property
    def store(self) -> Path:
        return self.opened.repository.git_dir

    @property
    def where(self) -> str:
        return self.proposal.repository

    async def propose(self, **changes: str) -> None:
        """The proposal, perhaps changed."""
        self.proposal = replace(self.proposal, **changes)  # type: ignore[arg-type]
        await self.forge.propose(self.proposal, self.store)


async def commit_of(work: Opened, message: str = "Fix it\n", when: str = "2026-01-01T00:00:00Z") -> str:
    """What is in the workspace, as a commit on the base."""
    saved = await work.workspace.save()
    return await work.repository.commit(saved.tree, work.base.commit, message, when)


async def ready(user: UserRepository | str, tmp_path: Path, *, text: str = "one\nTWO\nthree\n") -> Work:
    """One change to a.txt."""
    work = await opened(user if isinstance(user, str) else user.path, tmp_path)
    work.write("a.txt", text)
    proposal = Proposal(
        "t1", work.repository.location, BRANCH, work.base.branch, work.base.commit, await commit_of(work), "Fix it",
        "Because.", False, "passed",
    )  # fmt: skip
    place = user if isinstance(user, UserRepository) else UserRepository(tmp_path / "project")
    return Work(LocalForge(tmp_path / "state"), place, work, proposal)


async def test_the_branch_arrives_whole_and_nothing_else_changes(user: UserRepository, tmp_path: Path) -> None:
    user.git("commit", "-q", "--allow-empty", "-m", "second")
    user.write("a.txt", "one\ntwo\nthree\ndirty\n")
    work = await ready(user, tmp_path)
    for i in range(150):  # so many that they come as a pack
        work.opened.write(f"many/{i}", f"{i}\n")
    work.proposal = replace(work.proposal, commit=await commit_of(work.opened))
    head, refs, index, status = user.state()
    hook = tmp_path / "it-ran"
    user.write(".git/hooks/reference-transaction", f"#!/bin/sh\ntouch '{hook}'\n", 0o755)
    await work.propose()
    assert not hook.exists()
    assert user.state()[0] == head
    assert user.state()[2:] == (index, status)
    added = set(user.git("for-each-ref").splitlines()) - set(refs.splitlines())
    assert added == {f"{work.proposal.commit} commit\trefs/heads/{BRANCH}"}
    shutil.rmtree(tmp_path / "state")
    user.git("fsck", "--full", "--strict")
    assert user.git("show", f"{BRANCH}:many/7") == "7"
    assert not (user.path / ".git" / "FETCH_HEAD").exists()


async def test_a_base_with_uncommitted_changes_brings_them_along(user: UserRepository, tmp_path: Path) -> None:
    user.write("mine.txt", "not committed\n")
    work = await ready(user, tmp_path)
    base = await work.opened.repository.include_uncommitted(work.opened.base)
    commit = await work.opened.repository.commit(base.tree, base.commit, "Fix it\n", "2026-01-01T00:00:00Z")
    await work.propose(base_commit=base.commit, commit=commit)
    shutil.rmtree(tmp_path / "state")
    assert user.git("show", f"{BRANCH}:mine.txt") == "not committed"
    assert user.git("log", "--format=%s", BRANCH) == "Fix it\nUncommitted changes\nfirst"


async def test_it_works_on_a_shallow_clone_and_on_a_linked_working_tree(user: UserRepository, tmp_path: Path) -> None:
    user.commit("second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{user.path}", "shallow")
    shallow = await ready(UserRepository(tmp_path / "shallow"), tmp_path / "1")
    await shallow.propose()
    assert git(tmp_path / "shallow", "log", "--format=%s", BRANCH) == "Fix it\nsecond"
    user.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = await ready(UserRepository(tmp_path / "linked"), tmp_path / "2")
    await linked.propose()
    assert (await linked.forge.get(str(user.path / "."), 1)).proposal.base == "side"
    assert user.git("rev-parse", BRANCH) == linked.proposal.commit


async def test_it_works_on_a_partial_clone(user: UserRepository, tmp_path: Path) -> None:
    user.write("old.txt", "only in history\n")
    user.commit("second")
    user.git("rm", "-q", "old.txt")
    user.commit("third")
    user.git("config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{user.path}", "partial")
    work = await ready(UserRepository(tmp_path / "partial"), tmp_path / "1")
    await work.propose()
    assert git(tmp_path / "partial", "diff", "--stat", "main", BRANCH).startswith(" a.txt")


async def test_a_crash_at_any_point_is_made_good_by_proposing_again(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = await ready(user, tmp_path)
    real, runs = Git.ask, 0

    async def counting(self: Git, *args: str, **more: object) -> object:
        nonlocal runs
        runs -= 1
        if runs == 0:
            raise Crash
        return await real(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "ask", counting)
    stopped = 0
    for at in range(1, 40):
        runs = at
        try:
            await work.propose()
        except Crash:
            stopped += 1
            continue
        break
    assert stopped >= 4

    def dying(*args: object) -> None:
        raise Crash

    work.opened.write("a.txt", "another\n")
    work.proposal = replace(work.proposal, commit=await commit_of(work.opened))
    with monkeypatch.context() as patched:
        patched.setattr(Book, "put", dying)
        with pytest.raises(Crash):
            await work.propose()
    work.opened.write("a.txt", "and another\n")  # what resumed made another commit
    await work.propose(commit=await commit_of(work.opened))
    assert user.git("rev-parse", BRANCH) == work.proposal.commit
    assert [pr.number for pr in await work.forge.list()] == [1]


async def test_proposals_at_once_make_one_pull_request(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    forges = [LocalForge(tmp_path / "state") for _ in range(4)]
    made = await asyncio.gather(*(f.propose(work.proposal, work.store) for f in forges), return_exceptions=True)
    assert {pr.number for pr in made if not isinstance(pr, BaseException)} == {1}
    assert all(isinstance(pr, InputError) for pr in made if isinstance(pr, BaseException))
    assert len(await work.forge.list()) == 1


async def test_commits_added_by_a_person_are_kept_and_merged(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.git("switch", "-q", BRANCH)
    user.write("review.txt", "mine\n")
    added = user.commit("review")
    user.git("switch", "-q", "main")
    await work.propose()
    assert user.git("rev-parse", BRANCH) == added
    work.opened.write("a.txt", "another\n")
    with pytest.raises(InputError, match="commits of somebody else"):
        await work.forge.propose(replace(work.proposal, commit=await commit_of(work.opened)), work.store)
    merged = await work.forge.merge(work.where, 1)
    assert merged.merge_commit == added == user.git("rev-parse", "main")
    assert (user.path / "review.txt").exists()


async def test_a_branch_that_is_checked_out_does_not_move_below_a_person(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.git("switch", "-q", BRANCH)
    work.opened.write("a.txt", "another\n")
    with pytest.raises(InputError, match="is checked out in") as caught:
        await work.propose(commit=await commit_of(work.opened))
    assert "another branch" in caught.value.mend


async def test_a_branch_name_in_the_way_is_explained(user: UserRepository, tmp_path: Path) -> None:
    user.git("branch", "midwatch")
    work = await ready(user, tmp_path)
    with pytest.raises(InputError, match="cannot be written") as caught:
        await work.propose()
    assert "rename it" in caught.value.mend


async def test_merging_moves_the_branch_and_the_tree_that_shows_it(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.write("mine.txt", "untracked\n")
    merged = await work.forge.merge(str(user.path), 1)
    assert user.git("rev-parse", "main") == merged.merge_commit == work.proposal.commit
    assert (user.path / "a.txt").read_text() == "one\nTWO\nthree\n"
    assert user.git("status", "--porcelain") == "?? mine.txt"


async def test_a_base_that_went_on_gets_a_merge_commit(user: UserRepository, tmp_path: Path) -> None:
    user.git("config", "user.name", "Bea")
    user.git("config", "user.email", "bea@example.org")
    work = await ready(user, tmp_path)
    await work.propose()
    user.write("other.txt", "other\n")
    other = user.commit("other")
    merged = await work.forge.merge(str(user.path), 1)
    assert user.git("log", "-1", "--format=%P %an", "main") == f"{other} {work.proposal.commit} Bea"
    assert user.git("log", "-1", "--format=%s") == "Merge pull request #1: Fix it"
    assert user.git("rev-parse", "HEAD") == merged.merge_commit
    assert user.git("status", "--porcelain") == ""
    assert (user.path / "a.txt").read_text() == "one\nTWO\nthree\n"


async def test_a_base_that_nobody_has_checked_out_moves_alone(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.git("switch", "-q", "-c", "elsewhere")
    before = user.state()
    await work.forge.merge(str(user.path), 1)
    assert user.git("rev-parse", "main") == work.proposal.commit
    assert (user.state()[0], user.state()[2:]) == (before[0], before[2:])


@pytest.mark.parametrize("kind", ["changed", "staged", "untracked"])
async def test_changes_that_would_be_lost_stop_the_merge(kind: str, user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    work.opened.write("new.txt", "new\n")
    await work.propose(commit=await commit_of(work.opened))
    name = "new.txt" if kind == "untracked" else "a.txt"
    user.write(name, "mine\n")
    if kind == "staged":
        user.git("add", name)
    before = user.state()
    with pytest.raises(InputError, match=f"changes of its own: {name}; nothing was merged"):
        await work.forge.merge(str(user.path), 1)
    assert user.state() == before
    assert (user.path / name).read_text() == "mine\n"


async def test_a_merge_cut_off_before_the_branch_moved_is_finished_by_the_next(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.git("read-tree", "-m", "-u", "main", BRANCH)  # the files are there, the branch is not
    merged = await work.forge.merge(str(user.path), 1)
    assert user.git("rev-parse", "main") == merged.merge_commit
    assert user.git("status", "--porcelain") == ""


async def test_what_was_merged_by_hand_is_found_to_be_merged(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    user.git("merge", "-q", "--no-ff", "-m", "by hand", BRANCH)
    merged = await work.forge.merge(str(user.path), 1)
    assert (merged.state, merged.merge_commit) == ("merged", user.git("rev-parse", "main"))


async def test_what_cannot_be_merged_says_how(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose(base="gone")
    with pytest.raises(InputError, match="no branch gone to merge into"):
        await work.forge.merge(str(user.path), 1)
    await work.propose(base="main")
    tree = user.git("rev-parse", "main^{tree}")
    user.git("update-ref", f"refs/heads/{BRANCH}", user.git("commit-tree", "-m", "rewritten", tree))
    with pytest.raises(InputError, match="no longer has the commit that was checked"):
        await work.forge.merge(str(user.path), 1)
    user.git("branch", "-D", BRANCH)
    assert (await work.forge.merge(str(user.path), 1)).state == "merged"


async def test_the_branch_of_a_url_stays_in_the_store(user: UserRepository, tmp_path: Path) -> None:
    before = user.state()
    work = await ready(f"file://{user.path}", tmp_path)
    await work.propose()
    assert user.state() == before
    assert (await objects.commit_facts(work.opened.repository.git, f"refs/heads/{BRANCH}"))[0]
    with pytest.raises(InputError, match="not on this machine"):
        await work.forge.merge(work.where, 1)


async def test_a_repository_whose_path_is_not_utf8_is_remembered(tmp_path: Path) -> None:
    user = UserRepository.make(tmp_path / os.fsdecode(b"caf\xe9\n"))
    work = await ready(user, tmp_path)
    await work.propose()
    assert (await work.forge.get(str(user.path), 1)).proposal == work.proposal


async def test_listing_without_state_makes_nothing(tmp_path: Path) -> None:
    assert list(await LocalForge(tmp_path / "state").list()) == []
    assert await LocalForge(tmp_path / "state").of_task("t1") is None
    assert not (tmp_path / "state").exists()


async def test_a_damaged_or_foreign_file_is_an_error_that_says_what_to_do(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    book = tmp_path / "state" / "forge.db"
    for suffix in ("-wal", "-shm"):
        Path(f"{book}{suffix}").unlink(missing_ok=True)
    book.write_bytes(b"this is no database at all, whatever it is" * 200)
    forge = LocalForge(tmp_path / "state")  # one that has the file open already would not look at it again
    for call in (forge.list(), forge.get(work.where, 1), forge.propose(work.proposal, work.store)):
        with pytest.raises(StoreError, match="damaged") as caught:
            await call
        assert "move that file away" in caught.value.mend
    book.unlink()
    book.mkdir()
    with pytest.raises(StoreError, match=r"forge\.db cannot be used"):
        await work.forge.list()
    assert await landing.tip(Git(cwd=user.path, trusted=True), f"refs/heads/{BRANCH}") == work.proposal.commit


async def test_a_list_that_was_lost_is_made_again_by_proposing_again(user: UserRepository, tmp_path: Path) -> None:
    work = await ready(user, tmp_path)
    await work.propose()
    for file in (tmp_path / "state").glob("forge.db*"):
        file.unlink()
    assert not await work.forge.landed(work.proposal)
    before = user.git("rev-parse", BRANCH)
    await work.propose()
    assert await work.forge.landed(work.proposal)
    assert user.git("rev-parse", BRANCH) == before
    user.git("switch", "-q", BRANCH)
    user.commit("somebody adds to it")
    assert await work.forge.landed(work.proposal)
    user.git("reset", "-q", "--hard", "HEAD~2")
    assert not await work.forge.landed(work.proposal)
