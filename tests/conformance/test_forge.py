"""What every forge does: the fake, the local one, and those on the network, on the same proposals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Status
from midwatch.forges.fake import FakeForge
from midwatch.forges.local import LocalForge
from tests.support.forge_scenes import (
    BRANCH,
    NETWORK,
    FakeWorld,
    LocalWorld,
    NetworkWorld,
    Scene,
    World,
    network_world,
    scene_in,
)
from tests.support.repositories import UserRepository


@pytest.fixture(params=["fake", "local", *NETWORK])
async def scene(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    """Two commits in the store, ready to be proposed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with ExitStack() as stack:
        world: World
        if request.param in NETWORK:
            world = stack.enter_context(network_world(request.param, tmp_path))
        else:
            user = UserRepository.make(tmp_path / "project")
            fake = request.param == "fake"
            world = FakeWorld(FakeForge(), str(user.path)) if fake else LocalWorld(LocalForge(tmp_path / "state"), user)
        yield await scene_in(world, tmp_path)


async def test_a_proposal_becomes_an_open_pull_request(scene: Scene) -> None:
    made = await scene.forge.propose(scene.proposal(), scene.store)
    assert (made.number, made.state, made.proposal, made.merge_commit) == (1, "open", scene.proposal(), "")
    assert made.url
    assert await scene.forge.get(scene.where, 1) == made
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
    where = scene.where
    assert [pr.number for pr in await scene.forge.list(where)] == [3, 2, 1]
    await scene.forge.close(where, 2)
    assert [pr.number for pr in await scene.forge.list(where, "open")] == [3, 1]
    assert [pr.number for pr in await scene.forge.list(state="closed")] == [2]


async def test_a_branch_of_somebody_else_is_left_alone(scene: Scene) -> None:
    scene.world.pushes("midwatch/fix-task1")
    with pytest.raises(InputError, match="commits of somebody else") as caught:
        await scene.forge.propose(scene.proposal(), scene.store)
    assert caught.value.mend
    assert list(await scene.forge.list()) == []


async def test_what_is_not_there_is_said(scene: Scene) -> None:
    for call in (scene.forge.get, scene.forge.merge, scene.forge.close):
        with pytest.raises(InputError, match="no pull request 7"):
            await call(scene.where, 7)


async def test_merging_twice_is_the_same_as_once(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    merged = await scene.forge.merge(scene.where, 1)
    assert merged.state == "merged"
    assert scene.world.base() == merged.merge_commit
    assert await scene.forge.merge(scene.where, 1) == merged
    assert await scene.forge.propose(scene.proposal(1), scene.store) == merged
    with pytest.raises(InputError, match="is merged"):
        await scene.forge.close(scene.where, 1)


async def test_a_closed_one_stays_closed_until_there_is_a_new_commit(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    closed = await scene.forge.close(scene.where, 1)
    assert closed.state == "closed"
    assert await scene.forge.close(scene.where, 1) == closed
    assert await scene.forge.propose(scene.proposal(), scene.store) == closed
    with pytest.raises(InputError, match="is closed"):
        await scene.forge.merge(scene.where, 1)
    again = await scene.forge.propose(scene.proposal(1), scene.store)
    assert (again.number, again.state) == (1, "open")


async def test_a_conflict_names_the_files_and_changes_nothing(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    scene.world.conflicts()
    before = scene.world.base()
    with pytest.raises(InputError, match=r"conflicts with main in: a\.txt"):
        await scene.forge.merge(scene.where, 1)
    assert scene.world.base() == before
    assert (await scene.forge.get(scene.where, 1)).state == "open"


async def test_without_a_base_branch_nothing_can_be_merged(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(base=scene.base_commit), scene.store)
    with pytest.raises(InputError, match="has no base branch"):
        await scene.forge.merge(scene.where, 1)


async def test_what_has_landed_is_told_from_what_must_be_proposed_again(scene: Scene) -> None:
    assert not await scene.forge.landed(scene.proposal())
    made = await scene.forge.propose(scene.proposal(), scene.store)
    assert await scene.forge.landed(scene.proposal())
    assert not await scene.forge.landed(scene.proposal(1))
    scene.world.deletes(made.proposal.branch)
    if scene.world.closes_with_its_branch:  # which settles it
        assert await scene.forge.landed(scene.proposal())
        assert (await scene.forge.propose(scene.proposal(), scene.store)).state == "closed"
        return
    assert not await scene.forge.landed(scene.proposal())
    assert await scene.forge.propose(scene.proposal(), scene.store) == made
    assert await scene.forge.landed(scene.proposal())


async def test_what_a_person_has_settled_has_landed_whatever_became_of_the_branch(scene: Scene) -> None:
    await scene.forge.propose(scene.proposal(), scene.store)
    await scene.forge.close(scene.where, 1)
    scene.world.deletes(scene.proposal().branch)
    assert await scene.forge.landed(scene.proposal())
    assert not await scene.forge.landed(scene.proposal(1))
    again = await scene.forge.propose(scene.proposal(1), scene.store)
    await scene.forge.merge(scene.where, again.number)
    scene.world.deletes(scene.proposal().branch)
    assert await scene.forge.landed(scene.proposal(1))


async def test_a_remark_is_written_once_for_its_marker_and_can_be_given_other_words(scene: Scene) -> None:
    await scene.propose()
    first = await scene.forge.comment(scene.where, 1, "All checks pass.", "evidence")
    other = await scene.forge.comment(scene.where, 1, "Hello.", "hello")
    again = await scene.forge.comment(scene.where, 1, "All checks pass now.", "evidence")
    assert (again.id, again.url) == (first.id, first.url) != (other.id, other.url)
    remarks = await scene.forge.remarks(scene.where, 1)
    assert [(r.id, r.body.partition("\n")[0]) for r in remarks] == [
        (first.id, "All checks pass now."), (other.id, "Hello."),
    ]  # fmt: skip
    assert len({r.author for r in remarks}) == 1
    for call in (scene.forge.remarks(scene.where, 99), scene.forge.comment(scene.where, 99, "Hello.", "hello")):
        with pytest.raises(InputError):
            await call


async def test_a_review_is_left_once_and_none_of_its_remarks_is_lost(scene: Scene) -> None:
    await scene.propose()
    judgement = Judgement(
        scene.commits[0], "Two things.", (("a.txt", 1, "Say who."), ("a.txt", 700, "Far."), ("b.txt", 1, "Where?"))
    )
    url = await scene.forge.review(scene.where, 1, judgement, "review-1")
    assert await scene.forge.review(scene.where, 1, judgement, "review-1") == url
    remarks = await scene.forge.remarks(scene.where, 1)
    assert ("a.txt", 1, "Say who.") in {(r.path, r.line, r.body) for r in remarks}
    everything = "\n".join(r.body for r in remarks)
    assert all(everything.count(words) == 1 for words in ("Two things.", "Say who.", "Far.", "Where?"))
    assert await scene.forge.review(scene.where, 1, judgement, "review-2") != url


async def test_reactions_and_statuses_can_be_given_twice(scene: Scene) -> None:
    await scene.propose()
    said = await scene.forge.comment(scene.where, 1, "Hello.", "hello")
    for _ in range(2):
        await scene.forge.react(scene.where, 1, said.id, "eyes")
        await scene.forge.react(scene.where, 1, "", "rocket")
        for state in ("pending", "failure", "neutral", "success"):
            await scene.forge.report(scene.where, scene.commits[0], Status("midwatch", state, "4 checks"))


async def test_an_issue_is_read_and_what_its_author_may_do(scene: Scene) -> None:
    number = scene.world.issue("It is broken", "See *there*.")
    if number is None:
        with pytest.raises(InputError, match="no issues"):
            await scene.forge.issue(scene.where, 1)
        return
    issue = await scene.forge.issue(scene.where, number)
    assert (issue.number, issue.title, issue.body) == (number, "It is broken", "See *there*.")
    assert (issue.author, issue.state, issue.labels) == ("ann", "open", ("bug",))
    assert await scene.forge.access(scene.where, "ann") in ("write", "admin")
    assert await scene.forge.access(scene.where, "nobody-knows-them") == "none"
    said = await scene.forge.comment(scene.where, number, "I look into it.", "began")
    assert [r.id for r in await scene.forge.remarks(scene.where, number)] == [said.id]
    with pytest.raises(InputError, match="no issue 99"):
        await scene.forge.issue(scene.where, 99)


async def test_a_pull_request_of_somebody_else_is_read_and_none_of_ours(scene: Scene) -> None:
    if not isinstance(scene.world, NetworkWorld):
        pytest.skip("nobody else makes any there")
    forge, hosted = scene.world.server.forge, scene.world.hosted
    forge.write(hosted, "theirs", {"b.txt": "b\n"})
    number = forge.open(hosted, "ann", "Mine", "My words", head="theirs", base="main").number
    seen = await scene.forge.get(scene.where, number)
    assert (seen.state, seen.proposal.task_id, seen.proposal.branch, seen.proposal.base) == (
        "open",
        "",
        "theirs",
        "main",
    )
    assert (seen.proposal.commit, seen.proposal.title) == (hosted.tip("theirs"), "Mine")
    assert list(await scene.forge.list(scene.where)) == []
    made = await scene.propose()
    assert made.proposal.branch == BRANCH
    assert list(await scene.forge.list(scene.where)) == [made]
