"""Which calls need a person, and what becomes of their answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.agent.approvals import Remembering
from midwatch.domain.interventions import ApprovalGiven
from midwatch.domain.task import McpUse
from midwatch.tools.approval import Answer
from midwatch.tools.base import Bench
from tests.support.logs import log_of
from tests.support.person import Person
from tests.tools.mcp.bench import SERVER, opened, ours


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a trusted server writes: its folder is the person's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "count.txt"


async def test_where_nobody_can_be_asked_a_call_that_may_change_something_outside_is_refused(
    table: Bench, count: Path
) -> None:
    async with opened(table, ours(trusted=True)) as servers:
        result = await servers.call("zeta", line="one")
    assert (result.ok, result.ended) == (False, "refused")
    assert "nobody can be asked" in result.output
    assert not count.exists()
    (event,) = result.events
    subject = 'test · zeta {"line": "one"}'
    assert event == ApprovalGiven("call_1", "mcp__test__zeta", subject, False, "harness", result.events[0].reason)


async def test_a_person_may_allow_it_and_is_asked_each_time_unless_they_say_always(table: Bench, count: Path) -> None:
    once, always = Person(Answer(True)), Person(Answer(True, always=True))
    async with opened(table, ours(trusted=True), approver=once) as servers:
        first = await servers.call("zeta", line="one")
        assert [event.allowed for event in first.events] == [True]
        await servers.call("zeta", line="one")
    assert len(once.questions) == 2
    log, _ = await log_of([])
    async with opened(table, ours(trusted=True), approver=Remembering(always, log)) as servers:
        for line in ("one", "one", "two"):
            result = await servers.call("zeta", line=line)
            await log.append(*result.events)
    assert [question.subject for question in always.questions] == [
        'test · zeta {"line": "one"}',
        'test · zeta {"line": "two"}',
    ]
    assert count.read_text() == "one\none\none\none\ntwo\n"


async def test_an_answer_for_a_long_call_holds_for_no_other_that_begins_alike(table: Bench, count: Path) -> None:
    person = Person(Answer(True, always=True))
    log, _ = await log_of([])
    async with opened(table, ours(trusted=True), approver=Remembering(person, log)) as servers:
        for end in ("a", "b", "a"):
            result = await servers.call("zeta", line="x" * 5000 + end)
            await log.append(*result.events)
    first, second = person.questions
    assert first.subject != second.subject
    assert max(len(first.subject), len(second.subject)) < 4200


async def test_a_person_who_says_no_is_heard_by_the_model(table: Bench, count: Path) -> None:
    person = Person(Answer(False, reason="use the other one"))
    async with opened(table, ours(trusted=True), approver=person) as servers:
        assert "use the other one" in (await servers.call("zeta", line="one")).output
    assert not count.exists()


async def test_nobody_is_asked_for_what_reads_or_is_allowed_or_named_or_stays_in_the_box(
    table: Bench, count: Path
) -> None:
    count.write_text("zero\n")
    person = Person(Answer(False))
    async with opened(table, ours(trusted=True, allow=("zeta",)), approver=person) as servers:
        assert (await servers.call("alpha")).ok
        assert (await servers.call("zeta", line="one")).ok
        assert not (await servers.call("again")).ok
    assert len(person.questions) == 1
    async with opened(table, ours(trusted=True), McpUse("test", ("zeta", "alpha")), approver=person) as servers:
        assert (await servers.call("zeta", line="two")).ok
    async with opened(table, ours(trusted=True, allow=("*",)), approver=person) as servers:
        assert (await servers.call("zeta", line="three")).ok
    async with opened(table, ours(), approver=person) as servers:
        assert (await servers.call("zeta", line="four")).ok
    assert len(person.questions) == 1
    assert count.read_text() == "zero\none\ntwo\nthree\n"


async def test_in_the_mode_read_only_nothing_is_called_unasked_that_does_not_say_that_it_reads(table: Bench) -> None:
    async with opened(table, ours(), McpUse("test", ("zeta", "cancelled")), mode="read-only") as servers:
        refused = await servers.call("zeta", line="one")
        assert (refused.ended, "mode read-only" in refused.output) == ("refused", True)
        assert (await servers.call("cancelled")).ok
    assert not (Path(table.box.workdir) / "count.txt").exists()
    assert Path(SERVER).exists()
