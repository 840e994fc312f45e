"""Two hundred turns in a small window, killed in between: compacted three times, nothing forgotten, nothing redone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from midwatch.agent import compaction, context
from midwatch.domain.codec import to_json
from midwatch.tools.toolset import default_tools
from tests.crash.long_driver import PROMPT
from tests.crash.sampling import one_of
from tests.support.model_server import ModelServer, Request, Step, calls, calls_all, says, serving
from tests.support.place import git, make_repository

ROOT = Path(__file__).parents[2]
TURNS = 200
COMPACTIONS = 3
FIXED = (len(context.instructions()) + len(json.dumps(to_json(default_tools().specs)))) // 4
ROOM = {"responses": 12_500, "chat": 9000, "messages": 11_000}
WINDOWS = {wire: int((room + FIXED) / compaction.AT) for wire, room in ROOM.items()}
"""Tokens: what instructions and tools take, and so much of a conversation that it is compacted three times."""
MODELS = {"responses": "openai/gpt-5", "chat": "openrouter/qwen/qwen3-coder", "messages": "anthropic/claude-opus-5"}
CAPS = {"responses": "max_output_tokens", "chat": "max_tokens", "messages": "max_tokens"}
MARKS = {"completed": "x", "in_progress": ">", "pending": " "}
NOTES = "The numbers go into steps.txt by echo; nothing failed so far."
STEPS = ("first hundred", "second hundred", "look at it")


def plan(number: int) -> dict[str, Any]:
    """The plan as it is at that turn."""
    done = min(number // 100, len(STEPS) - 1)
    status = ["completed"] * done + ["in_progress"] + ["pending"] * (len(STEPS) - done - 1)
    return {"plan": [{"step": step, "status": state} for step, state in zip(STEPS, status, strict=True)]}


def turn(number: int) -> Step:
    """One number into the file, and an answer that can be told from all others."""
    command = f"echo {number} >> steps.txt; echo result-{number:03}-of-{TURNS}; seq -s ' ' {number} {number + 60}"
    calls: list[tuple[str, dict[str, Any]]] = [("shell", {"command": command})]
    if number % 25 == 0:
        calls.append(("update_plan", plan(number)))
    return calls_all(*calls, say=f"Now {number}.", reasoning=f"Number {number} is next.")


def drive(place: Path, base_url: str, wire: str, window: int, *kill: str) -> subprocess.CompletedProcess[str]:
    """Run the driver to its end or its death."""
    folders = [str(place / "state"), str(place / "repo"), str(place / "task")]
    return subprocess.run(
        [sys.executable, "-m", "tests.crash.long_driver", *folders, base_url, MODELS[wire], str(window), *kill],
        capture_output=True, text=True, timeout=900, cwd=ROOT, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


def is_question(request: Request) -> bool:
    """Whether it asks for the notes."""
    return compaction.ASK[:60] in request.raw.decode()


def history(request: Request, wire: str) -> bytes:
    """The request without what follows its history."""
    end = {"responses": b'],"max_output_tokens"', "chat": b'],"max_', "messages": b'],"max_tokens"'}[wire]
    return request.raw[: request.raw.rindex(end)]


def newest_result(text: str) -> int:
    """The highest number whose result stands in a request."""
    return max((int(number) for number in re.findall(rf"result-(\d+)-of-{TURNS}\\n", text)), default=-1)


def compacted(requests: Sequence[Request]) -> list[int]:
    """The places of the requests that follow a question."""
    return [place + 1 for place, request in enumerate(requests) if is_question(request)]


@pytest.mark.parametrize("wire", one_of(len(MODELS), MODELS))
def test_two_hundred_turns_in_a_small_window_lose_nothing(tmp_path: Path, server: ModelServer, wire: str) -> None:
    make_repository(tmp_path / "repo", {"README": "Numbers.\n"})
    script = [*map(turn, range(TURNS)), says("Write numbers\n\nThey are there.")]
    base_url = server.script(*script, asides={compaction.ASK[:60]: says(NOTES)})
    killed = drive(tmp_path, base_url, wire, WINDOWS[wire], "300")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = len(server.requests_to(base_url))
    resumed = drive(tmp_path, base_url, wire, WINDOWS[wire])
    assert resumed.returncode == 0, resumed.stderr
    requests = server.requests_to(base_url)
    assert 50 < before < len(requests) - 50
    branch = git(tmp_path / "repo", "for-each-ref", "--format=%(refname)", "refs/heads/midwatch")
    assert git(tmp_path / "repo", "show", f"{branch}:steps.txt").split() == [str(n) for n in range(TURNS)]
    fresh = compacted(requests)
    assert len(fresh) == COMPACTIONS, fresh
    for place, request in enumerate(requests):
        text = request.raw.decode()
        assert PROMPT in text
        assert len(request.raw) // 4 + request.body[CAPS[wire]] <= WINDOWS[wire]
        if place and place not in fresh:
            assert request.raw.startswith(history(requests[place - 1], wire)), place
        # the result of the command before is there, so nothing is run again only because it is gone
        assert newest_result(text) == request.turn - 1
    for place in fresh:
        after, question = requests[place], requests[place - 1]
        text = after.raw.decode()
        assert len(after.raw) < len(question.raw) / 2
        assert NOTES in text
        for step in plan(question.turn - 1)["plan"]:
            assert f"[{MARKS[step['status']]}] {step['step']}" in text
    first = requests[0].raw
    opening = first[: first.index(b"zebrafish")]
    assert all(request.raw.startswith(opening) for request in requests)


def test_a_model_that_gives_no_notes_still_knows_its_plan_and_its_last_commands(
    tmp_path: Path, server: ModelServer
) -> None:
    make_repository(tmp_path / "repo", {"README": "Numbers.\n"})
    script = [*map(turn, range(60)), says("Write numbers\n\nThey are there.")]
    base_url = server.script(*script, asides={compaction.ASK[:60]: calls("shell", command="rm steps.txt")})
    done = drive(tmp_path, base_url, "responses", 9000)
    assert done.returncode == 0, done.stderr
    requests = server.requests_to(base_url)
    place = compacted(requests)[0]
    text = requests[place].raw.decode()
    assert "[>] first hundred" in text
    assert re.search(r"Commands so far \(\d+ earlier ones left out\):", text)
    assert f"echo {requests[place].turn - 1} >> steps.txt" in text
    branch = git(tmp_path / "repo", "for-each-ref", "--format=%(refname)", "refs/heads/midwatch")
    assert git(tmp_path / "repo", "show", f"{branch}:steps.txt").split() == [str(n) for n in range(60)]
