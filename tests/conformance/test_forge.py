"""What every forge does: the fake and the local one, on the same proposals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.pull_request import Proposal
from midwatch.forges.base import Forge
from midwatch.forges.fake import FakeForge
from midwatch.forges.local import LocalForge
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository

WHEN = "2026-01-01T00:00:00Z"


@dataclass
class Scene:
    """A forge, and commits to propose to it."""

    forge: Forge
    user: UserRepository
    repository: Repository
    base_commit: str
    commits: tuple[str, str]

    def proposal(self, number: int = 0, **changes: str | bool) -> Proposal:
        """The same task's, with commit `number`."""
        plain = Proposal(
            task_id="task1", repository=str(self.user.path), branch="midwatch/fix-task1", base="main",
            base_commit=self.base_commit, commit=self.commits[number], title="Fix it", body="Because.", draft=False,
            verdict="passed",
        )  # fmt: skip
        return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name

    @property
    def store(self) -> Path:
        return self.repository.git_dir

    def somebody_pushes(self, branch: str) -> None:
        """A commit of another person on a branch."""
        if isinstance(self.forge, FakeForge):
            self.forge.branches[str(self.user.path), branch] = "f" * 40
        else:
            tree = self.user.git("rev-parse", "HEAD^{tree}")
            self.user.git("update-ref", f"refs/heads/{branch}", self.user.git("commit-tree", "-m", "theirs", tree))

    def somebody_deletes(self, branch: str) -> None:
        """The branch is gone."""
        if isinstance(self.forge, FakeForge):
            del self.forge.branches[str(self.user.path), branch]
        else:
            self.user.git("branch", "-q", "-D", branch)

    def make_a_conflict(self) -> None:
        """The base branch changes the line that the proposal changes."""
        if isinstance(self.forge, FakeForge):
            self.forge.conflicts = ("a.txt",)
        else:
            self.user.write("a.txt", "theirs\n")
            self.user.commit("theirs")


@pytest.fixture(params=["fake", "local"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two commits in the store, ready to be proposed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    user = UserRepository.make(tmp_path / "project")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    commits = []
    for text in (b"ours\n", b"ours, better\n"):
        blob = (await repository.git.run("hash-object", "-w", "--stdin", stdin=text)).strip()
        tree = await repository.git.run("mktree", stdin=b"100644 blob " + blob + b"\ta.txt\n")
        commits.append(await repository.commit(tree.decode().strip(), base.commit, "Fix it\n", WHEN))
    forge: Forge = FakeForge() if request.param == "fake" else LocalForge(tmp_path / "state")
    return Scene(forge, user, repository, base.commit, (commits[0], commits[1]))


async def test_a_proposal_becomes_an_open_pull_request(scene: Scene) -> None:
    made = await scene.forge.propose(scene.proposal(), scene.store)
    assert (made.number, made.state, made.proposal, made.merge_commit) == (1, "open", scene.proposal(), "")
    assert made.url
    assert await scene.forge.get(str(scene.user.path), 1) == made
    assert await scene.forge.of_task("task1") == made
    assert await scene.forge.of_task("task2") is None


async def test_proposing_twice_is_the_same_as_once(scene: Scene) -> None:
    made = await scene.forge.propose(scene.proposal(), scene.store)
    assert await scene.forge.propose(scene.proposal(), scene.store) == made
    assert list(await scene.forge.list()) == [made]


async def test_a_new_commit_updates_the_same_pull_request(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    updated = await scene.forge.propose(scene.proposal(1, title="Better", draft=True), scene.store)
    assert (updated.number, updated.proposal.title, updated.proposal.commit) == (1, "Better", scene.commits[1])
    assert len(await scene.forge.list()) == 1


async def test_numbers_count_up_and_the_newest_comes_first(scene: Scene) -> None:
    for number in (1, 2, 3):
        await scene.forge.propose(scene.proposal(branch=f"midwatch/{number}", task_id=f"t{number}"), scene.store)
    where = str(scene.user.path)
    assert [pr.number for pr in await scene.forge.list(where)] == [3, 2, 1]
    await scene.forge.close(where, 2)
    assert [pr.number for pr in await scene.forge.list(where, "open")] == [3, 1]
    assert [pr.number for pr in await scene.forge.list(state="closed")] == [2]
    assert list(await scene.forge.list(str(scene.store))) == []


async def test_a_branch_of_somebody_else_is_left_alone(scene: Scene) -> None:
    scene.somebody_pushes("midwatch/fix-task1")
    with pytest.raises(InputError, match="commits of somebody else") as caught:
        await scene.forge.propose(scene.proposal(), scene.store)
    assert caught.value.mend
    assert list(await scene.forge.list()) == []


async def test_what_is_not_there_is_said(scene: Scene) -> None:
    for call in (scene.forge.get, scene.forge.merge, scene.forge.close):
        with pytest.raises(InputError, match="no pull request 7"):
            await call(str(scene.user.path), 7)


async def test_merging_twice_is_the_same_as_once(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    merged = await scene.forge.merge(str(scene.user.path), 1)
    assert (merged.state, merged.merge_commit) == ("merged", scene.commits[0])
    assert await scene.forge.merge(str(scene.user.path), 1) == merged
    assert await scene.forge.propose(scene.proposal(1), scene.store) == merged
    with pytest.raises(InputError, match="is merged"):
        await scene.forge.close(str(scene.user.path), 1)


async def test_a_closed_one_stays_closed_until_there_is_a_new_commit(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    closed = await scene.forge.close(str(scene.user.path), 1)
    assert closed.state == "closed"
    assert await scene.forge.close(str(scene.user.path), 1) == closed
    assert await scene.forge.propose(scene.proposal(), scene.store) == closed
    with pytest.raises(InputError, match="is closed"):
        await scene.forge.merge(str(scene.user.path), 1)
    again = await scene.forge.propose(scene.proposal(1), scene.store)
    assert (again.number, again.state) == (1, "open")


async def test_a_conflict_names_the_files_and_changes_nothing(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    scene.make_a_conflict()
    before = scene.user.state()
    with pytest.raises(InputError, match=r"conflicts with main in: a\.txt"):
        await scene.forge.merge(str(scene.user.path), 1)
    assert scene.user.state() == before
    assert (await scene.forge.get(str(scene.user.path), 1)).state == "open"


async def test_without_a_base_branch_nothing_can_be_merged(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(base=scene.base_commit), scene.store)
    with pytest.raises(InputError, match="has no base branch"):
        await scene.forge.merge(str(scene.user.path), 1)


async def test_what_has_landed_is_told_from_what_must_be_proposed_again(scene: Scene) -> None:
    assert not await scene.forge.landed(scene.proposal())
    made = await scene.forge.propose(scene.proposal(), scene.store)
    assert await scene.forge.landed(scene.proposal())
    assert not await scene.forge.landed(scene.proposal(1))
    scene.somebody_deletes(made.proposal.branch)
    assert not await scene.forge.landed(scene.proposal())
    assert await scene.forge.propose(scene.proposal(), scene.store) == made
    assert await scene.forge.landed(scene.proposal())


async def test_what_a_person_has_settled_has_landed_whatever_became_of_the_branch(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    await scene.forge.close(str(scene.user.path), 1)
    scene.somebody_deletes(scene.proposal().branch)
    assert await scene.forge.landed(scene.proposal())
    assert not await scene.forge.landed(scene.proposal(1))
    await scene.forge.propose(scene.proposal(1), scene.store)
    await scene.forge.merge(str(scene.user.path), 1)
    scene.somebody_deletes(scene.proposal().branch)
    assert await scene.forge.landed(scene.proposal(1))
