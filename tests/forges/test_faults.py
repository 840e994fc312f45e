"""What goes wrong with a forge on the network, on each of them: it answers late, twice, not at all, or says no."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.domain.forge import Judgement
from midwatch.forges.credentials import FixedToken
from midwatch.forges.once import Unsure
from midwatch.forges.pushing import Destination, push
from tests.support.forge_scenes import BRANCH, NETWORK, SLUG, WAITED, NetworkWorld, Scene, network_world, scene_in


@pytest.fixture(params=list(NETWORK))
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """A fake forge of each kind."""
    WAITED.clear()
    with network_world(request.param, tmp_path) as world:
        yield await scene_in(world, tmp_path)
        spilt = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and _holds(path, world.bot.token)]
        assert spilt == []  # whatever has happened, the token is nowhere


def _holds(path: Path, token: str) -> bool:
    return token.encode() in path.read_bytes()


async def _refused(scene: Scene, kind: type[MidwatchError], words: str, mend: str, **changes: Any) -> None:
    with pytest.raises(kind, match=words) as caught:
        await scene.propose(**changes)
    assert re.search(mend, caught.value.mend), caught.value.mend
    assert scene.world.bot.token not in f"{caught.value.message} {caught.value.mend}"


@pytest.mark.parametrize("status", [0, 502])
async def test_what_was_done_without_an_answer_is_found_and_not_done_twice(scene: Scene, status: int) -> None:
    world: NetworkWorld = scene.world
    for method, pattern in (("POST", world.kind.creates), ("POST", world.kind.remarks), world.kind.merges):
        world.server.fail(method, pattern, status, after=True)
    made = await scene.propose()
    assert (made.number, made.state) == (1, "open")
    assert len(world.pulls) == 1
    first = await scene.forge.comment(scene.where, 1, "Checked.", "evidence")
    assert await scene.forge.comment(scene.where, 1, "Checked.", "evidence") == first
    assert len(await scene.forge.remarks(scene.where, 1)) == 1
    assert (await scene.forge.merge(scene.where, 1)).state == "merged"
    assert all(fault.times == 0 for fault in world.server.faults)


async def test_a_review_is_not_left_twice_and_a_lost_push_is_found(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    world.server.fail("POST", r"\.git/git-receive-pack$", 502, after=True)
    with pytest.raises(OperationError, match="cannot be pushed") as caught:
        await scene.propose()
    assert not isinstance(caught.value, InputError)
    assert world.pulls == []
    await scene.propose()
    assert len(world.server.asked("POST", r"\.git/git-receive-pack$")) == 1
    world.server.fail("POST", r"/(reviews|notes|discussions|comments)$", after=True)
    judgement = Judgement(scene.commits[0], "Only once.")
    await scene.forge.review(scene.where, 1, judgement, "r")
    await scene.forge.review(scene.where, 1, judgement, "r")
    assert [remark.body.count("Only once.") for remark in await scene.forge.remarks(scene.where, 1)] == [1]


async def test_a_forge_that_never_answers_is_given_up_and_can_be_asked_again(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    fault = world.server.fail("POST", world.kind.creates, 503, times=-1)
    with pytest.raises(Unsure, match="503"):
        await scene.propose()
    fault.times = 0
    assert world.pulls == []
    world.server.fail("GET", world.kind.api, 502, times=2)  # reading is tried again by itself
    assert (await scene.propose()).number == 1
    world.site.http.seconds = 0.3
    drip = world.server.fail("GET", world.kind.api, drip=0.05, times=-1)
    with pytest.raises(OperationError, match="has not answered within"):
        await scene.forge.get(scene.where, 1)
    drip.times = 0


NOES = (
    (401, "does not know our credential", "connection work a new token"),
    (403, "does not let us", "connection work the rights"),
    (404, "or hides it from us", "connection work opens it"),
    (409, "refuses that", "look at it there"),
    (422, "refuses that", "look at it there"),
)


async def test_a_no_is_said_with_what_to_do(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    world: NetworkWorld = scene.world
    forgotten: list[str] = []
    monkeypatch.setattr(FixedToken, "forget", lambda _, slug: forgotten.append(slug))
    world.server.fail("POST", r"\.git/git-receive-pack$", 403)
    await _refused(scene, InputError, "cannot be pushed", "right to write contents")
    for status, words, mend in NOES:
        world.server.fail("POST", world.kind.creates, status, data={"message": f"so it is \x1b[31m {world.bot.token}"})
        await _refused(scene, InputError, rf"{words}.*so it is \\x1b\[31m \[hidden\]", mend)
    assert forgotten == [SLUG] * 3, "the push, 401 and 403: a token that we make is made anew after the mend"
    assert (await scene.propose()).number == 1


async def test_a_rate_limit_is_waited_for_when_it_is_short_and_else_said(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    world.server.fail("GET", world.kind.api, 429, headers={"Retry-After": "7"})
    world.server.fail("POST", world.kind.creates, 403, headers={
        "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 20),
    })  # fmt: skip
    assert (await scene.propose()).number == 1
    assert WAITED[0] == 7.0
    assert 1 <= WAITED[1] <= 20
    world.server.fail("GET", world.kind.api, 429, headers={"Retry-After": "3600"})
    await _refused(scene, OperationError, r"no more requests from us until \d{4}-.* UTC", "midwatch resume")


async def test_a_renamed_repository_is_followed_and_another_host_is_not(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    world: NetworkWorld = scene.world
    where = scene.where
    world.server.forge.rename(world.hosted, "ann/library")
    with caplog.at_level(logging.WARNING, "midwatch.forges"):
        made = await scene.forge.propose(scene.proposal(repository=where), scene.store)
    assert "ann/library" in caplog.text
    assert world.hosted.tip(BRANCH) == scene.commits[0]
    said = await scene.forge.comment(where, made.number, "Still here.", "m")
    assert await scene.forge.remarks(where, made.number) == [said]
    for there in ("https://evil.example.org/", f"http://127.0.0.1:{world.server.port}/"):
        world.server.fail("GET", world.kind.api, 301, headers={"Location": there})
        with pytest.raises(InputError, match="its token is for"):
            await scene.forge.get(where, 1)


async def test_nothing_is_pushed_where_nothing_may_be(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    hosted = world.hosted
    await _refused(scene, InputError, "no branch of Midwatch's", "begin with midwatch/", branch="main")
    hosted.default_branch = BRANCH
    await _refused(scene, InputError, "branch that others start from", "rename it")
    hosted.default_branch = "main"
    hosted.archived = True
    await _refused(scene, InputError, "is archived", "out of the archive")
    hosted.archived = False
    hosted.protect(BRANCH)  # a rule for a branch that is not there yet is at some forges only seen by who pushes
    await _refused(scene, InputError, "cannot be pushed.*rotected|is protected", r"leave midwatch/\*")
    (hosted.folder / "protected").unlink()
    hosted.access[world.bot.login] = "read"
    await _refused(scene, InputError, "cannot be pushed", "connection work the right")
    hosted.access[world.bot.login] = "write"
    assert world.pulls == []
    await scene.propose()
    hosted.protect(BRANCH)
    await _refused(scene, InputError, "is protected", r"leave midwatch/\*", number=1)
    assert hosted.tip(BRANCH) == scene.commits[0]


async def test_a_base_that_is_gone_or_was_written_anew_is_said(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    hosted = world.hosted
    world.server.forge.write(hosted, "other", {"b.txt": "b\n"})
    hosted.default_branch = "other"
    await _refused(scene, InputError, "no branch gone", "another base", base="gone")
    tree = hosted.git("rev-parse", "main^{tree}")
    hosted.git("update-ref", "refs/heads/main", hosted.git("commit-tree", tree, stdin="anew"))
    await _refused(scene, InputError, "was written anew", "start the task again")
    assert hosted.tip(BRANCH) == ""
    hosted.git("update-ref", "refs/heads/main", scene.base_commit)
    await scene.propose()
    hosted.git("update-ref", "refs/heads/main", hosted.git("commit-tree", tree, stdin="anew"))
    assert (await scene.propose(1)).proposal.commit == scene.commits[1]  # it was taken before


async def test_a_push_is_refused_when_the_branch_has_moved_in_the_meantime(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    theirs = world.server.forge.write(world.hosted, BRANCH, {"b.txt": "b\n"})
    for tip in ("", scene.base_commit):
        to = Destination("work", scene.where, world.server.web, world.site.git_user, world.bot.token, tip)
        with pytest.raises(InputError, match="cannot be pushed") as caught:
            await push(scene.store, scene.proposal(), to)
        assert "somebody has moved that branch" in caught.value.mend
    assert world.hosted.tip(BRANCH) == theirs


async def test_what_arrived_without_being_written_down_and_was_closed_since_stays_closed(scene: Scene) -> None:
    await scene.propose()
    world: NetworkWorld = scene.world
    before = world.hosted.branches()
    to = Destination("work", scene.where, world.server.web, world.site.git_user, world.bot.token, scene.commits[0])
    await push(scene.store, scene.proposal(1), to)  # and the process was killed
    assert world.hosted.branches() != before
    world.server.forge.settle(world.hosted, world.pulls[0], "closed", "ann")
    assert (await scene.propose(1)).state == "closed"
    assert (await scene.forge.get(scene.where, 1)).state == "closed"
    assert len(world.pulls) == 1


async def test_two_at_once_make_one_pull_request(scene: Scene) -> None:
    both = await asyncio.gather(scene.propose(), scene.propose(), return_exceptions=True)
    made = [one for one in both if not isinstance(one, BaseException)]
    assert made
    assert {type(one) for one in both if isinstance(one, BaseException)} <= {InputError}
    assert (await scene.propose()).number == made[0].number == 1
    assert len(scene.world.pulls) == 1


async def test_what_a_person_has_changed_stays_until_ours_changes(scene: Scene) -> None:
    await scene.propose()
    thread = scene.world.pulls[0]
    thread.title, thread.body = "A better title", "More words"
    await scene.propose(1)
    assert (thread.title, thread.body) == ("A better title", "More words")
    await scene.propose(1, title="New work", body="More of it", draft=True)
    assert (thread.body, thread.draft) == ("More of it", True)
    assert "New work" in thread.title
    await scene.propose(1, title="New work", body="More of it")
    assert not thread.draft


async def test_a_remark_that_somebody_else_has_marked_is_not_taken_for_ours(scene: Scene) -> None:
    world: NetworkWorld = scene.world
    await scene.propose()
    ours = await scene.forge.comment(scene.where, 1, "All checks pass.", "evidence")
    thread = world.pulls[0]
    forged = world.server.forge.say(world.hosted, thread, "ann", ours.body)
    forged.created = "2025-01-01T00:00:00Z"  # the oldest is what is seen first
    thread.said.insert(0, thread.said.pop())
    await scene.forge.comment(scene.where, 1, "One check fails.", "evidence")
    assert forged.body == ours.body
    assert [said.body.startswith("One check fails.") for said in thread.said] == [False, True]
