"""GitLab alone: what it is asked, held to a description of its API, and what only it has."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Status
from midwatch.forges.book import Book
from midwatch.forges.credentials import FixedToken
from midwatch.forges.gitlab import words
from midwatch.forges.gitlab.site import GitLab
from midwatch.forges.http import Refused
from midwatch.forges.network import NetworkForge
from midwatch.forges.where import api_of, web_of
from tests.forges.openapi.gitlab import USED
from tests.support.forge_contract import Contract
from tests.support.forge_gitlab import GitLabDialect, request
from tests.support.forge_gitlab_hooks import iid
from tests.support.forge_scenes import Scene, all_news, merged, network_world, opened, scene_in
from tests.support.forge_server import serving

DESCRIPTION = Path(__file__).with_name("openapi") / "gitlab.json"


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """A fake GitLab, and two commits to propose to it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with network_world("gitlab", tmp_path) as world:
        yield await scene_in(world, tmp_path)


async def test_all_that_is_asked_and_answered_is_as_gitlab_is_described(scene: Scene) -> None:
    forge, where, world = scene.forge, scene.where, scene.world
    await opened(scene, "midwatch", "a,b")
    judgement = Judgement(scene.commits[1], "So-so.", (("a.txt", 1, "Why?"), ("a.txt", 99, "Nowhere.")))
    await forge.review(where, 1, judgement, "r1")
    number = world.issue("Broken", "")
    for thread in (1, number):
        await forge.comment(where, thread, "First words.", "words")
        await forge.comment(where, thread, "Second words.", "words")
        for remark in await forge.remarks(where, thread):
            await forge.react(where, thread, remark.id, "eyes")
        await forge.react(where, thread, "", "+1")
    for state in ("pending", "success"):
        status = Status("midwatch", state, "x" * 300, "# Evidence", "https://midwatch.example.org/t/1")
        await forge.report(where, scene.commits[1], status)
    await forge.issue(where, number)
    await all_news(scene, 2)
    assert await forge.access(where, "ann") == "admin"
    await merged(scene)
    (pull,) = world.pulls
    assert (pull.labels, pull.reviewers) == (["midwatch"], ["dora"])
    assert any("comma" in said.body and "nobody" in said.body for said in pull.said)

    contract = Contract(DESCRIPTION, "/api/v4")
    assert contract.breaches(world.server.exchanges) == []
    assert contract.operations(world.server.exchanges) == {f"{method.upper()} {path}" for method, path, *_ in USED}


async def test_a_line_that_gitlab_would_carry_out_arrives_as_words(scene: Scene) -> None:
    text = "See:\n/merge\n  /close now\n/usr/bin/env stays\n```\n/approve\n```\r\n/label ~x"
    made = await scene.propose(body=text)
    await scene.forge.comment(scene.where, 1, text, "one")
    await scene.forge.comment(scene.where, 1, f"/merge\n{text}", "one")
    judgement = Judgement(scene.commits[0], text, (("a.txt", 1, text),))
    await scene.forge.review(scene.where, 1, judgement, "r1")
    (pull,) = scene.world.pulls
    assert pull.labels == []  # the fake puts one on where it acts
    assert all("\n/merge" not in said.body for said in [*pull.said, pull])
    assert "\n/usr/bin/env stays" in pull.body
    requests = len(scene.world.server.asked("PUT", "merge_requests/1$"))
    assert replace(await scene.propose(body=text), updated=made.updated) == made
    assert len(scene.world.server.asked("PUT", "merge_requests/1$")) == requests
    assert (await scene.forge.remarks(scene.where, 1))[0].body.startswith(f"/merge\n{text}"[:40])


async def test_issues_and_merge_requests_of_one_number_are_kept_apart(scene: Scene) -> None:
    await scene.propose()
    number = scene.world.issue("Broken", "Words")
    assert number == -1
    await scene.forge.comment(scene.where, number, "Of the issue.", "m")
    await scene.forge.comment(scene.where, 1, "Of the merge request.", "m")
    await scene.forge.react(scene.where, number, "", "eyes")
    issue, pull = (
        next(t for t in scene.world.hosted.threads.values() if bool(t.head) == kind) for kind in (False, True)
    )
    assert (iid(scene.world.hosted, issue), iid(scene.world.hosted, pull)) == (1, 1)
    assert [said.body.partition("\n")[0] for said in issue.said] == ["Of the issue."]
    assert [said.body.partition("\n")[0] for said in pull.said] == ["Of the merge request."]
    assert (len(issue.reactions), len(pull.reactions)) == (1, 0)
    (remark,) = await scene.forge.remarks(scene.where, number)
    assert remark.url == f"{scene.world.server.web}/ann/shelf/-/issues/1#note_{remark.id}"
    assert (await scene.forge.issue(scene.where, 1)).title == "Broken"


async def test_a_project_in_groups_of_groups_that_was_moved_is_found_and_changed_under_its_new_name(
    scene: Scene,
) -> None:
    forge, hosted = scene.world.server.forge, scene.world.hosted
    forge.rename(hosted, "team/tools/old-shelf")
    where = f"{scene.world.server.web}/team/tools/old-shelf.git"
    made = await scene.forge.propose(scene.proposal(repository=where), scene.store)
    forge.rename(hosted, "team/tools/shelf")
    again = await scene.forge.propose(scene.proposal(1, repository=where, title="Better"), scene.store)
    assert (again.number, again.proposal.title) == (made.number, "Better")
    assert hosted.tip("midwatch/fix-task1") == scene.commits[1]
    assert "/team/tools/shelf/-/" in again.url


async def test_a_remark_stands_beside_each_line_that_the_difference_shows(scene: Scene) -> None:
    hosted, forge = scene.world.hosted, scene.world.server.forge
    base = "".join(f"{i}\n" for i in range(1, 41))
    forge.write(hosted, "main", {"long.txt": base})
    changed = forge.write(
        hosted, "theirs", {"long.txt": base.replace("20\n", "twenty\nand more\n").replace("3\n", "", 1)}
    )
    number = forge.open(hosted, "ann", "Mine", "", head="theirs", base="main").number
    wanted = [1, 2, 19, 20, 21, 22, 30, 99]
    remarks = tuple(("long.txt", line, f"of line {line}") for line in wanted)
    await scene.forge.review(scene.where, number, Judgement(changed, "All.", remarks), "r1")
    said = await scene.forge.remarks(scene.where, number)
    assert [remark.line for remark in said if remark.path] == [1, 2, 19, 20, 21, 22]
    assert [remark.body for remark in said if remark.path][-1] == "of line 22"
    (summary,) = [remark for remark in said if not remark.path]
    assert all(f"of line {line}" in summary.body for line in (30, 99))

    stale = Judgement("f" * 40, "Of another commit.", (("long.txt", 1, "lost?"),))
    await scene.forge.review(scene.where, number, stale, "r2")
    assert "lost?" in (await scene.forge.remarks(scene.where, number))[-1].body


async def test_a_review_that_broke_off_goes_on_where_it_was(scene: Scene) -> None:
    await scene.propose()
    server = scene.world.server
    server.fail("POST", "/discussions$", 502, after=True)
    server.fail("POST", "/notes$", 0, after=True)
    judgement = Judgement(scene.commits[0], "Two.", (("a.txt", 1, "Say who."), ("b.txt", 1, "Where?")))
    await scene.forge.review(scene.where, 1, judgement, "r1")
    said = [remark.body for remark in await scene.forge.remarks(scene.where, 1)]
    assert len(said) == 2
    assert "".join(said).count("Say who.") == 1


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (401, {"message": "401 Unauthorized"}, "may not merge pull request 1"),
        (409, {"message": "SHA does not match HEAD of source branch"}, "got new commits just now"),
        (405, {"message": "405 Method Not Allowed"}, "does not merge pull request 1 yet: mergeable"),
    ],
)
async def test_why_it_was_not_merged_is_said(scene: Scene, status: int, data: object, words: str) -> None:
    await scene.propose()
    scene.world.server.fail("PUT", "/merge$", status, data=data)
    with pytest.raises(Refused, match=words) as caught:
        await scene.forge.merge(scene.where, 1)
    assert caught.value.mend


async def test_a_status_that_is_set_again_is_not_set_again(scene: Scene) -> None:
    await scene.propose()
    for summary in ("Runs", "Runs", "Still runs"):  # GitLab refuses a second change to pending
        await scene.forge.report(scene.where, scene.commits[0], Status("midwatch", "pending", summary))
    assert len(scene.world.hosted.statuses) == 1
    scene.world.server.fail("POST", "/statuses/", 400, data={"message": "sha is invalid"})
    with pytest.raises(InputError, match="does not take a status"):
        await scene.forge.report(scene.where, scene.commits[0], Status("midwatch", "success", "Done"))


async def test_branches_that_a_rule_protects_are_left_alone_before_there_is_one(scene: Scene) -> None:
    scene.world.hosted.protect("midwatch/*")
    with pytest.raises(InputError, match="is protected") as caught:
        await scene.propose()
    assert caught.value.mend
    assert scene.world.hosted.tip("midwatch/fix-task1") == ""


def test_a_title_makes_a_draft_exactly_when_it_shall() -> None:
    assert words.title("Draft: [draft]  WIP: fix\nit", draft=False) == "fix it"
    assert words.title("draft it", draft=False) == "draft it"
    assert words.title("Draft: fix", draft=True) == "Draft: fix"
    assert words.title("Draft:", draft=True) == "Draft: Change"
    assert len(words.title("x" * 400, draft=True)) == 255
    assert words.bare("Draft: fix") == "fix"


async def test_a_gitlab_below_a_path_of_its_host_is_asked_and_pushed_to_there(scene: Scene, tmp_path: Path) -> None:
    class Below(GitLabDialect):
        prefix = "/git/api/v4"

    with serving(tmp_path / "below", Below()) as server:
        bot = server.forge.person("midwatch-bot")
        hosted = server.forge.repository("ann/shelf", **{"midwatch-bot": "write"})
        server.forge.repositories["git/ann/shelf"] = hosted
        web = web_of("gitlab", f"{server.web}/git/")
        site = GitLab("work", FixedToken(bot.token), web, api_of("gitlab", web, ""))
        forge = NetworkForge(site, Book(tmp_path / "forge.db"))
        where, base = f"{server.web}/git/ann/shelf.git", hosted.tip("main")
        proposal = scene.proposal(repository=where, base_commit=base, commit=scene.commits[0])
        assert base == scene.base_commit
        made = await forge.propose(proposal, scene.store)
        assert (made.number, hosted.tip(proposal.branch)) == (1, scene.commits[0])
        assert {asked.path.partition("/api/v4")[0] for asked in server.requests if "/api/" in asked.path} == {"/git"}
        with pytest.raises(InputError, match="no repository at"):
            await forge.get(server.url("ann/shelf"), 1)
    assert api_of("gitlab", web_of("gitlab", "https://example.org/git/"), "") == "https://example.org/git/api/v4"


async def test_a_second_request_that_gitlab_says_is_there_is_looked_for_until_it_is_listed(scene: Scene) -> None:
    there = {"message": ["Another open merge request already exists for this source branch: !1"]}
    scene.world.server.fail("POST", "/merge_requests$", 409, data=there)
    assert (await scene.propose()).number == 1
    await scene.forge.close(scene.where, 1)
    scene.world.deletes("midwatch/fix-task1")  # a closed one without its branch is not opened again
    assert (await scene.propose(1)).number == 2
    await scene.forge.close(scene.where, 2)
    closed = request(scene.world.server, scene.world.hosted, scene.world.pulls[1])
    scene.world.server.fail("PUT", "/merge_requests/2$", 200, data=closed)  # or it is, and the forge does not say so
    assert (await scene.propose(0)).number == 3


async def test_its_webhooks_carry_the_secret_and_what_happened(scene: Scene) -> None:
    world = scene.world
    world.server.hook("ann/shelf", "http://127.0.0.1:1/", "s3cret")
    await scene.propose()
    number = -world.issue("Broken", "Words")
    forge, hosted = world.server.forge, world.hosted
    forge.judge(hosted, world.pulls[0], "ann", "Please", [("a.txt", 1, "Why?")])
    sent = [(one.headers["X-Gitlab-Event"], json.loads(one.body)) for one in world.server.deliver()]
    assert {one.headers["X-Gitlab-Token"] for one in world.server.deliveries} == {"s3cret"}
    assert [event for event, _ in sent] == [
        "Merge Request Hook", "Issue Hook", "Issue Hook", "Note Hook", "Note Hook",
    ]  # fmt: skip
    assert sent[2][1]["object_attributes"]["iid"] == number == 1
    assert [label["title"] for label in sent[2][1]["changes"]["labels"]["current"]] == ["bug"]
    assert sent[4][1]["object_attributes"]["position"]["new_line"] == 1
