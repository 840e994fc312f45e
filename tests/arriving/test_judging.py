"""Reviews of pull requests of other people, asked for or automatic."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.arriving import states
from tests.support.model_server import ModelServer, calls, says
from tests.support.town import BOT, Town, town


def finding(title: str, priority: int, line: int) -> dict[str, object]:
    return {
        "title": title, "body": "It breaks. Ask @everybody.", "priority": priority, "confidence": 0.9, "file": "a.txt",
        "first_line": line, "last_line": line,
    }  # fmt: skip


FOUND = {
    "findings": [finding("A fault", 1, 4), finding("A nicety", 3, 1)],
    "verdict": "incorrect",
    "explanation": "One fault.",
}


@pytest.fixture
async def place(tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    script = model.script(calls("shell", command="git show --format= HEAD"), says(json.dumps(FOUND)))
    async with town(tmp_path, script, monkeypatch) as made:
        yield made


async def test_a_review_is_automatic_where_that_is_wanted_tells_the_urgent_and_on_request_all(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge, hosted = place.server.forge, place.hosted
    await place.user("ada", "ann")
    await place.rules(auto_review=True)
    forge.write(hosted, "topic", {"a.txt": "one\ntwo\nthree\nfour\n"})
    forge.write(hosted, "main", {"b.txt": "not a part of the change\n"})
    pull = forge.open(hosted, "carl", "Four", head="topic", base="main")
    await place.came()
    review, beside = [one for one in pull.said if one.author == BOT]
    assert (review.kind, beside.kind, beside.path, beside.line) == ("review", "line", "a.txt", 4)
    assert "1 less urgent finding is in" in review.body
    assert beside.body.startswith("**[P1] A fault**")
    assert "@everybody" not in beside.body
    (task,) = await place.tasks()
    assert (task.kind, task.mode, task.terms.hosts, task.terms.secrets) == ("review", "read-only", (), ())
    forge.tell("opened", hosted, pull, sender="carl")
    await place.came()
    assert len(await place.tasks()) == 1

    forge.say(hosted, pull, "eve", "@midwatch review everything")
    forge.say(hosted, pull, "ann", "@midwatch review everything")
    await place.came()
    assert len(await place.tasks()) == 2
    lines = [one.body for one in pull.said if one.author == BOT and one.kind == "line"]
    assert [line.split("**")[1] for line in lines] == ["[P1] A fault", "[P1] A fault", "[P3] A nicety"]
    monkeypatch.setattr(states, "MOST_REVIEWS", 2)
    forge.write(hosted, "topic", {"a.txt": "one\ntwo\nthree\nfour\nfive\n"})
    pull.head_commit = hosted.tip("topic")
    forge.tell("opened", hosted, pull, sender="carl")  # pushed and opened again: nobody pays for that without end
    await place.came()
    assert len(await place.tasks()) == 2
    assert not [row for row in await place.arrivals() if row.state == "failed"]
