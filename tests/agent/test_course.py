"""Which events of a log still count, and which one can go back to."""

from __future__ import annotations

from midwatch.agent import course
from midwatch.domain.events import Message, PlanUpdated
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import Undone
from tests.support import samples
from tests.support.logs import log_of


def _call(name: str) -> list[object]:
    call = samples.call(name)
    return [samples.reply("", call), samples.tool_started(call), samples.tool_finished(call)]


BODIES = [Message("repository", "be kind"), samples.person("do it"), *_call("c1"), *_call("c2")]
"""Events 2 to 9 of a log."""


def _back(to: int) -> Undone:
    return Undone(to, Checkpoint("t" * 40, "c" * 40), "")


async def test_what_was_undone_no_longer_counts_and_an_undo_can_be_undone() -> None:
    log, _ = await log_of([*BODIES, _back(6), samples.reply("other"), _back(9)])
    assert [e.seq for e in course.course(log.events[:11])] == [1, 2, 3, 4, 5, 6, 11]
    assert [e.seq for e in course.course(log.events)] == list(range(1, 10))


async def test_the_task_is_the_earliest_step_and_results_and_answers_are_the_others() -> None:
    log, _ = await log_of(BODIES)
    assert course.introduced(log.events) == 3
    assert [e.seq for e in course.steps(log.events)] == [3, 6, 9]
    undone, _ = await log_of([*BODIES, _back(6), samples.reply("other")])
    assert [e.seq for e in course.steps(undone.events)] == [3, 6, 11]


async def test_what_was_appended_with_a_result_is_one_step_with_it() -> None:
    log, _ = await log_of([*BODIES, PlanUpdated((), "")])
    assert [e.seq for e in course.steps(log.events)] == [3, 6, 10]


async def test_before_the_model_has_its_task_there_is_no_step() -> None:
    log, _ = await log_of([Message("repository", "be kind")])
    assert (course.introduced(log.events), course.steps(log.events)) == (0, [])


async def test_follow_ups_are_the_persons_words_after_the_task_that_still_count() -> None:
    more = [samples.person("and this"), Message("harness", "note"), samples.reply("ok")]
    log, _ = await log_of([*BODIES, *more, _back(9), samples.person("or that")])
    assert [m.text for m in course.follow_ups(log.events)] == ["or that"]
    assert [m.text for m in course.follow_ups(log.events[:12])] == ["and this"]


async def test_many_undos_cost_no_more_than_the_log_is_long() -> None:
    bodies: list[object] = list(BODIES)
    for _ in range(60):
        bodies += [samples.person("again"), _back(len(bodies) + 2)]
    log, _ = await log_of(bodies)  # folded in a moment, not in 2**60
    assert len(course.course(log.events)) == len(BODIES) + 1 + 60
    assert len(log.items) == 6 + 60
