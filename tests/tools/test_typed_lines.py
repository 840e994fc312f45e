"""The person's rules hold for what is typed into a session as well; a real shell reads it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from midwatch.domain.interventions import ApprovalGiven
from midwatch.tools.approval import Answer
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.rules import Rule, Rules
from midwatch.tools.session import SessionTool
from midwatch.tools.shell import Shell
from tests.support.person import Person
from tests.tools.folder_box import WatchedBox

RULES = Rules([Rule(("touch",), "ask", "files are precious"), Rule(("mkdir",), "forbid", "no folders")])


@pytest.fixture
async def shell(table: Bench) -> AsyncIterator[Bench]:
    """A bench with a shell that waits for lines in session 7."""
    begun = await Shell(RULES).run('{"command": "bash", "background": true}', table)
    assert begun.ended == "running"
    yield table
    await table.sessions.end()


async def type_in(table: Bench, text: str, **more: object) -> ToolResult:
    arguments = {"session": 7, "input": text, "wait_seconds": 0, **more}
    return await SessionTool(RULES).run(json.dumps(arguments), table)


async def written(table: Bench) -> str:
    """All that the shell writes until it has ended."""
    last = await type_in(table, "ls; exit\n", wait_seconds=30)
    assert last.output.startswith("session 7 has ended: exit 0\n"), last.output
    return last.output


async def test_a_forbidden_line_is_not_written(box: WatchedBox, shell: Bench) -> None:
    result = await type_in(shell, "echo here; mkdir made\n")
    assert (result.ok, result.ended) == (False, "refused by a rule")
    assert "forbidden by the rule on `mkdir`: no folders. Nothing was written." in result.output
    lines = await written(shell)
    assert "here" not in lines
    assert "made" not in lines


async def test_a_line_that_comes_in_pieces_is_read_as_one(shell: Bench) -> None:
    assert (await type_in(shell, "echo a\nmk")).ok
    assert (await type_in(shell, "dir made\n")).ended == "refused by a rule"
    assert (await type_in(shell, ".txt 2>/dev/null\n")).ok
    assert "made" not in await written(shell)


async def test_a_person_is_asked_and_their_answer_is_an_event(shell: Bench) -> None:
    person = Person(Answer(allowed=False))
    result = await type_in(replace(shell, approver=person), "touch made\n")
    assert (result.ok, result.ended) == (False, "refused by a rule")
    (question,) = person.questions
    assert (question.tool, question.subject, question.covers) == ("session", "session 7 (bash): touch made", ("touch",))
    (event,) = result.events
    assert isinstance(event, ApprovalGiven)
    assert not event.allowed
    result = await type_in(replace(shell, approver=Person(Answer(allowed=True))), "touch made\n")
    assert isinstance(result.events[0], ApprovalGiven)
    assert "made" in await written(shell)


async def test_where_nobody_can_be_asked_it_is_refused_at_once(shell: Bench) -> None:
    result = await type_in(shell, "touch made\n")
    assert "nobody can be asked" in result.output
    assert "made" not in await written(shell)


async def test_only_on_a_terminal_a_line_can_be_taken_back(table: Bench, shell: Bench) -> None:
    assert (await type_in(shell, "mkdir made\x15ls\n")).ended == "refused by a rule"
    await table.sessions.end()
    begun = await Shell(RULES).run('{"command": "bash --norc", "tty": true}', table)
    assert begun.ended == "running"
    assert (await type_in(table, "mkdir made\n\x15")).ended == "refused by a rule"
    assert (await type_in(table, "mkdir made\x15ls\n")).ended != "refused by a rule"
