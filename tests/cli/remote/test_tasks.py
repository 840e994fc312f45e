"""Tasks at a server, from the command line, over the real app."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from tests.cli.remote.conftest import ASKED, World
from tests.support.pictures import png


async def test_a_task_is_submitted_and_followed_to_its_pull_request(world: World) -> None:
    following = asyncio.create_task(world.run("submit", *ASKED, "--follow"))
    while not world.api.hub.runs:
        await asyncio.sleep(0.02)
    task = next(iter(world.api.hub.runs)).partition(":")[0]
    await world.api.work(task)
    ran = await following
    assert ran.code == 0, ran.err
    for part in ("task ", "started in ", "[1] $ ", "pull request #1 is ready", f"midwatch log {task}\n"):
        assert part in ran.out, part
    assert ran.out.index("started in ") < ran.out.index("[1] $ ") < ran.out.index("#1 is ready")
    for part in (f"midwatch pr merge {task}\n", f"midwatch verify {task}\n"):
        assert part in ran.out, part
    assert "--server" not in ran.out  # the variable names it


async def test_what_came_of_a_task_is_read_as_one_of_this_machine_is(world: World) -> None:
    task = await world.worked()
    listed = (await world.run("list", "--json")).out
    assert [(one["id"], one["status"], one["pull_request"]) for one in json.loads(listed)] == [(task, "done", 1)]
    shown = await world.run("show", task[:8])
    for part in ("Mend the sum", "calc.py | 2 +-", "mend the loop", "pull request #1 is ready", "[1] $ cat calc.py"):
        assert part in shown.out, part
    value = json.loads((await world.run("show", task, "--json")).out)
    assert (value["status"], value["exit_code"], value["verdict"]) == ("done", 0, "passed")
    assert "+    for i in range(len(values)):\n" in (await world.run("diff", task)).out
    assert "calc.py | 2 +-" in (await world.run("diff", task, "--stat")).out
    assert "git apply" in (await world.run("diff", task, "--mail")).err
    assert "[1] $ cat calc.py" in (await world.run("log", f"{task}.1")).out
    assert "six" in (await world.run("log", task, "--check", "1")).out
    assert (await world.run("log", task, "--cmd", "1", "--lines", "2-3", "--raw")).out == (
        "    result = 0\n    for i in range(len(values) - 1):\n"
    )
    assert "there is no command 9" in (await world.run("log", task, "--cmd", "9")).err
    again = await world.run("attach", task, "--json")
    kinds = [line.get("kind", line["type"]) for line in again.lines]
    assert (again.code, kinds[0], kinds[-1]) == (0, "task_started", "result")
    assert [line["seq"] for line in again.lines[:-1]] == list(range(1, len(kinds)))


async def test_the_same_key_makes_no_second_task(world: World) -> None:
    first = await world.submitted("--key", "nightly-1")
    assert await world.submitted("--key", "nightly-1") == first
    assert len(world.api.hub.runs) == 1
    other = await world.run("submit", *ASKED[1:], "Something else", "--key", "nightly-1")
    assert (other.code, "was used for another request" in other.err) == (2, True)


async def test_a_task_is_paused_resumed_cancelled_and_taken_up_again(world: World) -> None:
    task = await world.submitted("--priority", "batch", "--after", "2h")
    assert "paused" in (await world.run("pause", task)).out
    attached = await world.run("attach", task)
    assert (attached.code, "paused; nothing is lost" in attached.out) == (1, True)
    assert f"midwatch resume {task}\n" in attached.out
    resumed = (await world.run("resume", task, "--json")).lines
    assert [(line["type"], line["state"]) for line in resumed] == [("resume", "queued")]
    assert "cancelled" in (await world.run("cancel", task)).out
    assert json.loads((await world.run("list", "--json")).out)[0]["status"] == "cancelled"
    again = await world.run("resume", task)
    assert (again.code, "was cancelled" in again.err, f"midwatch retry {task}" in again.err) == (2, True, True)
    (retried,) = (await world.run("retry", task, "--json")).lines
    assert (retried["type"], retried["state"]) == ("retry", "queued")
    refused = await world.run("cancel", f"{task}.1")
    assert (refused.code, f"name the task: {task}" in refused.err) == (2, True)


async def test_a_finished_task_is_told_more_and_forked(world: World) -> None:
    task = await world.worked()
    picture = world.folder / "a.png"
    picture.write_bytes(png(1, 1))
    told = await world.run("tell", task, "add a remark", "-i", str(picture), "--json")
    assert (told.code, told.lines[0]["type"]) == (0, "message"), told.err
    forked = await world.run("fork", task, "try it another way", "--from-step", "cmd:1", "--json")
    assert forked.code == 0, forked.err
    assert forked.lines[0]["id"] != task
    assert "the message is empty" in (await world.run("tell", task, "")).err


async def test_choosing_asks_for_an_attempt_that_there_is(world: World) -> None:
    task = await world.worked()
    again = await world.run("retry", task)
    assert (again.code, "is done" in again.err) == (2, True)
    whole = await world.run("choose", task)
    assert (whole.code, f"name the attempt: {task}.2" in whole.err) == (2, True)
    missing = await world.run("choose", f"{task}.7")
    assert (missing.code, f"there is no attempt {task}.7" in missing.err) == (2, True)
    (chosen,) = (await world.run("choose", f"{task}.1", "--json")).lines
    assert (chosen["type"], chosen["id"], chosen["state"]) == ("choose", f"{task}.1", "queued")


async def test_ctrl_c_ends_the_looking_on_and_leaves_the_task(world: World) -> None:
    task = await world.submitted()
    command = (sys.executable, "-m", "midwatch", "attach", task, "--server", world.api.url)
    around = {**world.run.environ, "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    around["PYTHONUNBUFFERED"] = "1"
    pipe = asyncio.subprocess.PIPE
    attached = await asyncio.create_subprocess_exec(*command, env=around, stdout=pipe, stderr=pipe)
    streams = world.api.app.state.service.streams
    while not streams._feeds:
        await asyncio.sleep(0.02)
    attached.send_signal(signal.SIGINT)
    out, err = (text.decode() for text in await attached.communicate())
    assert attached.returncode == 130, err
    assert f"`midwatch attach {task} --server {world.api.url}`" in out
    assert world.token not in out + err
    assert json.loads((await world.run("list", "--json")).out)[0]["status"] == "waiting"


async def test_what_a_server_refuses_is_said_with_what_mends_it(world: World) -> None:
    nothing = await world.run("show", "0123456789ab")
    assert (nothing.code, "there is no" in nothing.err, "--server local" in nothing.err) == (2, True, True)
    prefix = await world.run("attach", "zz")
    assert (prefix.code, "give the whole id" in prefix.err) == (2, True)
    odd = await world.run("attach", "../session")
    assert (odd.code, "no id of a task" in odd.err) == (2, True)
    unknown = await world.run("list", MIDWATCH_TOKEN="mw_nobody")
    assert (unknown.code, "does not take the token of MIDWATCH_TOKEN" in unknown.err) == (2, True)
    without = await world.run("list", MIDWATCH_TOKEN="")
    assert (without.code, f"midwatch login --server {world.api.url}" in without.err) == (2, True)
    elsewhere = await world.run("submit", "x", "--repo", "other")
    assert (elsewhere.code, "give one with --repo: calc" in elsewhere.err) == (2, True)
    for ran in (nothing, unknown, without, elsewhere):
        assert world.token not in ran.out + ran.err
        assert "mw_nobody" not in ran.out + ran.err


async def test_this_machine_is_meant_by_local_and_by_no_server_at_all(world: World) -> None:
    await world.submitted()
    assert (await world.run("list", "--server", "local", "--json")).out == "[]\n"
    assert (await world.run("list", "--json", MIDWATCH_SERVER="")).out == "[]\n"
    unnamed = await world.run("cancel", "0123456789ab", "--server", "local")
    assert (unnamed.code, "MIDWATCH_SERVER" in unnamed.err) == (2, True)
    missing = await world.run("resume", "0123456789ab", "--server", "local")
    assert (missing.code, "--server URL" in missing.err) == (2, True)


async def test_a_folder_stands_for_the_repository_that_it_is_or_was_cloned_from(world: World) -> None:
    ran = await world.run("submit", "Mend it", "--repo", str(world.folder / "calc"), "--json")
    assert ran.code == 0, ran.err
    assert ran.lines[0]["repository"] == world.repository
