"""GitHub alone: what it is asked, held to its own description, and what only it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Extras, Judgement, Status
from tests.forges.openapi.extract import USED
from tests.support.forge_contract import Contract
from tests.support.forge_github_shapes import DESCRIPTION
from tests.support.forge_scenes import NetworkWorld, Scene, network_world, scene_in

ELSEWHERE = {
    "GET /user", "GET /repos/{owner}/{repo}/issues", "GET /repos/{owner}/{repo}/installation",
    "POST /app/installations/{installation_id}/access_tokens", "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
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
    world.hosted.access["dora"] = "write"
    world.server.forge.person("dora")
    world.wanted = Extras(("midwatch", "bug"), ("dora", "nobody", "team:core"))
    await scene.propose(draft=True)
    await scene.forge.landed(scene.proposal())
    await scene.propose(1, title="Better", body="Because it is.")
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
    await scene.forge.access(where, "ann")
    await scene.forge.close(where, 1)
    await scene.propose(0)
    world.conflicts()
    with pytest.raises(InputError, match=r"conflicts with main in: a\.txt"):
        await scene.forge.merge(where, 1)
    world.server.forge.write(world.hosted, "main", {"a.txt": "one\ntwo\nthree\n"})
    assert (await scene.forge.merge(where, 1)).state == "merged"


async def test_all_that_is_asked_and_answered_is_as_github_describes_it(
    world: NetworkWorld, app_world: NetworkWorld, tmp_path: Path
) -> None:
    for number, one in enumerate((world, app_world)):
        await _everything(await scene_in(one, tmp_path / str(number)))
    exchanges = [*world.server.exchanges, *app_world.server.exchanges]
    contract = Contract(DESCRIPTION, "/api/v3")
    assert "\n".join(contract.breaches(exchanges)) == ""
    described = {f"{method.upper()} {path}" for path, methods in USED.items() for method in methods}
    assert contract.operations(exchanges) == described - ELSEWHERE
