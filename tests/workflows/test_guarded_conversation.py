"""Modes, approvals and hooks in turns of a person, with the real sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered
from midwatch.domain.guard import Hook
from midwatch.domain.interventions import ApprovalGiven
from midwatch.models.fake import FakeModel, calls, says
from midwatch.tools.approval import Answer, Question
from midwatch.tools.rules import Rule, Rules
from tests.support.person import Person
from tests.support.place import Place, make_repository
from tests.workflows.test_conversation import begin, opened

TOUCH = calls("shell", command="touch made.txt")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


def answers(model: FakeModel) -> list[str]:
    return [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]


async def test_a_command_of_a_read_only_turn_that_is_interrupted_is_put_back_too(place: Place) -> None:
    task = await begin(place, mode="read-only")
    script = [
        calls("shell", command="echo half > half.txt; sleep 60"),
        calls("shell", command="ls"),
        says("after"),
    ]
    async with opened(place, task, script) as (talk, model):
        work = asyncio.create_task(talk.turn("go"))
        while not (events := talk.log.events) or events[-1].kind != "tool_started":
            await asyncio.sleep(0.01)
        while not list(place.state.rglob("half.txt")):
            await asyncio.sleep(0.01)
        talk.interrupt()
        assert (await work).ended == "interrupted"
        assert (await talk.turn("go on")).text == "after"
    assert answers(model)[-1].endswith("count.txt\n")
    assert not (place.repository / "half.txt").exists()


async def test_what_a_person_allows_for_all_holds_in_later_turns_and_when_the_conversation_is_opened_again(
    place: Place,
) -> None:
    person = Person(Answer(allowed=True, always=True))
    place.approver = person
    place.settings = {"rules": Rules([Rule(("touch",), "ask")])}
    task = await begin(place)
    script = [TOUCH, says("1"), TOUCH, says("2"), TOUCH, says("3")]
    async with opened(place, task, script) as (talk, _):
        await talk.turn("one")
        await talk.turn("two")
    async with opened(place, task, script) as (talk, _):
        await talk.turn("three")
        given = [event.body for event in talk.log.events if isinstance(event.body, ApprovalGiven)]
    assert len(person.questions) == 1
    assert [body.covers for body in given] == [("touch",), (), ()]
    assert all(body.allowed for body in given)
    assert (place.repository / "made.txt").exists()


async def test_a_question_that_is_interrupted_is_taken_back_and_nothing_runs(place: Place) -> None:
    class Slow(Person):
        async def ask(self, question: Question) -> Answer:
            self.questions.append(question)
            await asyncio.sleep(3600)
            return self.answer

    place.approver = slow = Slow(Answer(allowed=True))
    place.settings = {"rules": Rules([Rule(("touch",), "ask")])}
    task = await begin(place)
    async with opened(place, task, [TOUCH, says("after")]) as (talk, _):
        work = asyncio.create_task(talk.turn("one"))
        while not slow.questions:
            await asyncio.sleep(0.01)
        talk.interrupt()
        assert (await work).ended == "interrupted"
        assert (await talk.turn("two")).text == "after"
    assert not (place.repository / "made.txt").exists()


async def test_a_hook_before_the_finish_sends_the_model_back_within_the_turn_and_its_files_come_along(
    place: Place,
) -> None:
    place.settings = {"hooks": (Hook("before_finish", "echo seen >> seen.txt; test -e made.txt || exit 2"),)}
    task = await begin(place)
    async with opened(place, task, [says("Done."), TOUCH, says("Really done.")]) as (talk, _):
        turn = await talk.turn("one")
    assert turn.text == "Really done."
    assert (place.repository / "seen.txt").read_text() == "seen\nseen\n"
