"""What a server's task has come to, taken over, held against its record, settled, and gone back from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midwatch.cli.remote import tasks
from midwatch.cli.remote.tasks import path
from tests.cli.remote.conftest import World
from tests.support.repositories import git


def clone(world: World) -> Path:
    """Of the repository that the server works on."""
    target = world.folder / "clone"
    git(world.folder, "clone", "-q", str(world.folder / "calc"), str(target))
    return target


async def test_a_change_is_put_into_the_files_of_a_clone_or_nothing_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, here = await world.worked(), clone(world)
    monkeypatch.chdir(here)
    before = (here / "calc.py").read_text()
    (here / "calc.py").write_text("something else\n")
    refused = await world.run("apply", task)
    assert (refused.code, "does not fit the files" in refused.err) == (2, True), refused.err
    assert (here / "calc.py").read_text() == "something else\n"
    git(here, "checkout", "-q", "calc.py")
    applied = await world.run("apply", task)
    assert applied.code == 0, applied.err
    assert "applied to the files in this folder" in applied.out
    assert (here / "calc.py").read_text() != before
    assert git(here, "status", "--porcelain").strip() == "M calc.py"
    assert git(here, "diff", "--stat") == git(world.folder / "calc", "diff", "--stat", "HEAD", _branch(world, task))
    git(world.folder, "init", "-q", "other")
    elsewhere = await world.run("apply", task, "--repo", str(world.folder / "other"))
    assert (elsewhere.code, "has not the commit" in elsewhere.err) == (2, True)
    attempt = await world.run("apply", f"{task}.1")
    assert (attempt.code, f"midwatch choose {task}.1" in attempt.err) == (2, True)


def _branch(world: World, task: str) -> str:
    names = git(world.folder / "calc", "for-each-ref", "--format=%(refname:short)", "refs/heads/midwatch").split()
    return next(name for name in names if name.endswith(task))


async def test_the_record_of_a_servers_task_is_computed_here(world: World) -> None:
    task, here = await world.worked(), clone(world)
    seen = await world.run("verify", task)
    assert seen.code == 0, seen.out
    for part in (
        "is as it was written",
        "events are chained",
        "match",
        "head of ",
        "not looked at: whether the change",
    ):
        assert part in seen.out, part
    whole = json.loads((await world.run("verify", task, "--repo", str(here), "--json")).out)
    assert (whole["ok"], whole["faults"], whole["trees"], whole["unseen"]) == (True, [], 1, [])
    assert whole["blobs"] >= 2  # the command's and the check's
    local = await world.run("verify", task, "--server", "local", "--repo", ".")
    assert (local.code, "--repo is for a server's task" in local.err) == (2, True)


async def test_what_a_server_has_changed_is_found_whatever_it_says(world: World) -> None:
    task = await world.worked()

    async def faults() -> list[str]:
        ran = await world.run("verify", task, "--json")
        assert ran.code == 1, ran.out
        return list(json.loads(ran.out)["faults"])

    async def change(old: str, new: str) -> None:
        query = "UPDATE event SET body = replace(body, ?, ?) WHERE attempt = ?"
        await world.api.database.write(lambda db: db.execute(query, (old, new, f"{task}.1")).rowcount)

    await change("mend the loop", "mend a loop")  # the plan
    assert any("does not match its hash" in fault for fault in await faults())
    await change("mend a loop", "mend the loop")
    blob = max((world.api.home.state / "blobs").glob("??/*"), key=lambda path: path.stat().st_size)
    kept = blob.read_bytes()
    blob.write_bytes(kept[:-1] + b"?")
    assert any(f"output {blob.name[:12]} has been changed" in fault for fault in await faults())
    blob.write_bytes(kept)
    assert (await world.run("verify", task)).code == 0
    await world.api.database.write(
        lambda db: db.execute("DELETE FROM event WHERE attempt = ? AND kind = 'proposed'", (f"{task}.1",)).rowcount
    )
    found = await faults()
    assert any("the log ends at event" in fault for fault in found)
    assert any("no log offers it" in fault for fault in found)


async def test_the_record_of_another_task_does_not_stand_for_the_one_that_was_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, other = await world.submitted(), await world.worked()

    def told(*parts: str) -> str:
        return path(*(part.replace(task, other) for part in parts))

    monkeypatch.setattr(tasks, "path", told)
    ran = await world.run("verify", task, "--json")
    assert (ran.code, json.loads(ran.out)["faults"]) == (
        1,
        [f"task {task}: the server tells of {other} in its place"],
    )


async def test_pull_requests_are_listed_shown_merged_and_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = await world.worked()
    monkeypatch.chdir(clone(world))
    listed = await world.run("pr", "list")
    assert ("#1" in listed.out, "checks pass" in listed.out) == (True, True), listed.err
    assert json.loads((await world.run("pr", "list", "--all", "--state", "merged", "--json")).out) == []
    shown = await world.run("pr", "show", "1")
    for part in ("Asked for", "calc.py | 2 +-", "Evidence", "pr merge 1 merges it"):
        assert part in shown.out, part
    value = json.loads((await world.run("pr", "show", task[:8], "--diff", "--json")).out)
    assert (value["number"], value["proposal"]["verdict"], "+    for i" in value["diff"]) == (1, "passed", True)
    unknown = await world.run("pr", "show", "7")
    assert (unknown.code, "midwatch pr list --all" in unknown.err) == (2, True)
    merged = await world.run("pr", "merge", "1", "--repo", "calc")
    assert (merged.code, "#1 merged into" in merged.out) == (0, True), merged.err
    assert "was already merged" in (await world.run("pr", "merge", task)).out
    closed = await world.run("pr", "close", "1")
    assert closed.code == 2
    assert json.loads((await world.run("pr", "list", "--all", "--json")).out)[0]["state"] == "merged"


async def test_a_task_goes_back_to_an_earlier_step_while_nobody_works_on_it(world: World) -> None:
    task = await world.submitted()
    early = await world.run("undo", task, "--to", "start")
    assert (early.code, f"midwatch pause {task}" in early.err) == (2, True)
    await world.api.work(task)
    steps = json.loads((await world.run("undo", task, "--json")).out)
    assert (steps["attempt"], steps["steps"][0]["kind"]) == (f"{task}.1", "message")
    assert f"midwatch undo {task}.1 --to STEP" in (await world.run("undo", task)).out
    wrong = await world.run("undo", task, "--to", "cmd:99")
    assert (wrong.code, "there is no command 99" in wrong.err) == (2, True)
    back = await world.run("undo", f"{task}.1", "--to", "cmd:1")
    assert back.code == 0, back.err
    assert f"{task}.1 is as it was after event" in back.out
    assert "calc.py" in back.out
    assert f"midwatch tell {task} MESSAGE" in back.out
    assert (await world.run("diff", task)).out == ""
    seen = await world.run("verify", task)
    assert seen.code == 0, seen.out


async def test_a_command_that_is_for_this_machine_says_what_there_is_for_a_server(world: World) -> None:
    for given, instead in ((("run", "x"), "midwatch submit"), (("admin", "orphans"), "the server's own machine")):
        ran = await world.run(*given, "--server", world.api.url)
        assert (ran.code, "is for this machine alone" in ran.err, instead in ran.err) == (2, True, True), ran.err
