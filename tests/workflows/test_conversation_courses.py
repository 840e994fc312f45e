"""Subtasks, going back and forks in conversations, with the real sandbox, git and store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from midwatch.agent.course import steps
from midwatch.domain.conversation import Answered, Reply, Said
from midwatch.domain.interventions import Delegated, FilesImported, Interrupted
from midwatch.domain.task import Task
from midwatch.models.base import Model
from midwatch.models.fake import FakeModel, Step, calls, says
from midwatch.workflows.conversation import Conversation, converse
from midwatch.workflows.forking import fork
from midwatch.workflows.reopening import Shelf
from midwatch.workflows.start import Request
from tests.support.place import Place, make_repository
from tests.workflows.test_delegate import ONE, Pair, hand_over
from tests.workflows.test_undoing import clean

ADD = calls("shell", command="echo one >> count.txt")
MORE = calls("shell", command="echo two >> count.txt")
TALK: Sequence[Step] = [ADD, says("Added."), MORE, says("Added more.")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def begin(place: Place) -> Task:
    return await place.begin(Request("talk", str(place.repository), kind="conversation"))


@asynccontextmanager
async def opened(place: Place, task: Task, model: Model) -> AsyncIterator[Conversation]:
    async with place.store() as store, converse(task, await place.parts(store, task, model)) as conversation:
        yield conversation


def count(place: Place) -> str:
    return (place.repository / "count.txt").read_text()


async def test_what_a_subtask_changes_is_in_the_persons_folder_when_it_has_answered(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, Pair([hand_over(), says("Counted.")], [ONE, says("Done.")])) as talk:
        turn = await talk.turn("count")
        assert talk.log.turns == 4
    assert (turn.ended, turn.text, turn.notes) == ("done", "Counted.", ())
    assert turn.usage.total == 4 * 110
    assert count(place) == "zero\none\n"
    assert (place.repository / "new.txt").read_text() == "new\n"


async def test_a_turn_that_is_interrupted_in_a_subtask_keeps_files_and_spending(place: Place) -> None:
    started = asyncio.Event()

    def slow(view: object, tools: object) -> Reply:
        started.set()
        return calls("shell", command="sleep 100")

    task = await begin(place)
    script = Pair([hand_over(), says("Stopped, then.")], [ONE, slow])
    async with opened(place, task, script) as talk:
        turning = asyncio.create_task(talk.turn("count"))
        await started.wait()
        while not any(e.kind == "tool_started" for e in talk.log.events):
            await asyncio.sleep(0.01)
        talk.interrupt()
        assert (await turning).ended == "interrupted"
        told = [e.body for e in talk.log.events if isinstance(e.body, Delegated)]
        assert [(body.status, body.turns) for body in told] in ([("interrupted", 1)], [("interrupted", 2)])
        assert isinstance(talk.log.events[-1].body, Interrupted)
        assert count(place) == "zero\none\n"
        await talk.turn("so?")
        answers = [item for item in script.of_task.asked[-1][0].items if isinstance(item, Answered)]
        assert [answer.ok for answer in answers] == [False]


async def test_files_that_were_undone_can_be_had_again_after_cleaning_up(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, FakeModel([*TALK, says("There.")])) as talk:
        await talk.turn("one")
        first = steps(talk.log.events)[-1].seq
        await talk.turn("more")
        last = steps(talk.log.events)[-1].seq
        await talk.undo(first)
        assert count(place) == "zero\none\n"
        await talk.turn("something else")
        assert count(place) == "zero\none\ntwo\n"
        await talk.undo(first)
        await talk.turn("and again")
    await clean(place)
    async with opened(place, task, FakeModel([])) as talk:
        await talk.undo(last)
    assert count(place) == "zero\none\ntwo\n"


async def test_a_forked_conversation_goes_on_with_the_folder_as_it_is(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, FakeModel(TALK)) as talk:
        await talk.turn("one")
        first = steps(talk.log.events)[-1].seq
        await talk.turn("more")
    async with place.store() as store:
        new = await fork(Shelf(place.state, store, place.forge), task.id, str(first), "", "midwatch test")
    model = FakeModel([*TALK[:2], says("Seen.")])
    async with opened(place, new, model) as talk:
        turn = await talk.turn("what else?")
        assert [e.body.files for e in talk.log.events if isinstance(e.body, FilesImported)] == [("count.txt",)]
    assert (turn.text, turn.notes) == ("Seen.", ())
    said = [item.text for item in model.asked[0][0].items if isinstance(item, Said)]
    assert "what else?" in said
    assert "more" not in said
    assert count(place) == "zero\none\ntwo\n"
