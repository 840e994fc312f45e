"""What a person allowed for an attempt is remembered in its log, and their thinking costs it no time."""

from __future__ import annotations

import asyncio

import pytest

from midwatch.agent import log as log_module
from midwatch.agent.approvals import Remembering
from midwatch.agent.log import History, Log
from midwatch.domain.interventions import ApprovalGiven
from midwatch.tools.approval import Answer, Question, decided
from tests.support.logs import log_of


class Person:
    """Answers when told to, and keeps the questions."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.questions: list[Question] = []
        self.may_answer = asyncio.Event()

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        await self.may_answer.wait()
        return self.answer


class Clock:
    """Stands in for `time.monotonic`: time passes when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
async def log() -> Log:
    return (await log_of([]))[0]


def question(*covers: str, subject: str = "git push origin", tool: str = "shell") -> Question:
    return Question("call_1", tool, subject, "a rule", covers)


async def asked(log: Log, person: Person, wanted: Question) -> Answer:
    answer = await Remembering(person, log).ask(wanted)
    await log.append(decided(wanted, answer))
    return answer


async def test_what_was_allowed_for_the_attempt_is_not_asked_again_and_the_rest_is(log: Log) -> None:
    person = Person(Answer(allowed=True, always=True))
    person.may_answer.set()
    await asked(log, person, question("git push"))
    assert (await asked(log, person, question("git push"))).allowed
    assert len(person.questions) == 1
    await asked(log, person, question("git push", "npm publish"))
    assert person.questions[1].covers == ("npm publish",)
    await asked(log, person, question("git push", tool="other"))
    assert len(person.questions) == 3


async def test_without_a_word_for_the_attempt_each_call_is_asked_about(log: Log) -> None:
    person = Person(Answer(allowed=True))
    person.may_answer.set()
    for _ in range(2):
        await asked(log, person, question("git push"))
    assert len(person.questions) == 2


async def test_a_refusal_is_not_remembered_whatever_it_says(log: Log) -> None:
    person = Person(Answer(allowed=False, always=True))
    person.may_answer.set()
    for _ in range(2):
        assert not (await asked(log, person, question(subject="tool {}"))).allowed
    assert len(person.questions) == 2


async def test_a_question_without_covers_is_remembered_by_its_subject(log: Log) -> None:
    person = Person(Answer(allowed=True, always=True))
    person.may_answer.set()
    for subject in ("tool {}", "tool {}", "tool []"):
        await asked(log, person, question(subject=subject))
    assert [q.subject for q in person.questions] == ["tool {}", "tool []"]


async def test_the_clock_of_the_attempt_stands_still_while_a_person_thinks(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(log_module, "time", clock)
    log._opened = clock.now
    clock.now += 5
    person = Person(Answer(allowed=True))
    asking = asyncio.create_task(Remembering(person, log).ask(question("git push")))
    await asyncio.sleep(0)
    clock.now += 100
    assert log.elapsed() == pytest.approx(5)
    person.may_answer.set()
    await asking
    clock.now += 2
    assert log.elapsed() == pytest.approx(7)


async def test_a_question_that_is_taken_back_lets_the_clock_go_on(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(log_module, "time", clock)
    log._opened = clock.now
    asking = asyncio.create_task(Remembering(Person(Answer(allowed=True)), log).ask(question("git push")))
    await asyncio.sleep(0)
    clock.now += 100
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    clock.now += 3
    assert log.elapsed() == pytest.approx(3)


async def test_what_a_person_took_is_not_counted_when_the_attempt_goes_on_later(log: Log) -> None:
    await log.append(ApprovalGiven("call_1", "shell", "git push", True, "person", "", waited_ms=3_600_000))
    assert History(log.events).spent_seconds == 0
