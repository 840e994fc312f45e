"""Forgejo and Gitea alone: what they are asked, held to the description of their API, and what only they have."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Extras, Judgement, Status
from midwatch.forges.forgejo.site import covers
from midwatch.forges.http import Refused
from tests.support.forge_contract import Contract
from tests.support.forge_forgejo import ForgejoDialect
from tests.support.forge_forgejo_shapes import pull
from tests.support.forge_scenes import Scene, all_news, merged, network_world, opened, scene_in

DESCRIPTION = Path(__file__).with_name("openapi") / "forgejo.json"

_BRANCH_PATH = re.compile(r"(?<=/branches/).+|(?<=/compare/).+")


def _as_one_part(found: re.Match[str]) -> str:
    """The forge takes the slashes of a branch's name as they are; a description has no words for that."""
    return quote(found[0], safe="")


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """A fake Forgejo, and two commits to propose to it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with network_world("forgejo", tmp_path) as world:
        yield await scene_in(world, tmp_path)


async def test_all_that_is_asked_and_answered_is_as_forgejo_describes_it(scene: Scene) -> None:
    forge, where, world = scene.forge, scene.where, scene.world
    await opened(scene, "midwatch", "bug")
    judgement = Judgement(scene.commits[1], "So-so.", (("a.txt", 1, "Why?"), ("b.txt", 1, "Nowhere.")))
    await forge.review(where, 1, judgement, "r1")
    for _ in range(2):
        for remark in await forge.remarks(where, 1):
            await forge.react(where, 1, remark.id, "eyes")
        await forge.react(where, 1, "", "+1")
    await forge.comment(where, 1, "First words.", "words")
    await forge.comment(where, 1, "Second words.", "words")
    for state in ("pending", "pending", "success"):
        status = Status("midwatch", state, "x" * 300, "# Evidence", "https://midwatch.example.org/t/1")
        await forge.report(where, scene.commits[1], status)
    await forge.issue(where, world.issue("Broken", ""))
    await all_news(scene, 2)
    assert await forge.access(where, "ann") == "admin"
    await merged(scene)
    (there,) = world.pulls
    assert (there.labels, there.reviewers) == (["midwatch", "bug"], ["dora"])
    assert any("nobody" in said.body and "team:core" in said.body for said in there.said)
    assert len(world.hosted.statuses) == 2

    contract = Contract(DESCRIPTION, "/api/v1")
    exchanges = [
        (replace(asked, path=_BRANCH_PATH.sub(_as_one_part, asked.path)), said)
        for asked, said in world.server.exchanges
    ]
    assert contract.breaches(exchanges) == []
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert contract.operations(exchanges) == described


async def test_a_draft_is_said_by_its_title(scene: Scene) -> None:
    made = await scene.propose(draft=True, title="WIP: fix it")
    (there,) = scene.world.pulls
    assert (there.title, there.draft) == ("WIP: fix it", True)
    await scene.propose(draft=False, title="WIP: fix it")
    assert (there.title, there.draft) == ("fix it", False)
    assert (await scene.forge.get(scene.where, made.number)).proposal.title == "WIP: fix it"


async def test_the_pull_request_of_a_branch_is_found_among_many(scene: Scene) -> None:
    await scene.propose()
    forge, hosted = scene.world.server.forge, scene.world.hosted
    for _ in range(60):
        forge.open(hosted, "ann", "Other", "", head="main", base="main")
    seen = await scene.forge.site.find("ann/shelf", "midwatch/fix-task1")
    assert (seen.number, seen.state) == (1, "open")
    await scene.forge.close(scene.where, 1)
    seen = await scene.forge.site.find("ann/shelf", "midwatch/fix-task1")
    assert (seen.number, seen.state) == (1, "closed")
    assert await scene.forge.site.find("ann/shelf", "midwatch/nothing") is None
    theirs = pull(scene.world.server, hosted, hosted.threads[1]) | {"state": "open"}
    for strange in ({"head": theirs["head"] | {"repo_id": -1, "repo": None}}, {"flow": 1}):
        fault = scene.world.server.fail("GET", "/pulls$", 200, data=[theirs | strange], times=2)
        assert await scene.forge.site.find("ann/shelf", "midwatch/fix-task1") is None, strange
        assert fault.times == 0


async def test_one_that_was_merged_long_ago_is_not_made_again(scene: Scene) -> None:
    made = await scene.propose()
    await scene.forge.merge(scene.where, made.number)
    forge, hosted = scene.world.server.forge, scene.world.hosted
    for _ in range(50):  # as many as are looked through
        forge.settle(hosted, forge.open(hosted, "ann", "Other", "", head="main", base="main"), "closed", "ann")
    again = await scene.propose(1)
    assert (again.number, again.state, again.proposal.commit) == (made.number, "merged", scene.commits[0])
    assert len(scene.world.pulls) == 51


async def test_labels_that_cannot_be_given_are_said_and_keep_nothing_else_away(scene: Scene) -> None:
    scene.world.wanted = Extras(("midwatch",), ())
    scene.world.server.fail("POST", "/labels$", 403, data={"message": "no"}, times=2)
    assert (await scene.propose()).number == 1
    (said,) = scene.world.pulls[0].said
    assert "the label midwatch cannot be made" in said.body


@pytest.mark.parametrize("status", [422, 500])
async def test_a_review_whose_lines_are_refused_is_left_with_all_of_its_words(scene: Scene, status: int) -> None:
    await scene.propose()
    scene.world.server.fail("POST", "/reviews$", status, times=1 if status == 422 else 3)
    judgement = Judgement(scene.commits[0], "Two.", (("a.txt", 1, "Say who."),))
    url = await scene.forge.review(scene.where, 1, judgement, "r1")
    (said,) = await scene.forge.remarks(scene.where, 1)
    assert (said.url, said.path) == (url, "")
    assert said.body.startswith("Two.")
    assert all(words in said.body for words in ("`a.txt:1`", "Say who."))
    await scene.forge.react(scene.where, 1, said.id, "eyes")  # takes none, and says nothing of it
    with pytest.raises(InputError, match="no remark"):
        await scene.forge.react(scene.where, 1, "../../x", "eyes")


async def test_a_renamed_repository_is_asked_under_its_old_name_and_changed(scene: Scene) -> None:
    where = scene.where
    made = await scene.propose()
    scene.world.server.forge.rename(scene.world.hosted, "ann/bookshelf")
    again = await scene.propose(1, title="Better", repository=where)
    assert (again.number, scene.world.pulls[0].title) == (made.number, "Better")
    assert scene.world.hosted.tip("midwatch/fix-task1") == scene.commits[1]


async def test_what_somebody_may_do_is_told_to_administrators_alone(scene: Scene) -> None:
    scene.world.hosted.access["midwatch-bot"] = "write"
    with pytest.raises(Refused, match="does not tell us what ann may do") as caught:
        await scene.forge.access(scene.where, "ann")
    assert "administrator" in caught.value.mend
    assert await scene.forge.access(scene.where, "") == "none"


async def test_a_merge_waits_while_the_forge_finds_out_whether_it_can(scene: Scene) -> None:
    await scene.propose()
    later = {"message": "Please try again later"}
    scene.world.server.fail("POST", "/merge$", 405, data=later, times=2)
    assert (await scene.forge.merge(scene.where, 1)).state == "merged"


async def test_why_it_was_not_merged_is_said(scene: Scene) -> None:
    await scene.propose()
    scene.world.server.fail("POST", "/merge$", 405, data={"message": "Not enough approvals"})
    with pytest.raises(Refused, match="does not merge pull request 1: Not enough approvals"):
        await scene.forge.merge(scene.where, 1)


def test_rules_for_branches_are_read_as_the_forge_reads_them() -> None:
    name = "midwatch/fix-task1"
    assert [
        rule
        for rule in ("*", "**", "midwatch/*", "midwatch/**", "Midwatch/Fix-task1", "*/fix-task?", "m*", "main")
        if covers(rule, name)
    ] == ["**", "midwatch/*", "midwatch/**", "Midwatch/Fix-task1", "*/fix-task?"]
    assert not covers("{midwatch,main}/**", name)  # the forge refuses the push


def test_its_webhooks_are_signed_in_both_names() -> None:
    headers = ForgejoDialect().signed("s3cret", "issues", "1-2", b"{}")
    wanted = hmac.new(b"s3cret", b"{}", hashlib.sha256).hexdigest()
    assert headers["X-Forgejo-Signature"] == headers["X-Gitea-Signature"] == wanted
    assert (headers["X-Forgejo-Event"], headers["X-Gitea-Delivery"]) == ("issues", "1-2")
