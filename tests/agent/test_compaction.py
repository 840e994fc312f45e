"""Making room in the model's window."""

from __future__ import annotations

import dataclasses
from typing import Any

from midwatch.agent import compaction
from midwatch.agent.log import History, Log
from midwatch.domain.conversation import Answered, Brief, Image, Replied, Said, ToolCall, Usage, View
from midwatch.domain.events import Compacted, Message, PlanStep, PlanUpdated
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import Undone
from midwatch.domain.limits import Limits
from midwatch.models.fake import FakeModel
from tests.support import samples
from tests.support.logs import log_of


def model(window: int) -> FakeModel:
    """One with that many tokens of window."""
    made = FakeModel([])
    made.window = window
    return made


async def turns(*sizes: int) -> Log:
    """A log with an opening and turns whose results have these sizes in bytes."""
    bodies: list[Any] = [samples.person("the task")]
    for number, size in enumerate(sizes):
        call = samples.call(f"c{number}")
        usage = Usage(input_tokens=10 + sum(sizes[:number]) // 4)
        bodies.append(dataclasses.replace(samples.reply("", call), usage=usage))
        bodies.append(dataclasses.replace(samples.tool_finished(call), output="x" * size, number=number + 1))
    log, _ = await log_of(bodies)
    return log


async def test_only_a_long_conversation_is_due() -> None:
    log = await turns(4000, 4000, 4000)
    assert not compaction.due(log, model(1 << 20))
    assert compaction.due(log, model(1200))


async def test_the_last_turn_stays_even_when_it_alone_is_large() -> None:
    log = await turns(100, 100, 90_000)
    assert compaction.kept(log, model(1000)) == 2


async def test_small_turns_at_the_end_stay_whole() -> None:
    log = await turns(90_000, 100, 100, 100)
    count = compaction.kept(log, model(10_000))
    assert count == 6
    assert isinstance(log.items[-count], Replied)


async def test_nothing_is_left_out_where_there_is_only_one_turn() -> None:
    assert not compaction.possible(await turns(90_000), model(1000))


async def test_after_it_the_task_the_notes_the_plan_and_the_last_turn_are_there() -> None:
    log = await turns(9000, 9000, 100)
    await log.append(PlanUpdated((PlanStep("find it", "completed"), PlanStep("mend it", "in_progress")), ""))
    last = log.items[-2:]
    before = log.context_tokens
    event = compaction.compacted(log, model(5000), "The fault is in a.py:3.")
    await log.append(dataclasses.replace(event, usage=Usage(100, 0, 0, 10), cost_microusd=7))
    first, notes, *rest = log.items
    assert first == Said("the task")
    assert isinstance(notes, Said)
    for words in ("The fault is in a.py:3.", "[x] find it", "[>] mend it"):
        assert words in notes.text
    assert rest == last
    assert log.context_tokens < before / 2
    assert log.cost_microusd >= 7


async def test_a_second_one_replaces_the_first() -> None:
    log = await turns(9000, 9000, 100)
    await log.append(compaction.compacted(log, model(5000), "first notes"))
    call = samples.call("later")
    await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 8000))
    await log.append(compaction.compacted(log, model(5000), "second notes"))
    said = [item.text for item in log.items if isinstance(item, Said)]
    assert said[0] == "the task"
    assert len(said) == 2
    assert "second notes" in said[1]


async def test_a_log_that_is_read_again_gives_the_same_conversation() -> None:
    log = await turns(9000, 9000, 100)
    await log.append(compaction.compacted(log, model(5000), "notes"))
    assert History(log.events).items == log.items
    assert History(log.events).context_tokens == log.context_tokens


async def test_without_notes_the_harness_names_the_commands() -> None:
    event = compaction.compacted(await turns(10, 10, 10), model(5000), "  ")
    assert isinstance(event, Compacted)
    assert "[3] " in event.summary


async def test_notes_outlive_a_later_compaction_for_which_the_model_gives_none() -> None:
    log = await turns(9000, 9000, 100)
    await log.append(PlanUpdated((PlanStep("mend it", "in_progress"),), ""))
    await log.append(compaction.compacted(log, model(5000), "The fault is in a.py:3.\n\nTry b.py next."))
    for number in range(3):
        call = samples.call(f"later{number}")
        await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 8000))
        await log.append(compaction.compacted(log, model(5000), ""))
    notes = log.items[1]
    assert isinstance(notes, Said)
    assert notes.text.count("The fault is in a.py:3.\n\nTry b.py next.") == 1
    assert notes.text.count("Your plan:") == notes.text.count("Your notes:") == 1
    assert notes.text.count("Commands so far") == 1


async def test_what_the_person_has_said_on_the_way_stays_word_for_word() -> None:
    log = await turns(9000)
    picture = Image("image/png", "", "0" * 64, 9, 100, 100)
    await log.append(Message("person", "Leave the public names as they are.", (picture, picture)))
    for number in range(3):
        call = samples.call(f"later{number}")
        await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 8000))
        if number == 1:
            await log.append(Message("harness", "The work was interrupted."))
            await log.append(samples.person("And mend the docs, too."))
        await log.append(compaction.compacted(log, model(5000), f"notes {number}"))
    text = "\n".join(item.text for item in log.items if isinstance(item, Said))
    assert text.count("Leave the public names as they are.") == 1
    assert text.count("And mend the docs, too.") == 1
    assert "as they are.\n[Shown with it, and no more: 2 of the person's pictures]\n" in text
    assert text.index("Leave the public") < text.index("And mend the docs")
    assert "The work was interrupted." not in text


async def test_what_was_undone_is_not_told_again() -> None:
    log = await turns(9000)
    keep = len(log.events)
    await log.append(samples.person("Use tabs."))
    await log.append(Undone(keep, Checkpoint("a" * 40, "b" * 40), "a person"))
    for number in range(2):
        call = samples.call(f"later{number}")
        await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 8000))
    assert "Use tabs." not in compaction.compacted(log, model(5000), "notes").summary


async def test_of_very_much_that_was_said_the_newest_stays() -> None:
    log = await turns(9000)
    for number in range(5):
        await log.append(samples.person(f"{number} " + "x" * 20_000))
    for number in range(2):
        call = samples.call(f"later{number}")
        await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 8000))
    summary = compaction.compacted(log, model(50_000), "notes").summary
    assert "[4 earlier ones left out]\n\n4 xxx" in summary
    assert len(summary) < 30_000
    short = compaction.compacted(log, model(5000), "notes").summary
    assert "4 xxx" in short
    assert "characters left out]" in short
    assert len(short) < 5000


def test_the_question_starts_with_the_conversation_as_it_was() -> None:
    call = ToolCall("c", "shell", "{}")
    items = (Said("go"), Replied("fake", "", (call,), ()), Answered("c", "shell", "out", True))
    view = View("rules", Brief("go", "/workspace", (), Limits()), items)
    asked = compaction.question(view)
    assert asked.items[: len(items)] == items
    assert asked.instructions == view.instructions


async def test_what_a_folder_says_is_told_again_once_it_was_left_out() -> None:
    log = await turns(9000, 9000)
    first = Message("repository", "of web", sources=("web/AGENTS.md",))
    await log.append(first)
    assert log.told == [first]
    for name in ("c8", "c9"):
        call = samples.call(name)
        await log.append(samples.reply("", call), dataclasses.replace(samples.tool_finished(call), output="y" * 9000))
    await log.append(compaction.compacted(log, model(5000), "notes"))
    assert log.told == []
    assert History(log.events).told == []
