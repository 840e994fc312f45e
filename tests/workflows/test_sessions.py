"""Sessions of an attempt, in the real sandbox: they live until the turn ends, and that is said in the log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Delta, Reply, Said, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError
from midwatch.domain.events import Message, ToolFinished, ToolStarted
from midwatch.domain.interventions import SessionEnded
from midwatch.domain.limits import Limits
from midwatch.engine.blobs import Blobs
from midwatch.models.fake import FakeModel, calls, calls_all, says
from midwatch.workflows.verify import verify_task
from tests.support.place import Place, git, make_repository

SERVE = "python3 -u -m http.server --bind 127.0.0.1 8080"
FETCH = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8080/count.txt\").read().decode())'"
PASSES = "grep -q one count.txt"
ADD = calls("shell", command="echo one >> count.txt")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


def answers(view: View) -> list[Answered]:
    return [item for item in view.items if isinstance(item, Answered)]


def look(number: int, **more: Any) -> Reply:
    return calls("session", session=number, **more)


async def test_a_server_is_talked_to_and_ended_with_the_turn(place: Place) -> None:
    serve = calls("shell", command=SERVE, background=True, wait_seconds=0)
    wait = calls("shell", command=f"for n in $(seq 100); do {FETCH} 2>/dev/null && exit; sleep 0.1; done; exit 1")
    model = FakeModel([serve, wait, look(1), ADD, says("Count further\n\nDone.")])
    task = await place.task([PASSES])
    report = await place.solve(task, model)
    assert report.exit_code == 0
    history = await place.history(task)
    begun, fetched, looked, _ = [e.body for e in history.events if isinstance(e.body, ToolFinished)]
    assert (begun.number, begun.ended, begun.exit_code) == (1, "running", None)
    assert fetched.output.endswith("\nzero\n\n")
    assert looked.command == f"session 1: {SERVE}"
    assert "GET /count.txt" in looked.output
    (ended,) = [e.body for e in history.events if isinstance(e.body, SessionEnded)]
    assert (ended.session, ended.command, ended.ended) == (1, SERVE, "ended with the turn")
    async with place.store() as store:
        found = await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)
    assert found.faults == ()


async def test_what_it_wrote_last_is_a_numbered_log(place: Place) -> None:
    write = "echo first; read -r line; echo $line; sleep 600"
    begin = calls("shell", command=write, background=True, wait_seconds=0)
    model = FakeModel([begin, _until("first", 1), look(1, input="second\n", wait_seconds=0), ADD, says("Done.")])
    task = await place.task([PASSES], limits=Limits(turns=60))
    await place.solve(task, model)
    history = await place.history(task)
    written = b"".join(
        Blobs(place.state / "blobs").read(e.body.digest)
        for e in history.events
        if isinstance(e.body, ToolFinished | SessionEnded) and e.body.digest and "one >> " not in e.body.command
    )
    assert written == b"first\nsecond\n"
    numbers = [
        e.body.number for e in history.events if isinstance(e.body, ToolFinished | SessionEnded) and e.body.number
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert history.numbers == numbers[-1]


def _until(text: str, number: int) -> Callable[[View, Sequence[ToolSpec]], Reply]:
    """Looks at the session for as long as it takes, by many calls of one reply."""

    def step(view: View, tools: Sequence[ToolSpec]) -> Reply:
        if any(text in one.output for one in answers(view)):
            return calls("session", session=number, wait_seconds=0)
        return calls_all(*[("session", {"session": number, "wait_seconds": 0.2})] * 10)

    return step


async def test_at_a_limit_and_at_an_error_it_is_ended_too(place: Place) -> None:
    begin = calls("shell", command="sleep 600", background=True, wait_seconds=0)
    task = await place.task([PASSES], limits=Limits(turns=1))
    await place.solve(task, FakeModel([begin]))
    ended = [e.body for e in (await place.history(task)).events if isinstance(e.body, SessionEnded)]
    assert [(one.session, one.ended, one.number) for one in ended] == [(1, "ended with the turn", 0)]

    task = await place.task([PASSES])
    model = FakeModel([begin, ModelError("the endpoint is down"), look(1), says("Done.")])
    with pytest.raises(ModelError):
        await place.solve(task, model)
    await place.solve(task, model)
    history = await place.history(task)
    assert [e.body.ended for e in history.events if isinstance(e.body, SessionEnded)] == ["ended with the turn"]
    gone = answers(model.asked[-1][0])[-1]
    assert gone.output.startswith("Session 1 (sleep 600) is gone: ")
    assert not gone.ok
    notes = [e.body.text for e in history.events if isinstance(e.body, Message) and e.body.author == "harness"]
    assert any("nothing runs in the background" in note for note in notes)


async def test_one_that_ends_by_itself_is_told_with_the_next_result(place: Place) -> None:
    begin = calls("shell", command="read -r line; exit 3", background=True, wait_seconds=0)
    write = look(1, input="\n", wait_seconds=30)
    model = FakeModel([begin, write, look(1), says("Done.")])
    task = await place.task()
    await place.solve(task, model)
    _, ended, gone = answers(model.asked[-1][0])
    assert ended.output.startswith("session 1 has ended: exit 3\n")
    assert gone.output.startswith("Session 1 (read -r line; exit 3) is gone: ")
    events = [e.body for e in (await place.history(task)).events if isinstance(e.body, SessionEnded)]
    assert [(e.session, e.exit_code) for e in events] == [(1, 3)]

    begin = calls("shell", command="until test -e go; do sleep 0.05; done; exit 4", background=True, wait_seconds=0)
    go = calls("shell", command="touch go; while pgrep -f 'until [t]est' >/dev/null; do sleep 0.05; done; sleep 0.5")
    model = FakeModel([begin, go, calls("shell", command="ls"), look(1), says("Done.")])
    await place.solve(await place.task(), model)
    told = [one.output for one in answers(model.asked[-1][0])]
    assert len([1 for text in told if re.search(r"\n\[session 1 \(until .*\) has ended: exit 4\]$", text)]) == 1
    assert told[-1].startswith("session 1 has ended: exit 4")


async def test_the_workspace_is_saved_soundly_while_a_session_writes(place: Place) -> None:
    code = (
        "import itertools, os\n"
        "for n in itertools.count():\n"
        "    for k in range(40):\n"
        "        with open(f'many/{k}', 'w') as file: file.write(str(n) * 5000)\n"
        "    open('grown', 'a').write('x' * 100)\n"
        "    os.replace('many/0', 'many/moved'); open(f'new-{n % 50}', 'w').close()\n"
    )
    begin = calls("shell", command=f'mkdir many; python3 -c "{code}"', background=True)
    steps = [calls("shell", command=f"echo {n} >> count.txt") for n in range(8)]
    stop = look(1, signal="kill", wait_seconds=30)
    model = FakeModel([begin, *steps, stop, calls("shell", command="rm -rf many grown new-*"), ADD, says("Done.")])
    task = await place.task([PASSES])
    report = await place.solve(task, model)
    assert report.exit_code == 0
    history = await place.history(task)
    trees = [e.body.checkpoint for e in history.events if isinstance(e.body, ToolFinished)]
    counts = []
    for checkpoint in trees[1:9]:
        mirror = next((place.state / "repos").glob("*"))
        counts.append(git(mirror, "show", f"{checkpoint.tree}:count.txt"))
    assert counts == ["\n".join(["zero", *map(str, range(n + 1))]) for n in range(8)]
    assert git(place.repository, "ls-tree", "-r", "--name-only", task.branch) == "count.txt"


async def test_files_that_come_and_go_all_the_time_do_not_stop_the_work(place: Place) -> None:
    code = (
        "import itertools, os\n"
        "for n in itertools.count():\n"
        "    for k in range(10): open(f'come/{os.getpid()}-{n}-{k}', 'w').write('x' * 1000)\n"
        "    for k in range(10): os.unlink(f'come/{os.getpid()}-{n}-{k}')\n"
    )
    run = f'mkdir come; for n in 1 2; do python3 -c "{code}" & done; wait'
    begin = calls("shell", command=run, background=True)
    steps = [calls("shell", command=f"echo {n} >> count.txt") for n in range(10)]
    model = FakeModel([begin, *steps, look(1, signal="kill", wait_seconds=30), ADD, says("Done.")])
    task = await place.task([PASSES])
    report = await place.solve(task, model)
    assert report.exit_code == 0
    assert git(place.repository, "ls-tree", "-r", "--name-only", task.branch, "count.txt") == "count.txt"
    assert git(place.repository, "show", f"{task.branch}:count.txt").split() == ["zero", *map(str, range(10)), "one"]


async def test_a_cancelled_turn_ends_them_and_says_so(place: Place) -> None:
    begin = calls("shell", command="sleep 600", background=True, wait_seconds=0)
    wait = look(1, wait_seconds=600)
    task = await place.task()
    going = asyncio.create_task(place.solve(task, FakeModel([begin, wait])))
    while not going.done():
        await asyncio.sleep(0.05)
        history = await place.history(task)
        if sum(isinstance(e.body, ToolStarted) for e in history.events) == 2:
            break
    going.cancel()
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    ended = [e.body for e in (await place.history(task)).events if isinstance(e.body, SessionEnded)]
    assert [(one.session, one.ended) for one in ended] == [(1, "ended with the turn")]


class InOrder(FakeModel):
    """Plays its replies one after the other, whatever has been left out of the view."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__([])
        self.window = 16_000
        self.left = list(replies)

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        self.asked.append((view, tuple(tools)))
        reply = self.left.pop(0)
        turn = len(self.asked)
        made = tuple(replace(call, id=f"call_{turn}_{number}") for number, call in enumerate(reply.calls))
        yield replace(reply, calls=made)


async def test_a_compacted_conversation_knows_its_sessions_and_can_read_logs_from_before(place: Place) -> None:
    begin = calls("shell", command="sleep 600", background=True, wait_seconds=0)
    long = calls("shell", command="seq 30000")
    ls = replace(calls("shell", command="ls"), usage=Usage(15_000, output_tokens=10))
    read = calls("log", command=2, grep="^12345$")
    model = InOrder(begin, long, ls, says("What I know."), read, says("Done."))
    task = await place.task()
    await place.solve(task, model)
    assert [e.kind for e in (await place.history(task)).events].count("compacted") == 1
    said = [item.text for item in model.asked[-1][0].items if isinstance(item, Said)]
    assert "Sessions in the background: 1 (sleep 600)." in said
    assert "seq 30000" not in str(model.asked[-1][0].items[:-1])
    assert answers(model.asked[-1][0])[-1].output.endswith(" · exit 0 · 30,000 lines\n12345: 12345")
