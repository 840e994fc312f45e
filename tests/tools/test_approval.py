"""Commands that a rule leaves to a person, in a real box; the person plays a script."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from midwatch.domain.interventions import ApprovalGiven
from midwatch.tools.approval import Answer
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.rules import Rule, Rules
from midwatch.tools.shell import Shell
from tests.support.person import Person
from tests.tools.folder_box import WatchedBox

RULES = Rules(
    [
        Rule(("touch",), "ask", "files are precious"),
        Rule(("rm",), "ask"),
        Rule(("rm", "-rf"), "forbid", "too much"),
    ]
)


async def run(table: Bench, command: str, person: Person | None = None, **arguments: str) -> ToolResult:
    bench = replace(table, approver=person, call_id="call_1") if person else table
    return await Shell(RULES).run(json.dumps({"command": command, **arguments}), bench)


def event(result: ToolResult) -> ApprovalGiven:
    (body,) = result.events
    assert isinstance(body, ApprovalGiven)
    return body


async def test_where_nobody_can_be_asked_the_command_is_refused_at_once(box: WatchedBox, table: Bench) -> None:
    result = await run(table, "touch file")
    assert box.commands == []
    assert not result.ok
    assert "needs a person's word, by the rule on `touch`: files are precious" in result.output
    assert "nobody can be asked" in result.output
    assert (event(result).allowed, event(result).author) == (False, "harness")


async def test_a_command_that_a_person_allows_runs_and_the_answer_is_an_event(box: WatchedBox, table: Bench) -> None:
    person = Person(Answer(allowed=True))
    result = await run(table, "touch file && ls", person, workdir=".")
    assert result.ok
    assert result.output.endswith("file\n")
    (question,) = person.questions
    assert (question.call_id, question.tool, question.subject) == ("call_1", "shell", "touch file && ls")
    assert question.covers == ("touch",)
    assert event(result).allowed
    assert event(result).covers == ()


async def test_a_person_who_says_no_can_say_what_to_do_instead(box: WatchedBox, table: Bench) -> None:
    result = await run(table, "touch file", Person(Answer(allowed=False, reason="write to /tmp")))
    assert box.commands == []
    assert "the person said no: write to /tmp" in result.output
    assert event(result).reason == "write to /tmp"


async def test_an_answer_for_all_of_the_attempt_says_what_it_covers(table: Bench) -> None:
    result = await run(table, "touch a; rm a", Person(Answer(allowed=True, always=True)))
    assert event(result).covers == ("touch", "rm")


async def test_what_is_forbidden_is_not_asked_about(box: WatchedBox, table: Bench) -> None:
    person = Person(Answer(allowed=True))
    result = await run(table, "touch a; rm -rf a", person)
    assert (box.commands, person.questions) == ([], [])
    assert "is forbidden by the rule on `rm -rf`: too much" in result.output


@pytest.mark.parametrize("command", ["sh -c 'touch x'", "echo $(touch x)", "FOO=1 touch x", "true | touch x"])
async def test_a_command_inside_another_is_asked_about_too(box: WatchedBox, table: Bench, command: str) -> None:
    person = Person(Answer(allowed=False))
    await run(table, command, person)
    assert len(person.questions) == 1
    assert box.commands == []


def test_rules_of_a_task_and_those_of_today_count_together_and_the_strictest_wins() -> None:
    kept = Rules([Rule(("git", ("push", "fetch")), "forbid", "why"), Rule(("make",), "allow")]).kept()
    today = Rules([Rule(("make",), "ask"), Rule(("git",), "allow")])
    both = today.beside(kept)
    assert both.decide("git fetch").words() == "the rule on `git push|fetch`: why"
    assert both.decide("make all").decision == "ask"
    assert Rules(both.beside(kept).rules).kept() == both.kept()
