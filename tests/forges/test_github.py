"""GitHub alone: what it is asked, held to its own description, and what only it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.domain.forge import Judgement, Status
from midwatch.forges.github.asking import graph_address
from midwatch.forges.lines import of_hunks
from midwatch.forges.news import Head
from midwatch.forges.once import Unsure
from midwatch.forges.stamps import Stamps
from midwatch.forges.where import api_of, web_of
from tests.forges.openapi.extract import USED
from tests.support.forge_contract import Contract
from tests.support.forge_github_shapes import DESCRIPTION
from tests.support.forge_scenes import NetworkWorld, Scene, all_news, merged, network_world, opened, scene_in

ELSEWHERE = {
    "GET /user", "GET /repos/{owner}/{repo}/installation", "POST /app/installations/{installation_id}/access_tokens",
    "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
}  # fmt: skip
"""Operations that others than the adapter use."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[NetworkWorld]:
    """A fake GitHub, to which we come by a token of our own."""
    with network_world("github", tmp_path / "user") as made:
        yield made


@pytest.fixture
def app_world(tmp_path: Path) -> Iterator[NetworkWorld]:
    """The same as an app."""
    with network_world("github", tmp_path / "app", app=True) as made:
        yield made


async def _everything(scene: Scene) -> None:
    """One call at least of each kind."""
    world, where = scene.world, scene.where
    await opened(scene, "midwatch", "bug")
    judgement = Judgement(scene.commits[1], "So-so.", (("a.txt", 1, "Why?"), ("a.txt", 99, "Nowhere.")))
    await scene.forge.review(where, 1, judgement, "r1")
    for remark in await scene.forge.remarks(where, 1):
        await scene.forge.react(where, 1, remark.id, "eyes")
    await scene.forge.react(where, 1, "", "+1")
    await scene.forge.comment(where, 1, "First words.", "words")
    await scene.forge.comment(where, 1, "Second words.", "words")
    for state in ("pending", "success"):
        status = Status("midwatch", state, "x" * 200, "# Evidence", "https://midwatch.example.org/t/1")
        await scene.forge.report(where, scene.commits[1], status)
    number = world.issue("Broken", "")
    await scene.forge.issue(where, number)
    told = [one.arrived.key for one in await all_news(scene, number) if one.arrived.name == "unit"]
    world.server.fail("GET", r"/check-runs$", 403)  # as fine-grained tokens are answered
    head = Head(1, "midwatch/x", world.pulls[0].head_commit)
    jobs = await world.site.news.ran("ann/shelf", [head], 0.0, Stamps({}))
    assert [one.arrived.key for one in jobs if one.arrived.name == "unit"] == told
    assert len(told) == 1
    await scene.forge.access(where, "ann")
    await merged(scene)


async def test_all_that_is_asked_and_answered_is_as_github_describes_it(
    world: NetworkWorld, app_world: NetworkWorld, tmp_path: Path
) -> None:
    for number, one in enumerate((world, app_world)):
        await _everything(await scene_in(one, tmp_path / str(number), fetched=True))
    exchanges = [*world.server.exchanges, *app_world.server.exchanges]
    contract = Contract(DESCRIPTION, "/api/v3")
    assert "\n".join(contract.breaches(exchanges)) == ""
    described = {f"{method.upper()} {path}" for path, methods in USED.items() for method in methods}
    assert contract.operations(exchanges) == described - ELSEWHERE


async def test_a_closed_one_whose_branch_was_written_anew_gets_a_successor(world: NetworkWorld, tmp_path: Path) -> None:
    scene = await scene_in(world, tmp_path)
    await scene.propose()
    await scene.forge.close(scene.where, 1)
    world.deletes(scene.proposal().branch)
    again = await scene.propose(1)  # GitHub does not open the old one again
    assert (again.number, again.state) == (2, "open")
    assert await scene.forge.of_task("task1") == again
    assert [thread.state for thread in world.pulls] == ["closed", "open"]


async def test_one_that_github_has_made_and_does_not_list_yet_is_waited_for(
    world: NetworkWorld, tmp_path: Path
) -> None:
    scene = await scene_in(world, tmp_path)
    world.server.fail("POST", r"/pulls$", 502, after=True)
    world.server.fail("GET", r"/pulls$", 200, data=[], skip=2)  # looked for twice before it was made
    assert (await scene.propose()).number == 1
    assert len(world.pulls) == 1
    assert len(world.server.asked("POST", r"/pulls$")) == 2  # GitHub itself has refused the second


async def test_a_repository_without_drafts_or_merge_commits_is_served_as_it_allows(
    world: NetworkWorld, tmp_path: Path
) -> None:
    scene = await scene_in(world, tmp_path)
    world.hosted.drafts, world.hosted.merge_ways = False, ("squash",)
    await scene.propose(draft=True, title="caf\udce9" + "e" * 400, body="\0x" * 50_000)
    thread = world.pulls[0]
    assert (thread.draft, len(thread.title), thread.title[:5]) == (False, 250, "caf?e")
    assert len(thread.body) < 65_536
    assert "cut" in thread.body
    await scene.propose(1)
    await scene.propose(1, draft=True)  # it cannot be made one
    assert (await scene.forge.merge(scene.where, 1)).state == "merged"
    assert world.server.asked("PUT", "/merge$")[-1].json == {"sha": scene.commits[1], "merge_method": "squash"}


async def test_a_draft_and_what_the_rules_hold_back_are_not_merged(world: NetworkWorld, tmp_path: Path) -> None:
    scene = await scene_in(world, tmp_path)
    await scene.propose(draft=True)
    with pytest.raises(InputError, match="is a draft"):
        await scene.forge.merge(scene.where, 1)
    await scene.propose(1)
    world.hosted.protect("main")
    with pytest.raises(InputError, match="not mergeable") as caught:
        await scene.forge.merge(scene.where, 1)
    assert "rules" in caught.value.mend
    assert world.pulls[0].state == "open"


async def test_an_app_writes_one_check_run_for_each_name_and_leaves_those_of_others(
    app_world: NetworkWorld, tmp_path: Path
) -> None:
    scene = await scene_in(app_world, tmp_path)
    await scene.propose()
    commit, statuses = scene.commits[0], app_world.hosted.statuses
    theirs = {"sha": commit, "name": "midwatch", "state": "failure", "summary": "", "text": "", "url": "", "run": True}
    statuses.append({**theirs, "author": "other[bot]", "id": 1})
    for state in ("pending", "neutral", "success"):
        await scene.forge.report(scene.where, commit, Status("midwatch", state, "4 checks", "# Evidence"))
    assert [(one["author"], one["state"]) for one in statuses] == [
        ("other[bot]", "failure"), ("midwatch-bot[bot]", "success"),
    ]  # fmt: skip


async def test_a_status_that_says_the_same_is_not_written_again(world: NetworkWorld, tmp_path: Path) -> None:
    scene = await scene_in(world, tmp_path)
    await scene.propose()
    for state in ("pending", "neutral", "neutral"):
        await scene.forge.report(scene.where, scene.commits[0], Status("midwatch", state, "line " * 60))
    assert [one["state"] for one in world.hosted.statuses] == ["pending", "success"]
    assert len(world.hosted.statuses[1]["summary"]) == 140


async def test_what_graphql_says_in_an_answer_is_told_from_a_no(world: NetworkWorld, tmp_path: Path) -> None:
    scene = await scene_in(world, tmp_path)
    await scene.propose()
    for error, kind in (
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, OperationError),
        ({"message": "Something went wrong while executing your query."}, Unsure),
        ({"type": "FORBIDDEN", "message": "no"}, InputError),
    ):
        world.server.fail("POST", "/graphql$", 200, data={"errors": [error]})
        with pytest.raises(MidwatchError) as caught:
            await scene.forge.comment(scene.where, 1, "Checked.", "evidence")
        assert type(caught.value) is kind
        assert caught.value.mend


async def test_the_api_is_where_github_has_it() -> None:
    assert api_of("github", web_of("github", "https://GitHub.com/"), "") == "https://api.github.com"
    assert api_of("github", web_of("github", "https://git.example.org/"), "") == "https://git.example.org/api/v3"
    assert graph_address("https://api.github.com") == "https://api.github.com/graphql"
    assert graph_address("https://git.example.org/api/v3/") == "https://git.example.org/api/graphql"


async def test_lines_of_a_difference_are_those_that_it_shows() -> None:
    first = "@@ -1,3 +1,4 @@ def f():\n one\n-two\n+TWO\n+more\n three\n"
    patch = f"{first}@@ -20 +21,2 @@\n-x\n+y\n+z\n\\ No newline at end of file"
    assert set(of_hunks(patch)) == {1, 2, 3, 4, 21, 22}
    assert of_hunks("") == {}
