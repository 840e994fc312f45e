"""Turns of a person in their own folder, with the real sandbox, git and store; only the model plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.agent.log import History
from midwatch.domain.conversation import Answered, Reply, Said, ToolSpec, View
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import Message
from midwatch.domain.interventions import FilesImported, Interrupted, ModeChosen, SessionEnded, Undone
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.models.fake import FakeModel, Step, calls, says
from midwatch.workflows.conversation import Conversation, as_chosen, converse
from midwatch.workflows.start import Request
from midwatch.workspace import loose
from tests.support import samples
from tests.support.place import Place, git, make_repository

ADD = calls("shell", command="echo one >> count.txt")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n", "sub/keep.txt": "kept\n"}))


async def begin(place: Place, *, folder: Path | None = None, mode: str = "workspace") -> Task:
    return await place.begin(Request("talk", str(folder or place.repository), kind="conversation", mode=mode))


@asynccontextmanager
async def opened(place: Place, task: Task, script: Sequence[Step]) -> AsyncIterator[tuple[Conversation, FakeModel]]:
    model = FakeModel(script)
    async with place.store() as store, converse(task, await place.parts(store, task, model)) as conversation:
        yield conversation, model


def answers(model: FakeModel) -> list[str]:
    """Outputs of commands, as the model was last shown them."""
    return [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]


async def test_what_a_turn_changes_is_in_the_persons_folder_and_no_branch_is_made(place: Place) -> None:
    before = git(place.repository, "for-each-ref") + git(place.repository, "rev-parse", "HEAD")
    task = await begin(place)
    async with opened(place, task, [ADD, says("Added.")]) as (talk, model):
        turn = await talk.turn("add one")
    assert (turn.ended, turn.text, turn.notes) == ("done", "Added.", ())
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (200, 20)
    assert (place.repository / "count.txt").read_text() == "zero\none\n"
    assert before == git(place.repository, "for-each-ref") + git(place.repository, "rev-parse", "HEAD")
    assert git(place.repository, "status", "--porcelain") == "M count.txt"
    items = model.asked[0][0].items
    assert [item.text for item in items if isinstance(item, Said)][-1] == "add one"


async def test_a_second_turn_in_another_process_knows_the_first_and_what_the_person_did(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [ADD, says("Added.")]) as (talk, _):
        await talk.turn("add one")
    (place.repository / "count.txt").write_text("mine\n")
    (place.repository / "new.txt").write_text("new\n")
    look = calls("shell", command="cat count.txt new.txt")
    async with opened(place, task, [ADD, says("Added."), look, says("Seen.")]) as (talk, model):
        turn = await talk.turn("look")
    last = model.asked[-1][0].items
    assert any(isinstance(item, Said) and "changed files" in item.text and "count.txt" in item.text for item in last)
    assert any(isinstance(item, Answered) and "mine\nnew" in item.output for item in last)
    assert turn.text == "Seen."
    assert (place.repository / "count.txt").read_text() == "mine\n"


async def test_read_only_leaves_the_folder_alone(place: Place) -> None:
    task = await begin(place, mode="read-only")
    async with opened(place, task, [ADD, says("Added.")]) as (talk, _):
        await talk.turn("add one")
    assert (place.repository / "count.txt").read_text() == "zero\n"


async def test_uncommitted_and_untracked_files_are_there_from_the_start(place: Place) -> None:
    (place.repository / "count.txt").write_text("dirty\n")
    (place.repository / "loose.txt").write_text("loose\n")
    task = await begin(place)
    async with opened(place, task, [calls("shell", command="cat count.txt loose.txt"), says("ok")]) as (talk, model):
        await talk.turn("look")
    assert "dirty\nloose" in answers(model)[-1]


async def test_a_folder_that_is_no_repository_works_too(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text("a\n")
    task = await begin(place, folder=folder)
    step = calls("shell", command="cat deep/a.txt; echo b > deep/b.txt; rm deep/a.txt")
    async with opened(place, task, [step, says("ok"), calls("shell", command="ls deep"), says("ok")]) as (talk, model):
        await talk.turn("go")
        await talk.turn("again")
    assert sorted(path.name for path in folder.rglob("*")) == ["b.txt", "deep"]
    assert not (folder / ".git").exists()
    assert "b.txt" in answers(model)[-1]


async def test_a_folder_with_too_much_in_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose, "MOST_ENTRIES", 3)
    for name in "abcd":
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="more than 3 files"):
        await loose.find(tmp_path / "state", str(tmp_path))


async def test_an_interrupted_turn_says_so_and_the_next_one_goes_on(place: Place) -> None:
    task = await begin(place)
    script = [calls("shell", command="echo half > half.txt; sleep 60"), says("after")]
    async with opened(place, task, script) as (talk, model):
        work = asyncio.create_task(talk.turn("go"))
        while not (events := talk.log.events) or events[-1].kind != "tool_started":
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        talk.interrupt()
        turn = await work
        assert turn.ended == "interrupted"
        assert (place.repository / "half.txt").read_text() == "half\n"
        assert (await talk.turn("go on")).text == "after"
        items = model.asked[-1][0].items
    assert any(isinstance(item, Answered) and "Interrupted" in item.output for item in items)
    assert [e.kind for e in talk.log.events].count(Interrupted.kind) == 1


async def test_a_dead_model_is_an_error_and_the_turn_can_go_on(place: Place) -> None:
    task = await begin(place)
    script: list[Step] = [ADD, ModelError("it is down", "wait"), says("Added.")]
    async with opened(place, task, script) as (talk, _):
        with pytest.raises(ModelError, match="it is down"):
            await talk.turn("add one")
    async with opened(place, task, [ADD, says("Added.")]) as (talk, _):
        assert (await talk.turn(None)).text == "Added."
    assert (place.repository / "count.txt").read_text() == "zero\none\n"


async def test_a_turn_that_goes_on_in_another_process_reaches_the_folder(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [ModelError("it is down", "wait"), ADD, says("Added.")]) as (talk, _):
        with pytest.raises(ModelError):
            await talk.turn("add one")
    (place.repository / "mine.txt").write_text("mine\n")
    async with opened(place, task, [ADD, says("Added.")]) as (talk, _):
        assert (await talk.turn(None)).notes == ()
    assert (place.repository / "count.txt").read_text() == "zero\none\n"
    assert (place.repository / "mine.txt").read_text() == "mine\n"


async def test_what_had_not_reached_the_folder_is_brought_at_the_next_turn(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [ADD, says("Added."), says("And?")]) as (talk, _):
        await talk.turn("add one")
        git(place.repository, "checkout", "count.txt")  # as if the process had died before it was written
        await talk.turn("go on")
    assert (place.repository / "count.txt").read_text() == "zero\none\n"
    assert FilesImported.kind not in {e.kind for e in talk.log.events}


async def test_undo_takes_files_and_conversation_back_and_a_message_goes_on_from_there(place: Place) -> None:
    task = await begin(place)
    two = calls("shell", command="echo two >> count.txt")
    async with opened(place, task, [ADD, says("One."), two, says("Two.")]) as (talk, model):
        await talk.turn("one")
        end = len(talk.log.events)
        await talk.turn("two")
        changes = await talk.undo(end)
        assert [change.path for change in changes] == ["count.txt"]
        assert (place.repository / "count.txt").read_text() == "zero\none\n"
        assert talk.log.events[-1].kind == Undone.kind
        assert (await talk.turn("again")).text == "Two."
        said = [item.text for item in model.asked[-1][0].items if isinstance(item, Said)]
    assert said[-2:] == ["one", "again"]


async def test_undo_leaves_alone_what_the_person_changed_elsewhere(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [ADD, says("One.")]) as (talk, _):
        await talk.turn("one")
        (place.repository / "mine.txt").write_text("mine\n")
        await talk.undo(2)
        assert (place.repository / "count.txt").read_text() == "zero\n"
        assert (place.repository / "mine.txt").read_text() == "mine\n"
        (place.repository / "count.txt").write_text("mine\n")
        with pytest.raises(InputError, match="no going back"):
            await talk.undo(200)


async def test_undo_that_does_not_fit_what_the_person_changed_touches_nothing(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [ADD, says("One.")]) as (talk, _):
        await talk.turn("one")
        (place.repository / "count.txt").write_text("mine\n")
        with pytest.raises(InputError, match=r"count\.txt"):
            await talk.undo(2)
        assert (place.repository / "count.txt").read_text() == "mine\n"
        assert talk.log.events[-1].kind != Undone.kind


async def test_a_folder_that_was_reached_in_part_gets_the_rest(place: Place) -> None:
    task = await begin(place)
    step = calls("shell", command="echo one >> count.txt; echo b > b.txt; rm sub/keep.txt")
    async with opened(place, task, [step, says("ok"), says("ok")]) as (talk, _):
        await talk.turn("go")
        git(place.repository, "checkout", "count.txt", "sub/keep.txt")  # as if it had been written in part
        await talk.turn("on")
    assert (place.repository / "count.txt").read_text() == "zero\none\n"
    assert not (place.repository / "sub").exists()
    assert FilesImported.kind not in {e.kind for e in talk.log.events}


async def test_each_turn_has_the_whole_allowance_of_model_calls(place: Place) -> None:
    task = await place.begin(Request("talk", str(place.repository), kind="conversation"), Limits(turns=2))
    async with opened(place, task, [ADD, says("1"), ADD, ADD, says("2"), says("3")]) as (talk, _):
        assert (await talk.turn("one")).ended == "done"
        assert (await talk.turn("two")).ended == "limit"
        assert (await talk.turn("go on")).ended == "done"


async def test_a_message_that_is_queued_reaches_the_next_model_call(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [calls("shell", command="sleep 0.5"), says("ok")]) as (talk, model):
        work = asyncio.create_task(talk.turn("go"))
        while not talk.working:
            await asyncio.sleep(0.01)
        talk.say("and also this")
        await work
    assert [item.text for item in model.asked[-1][0].items if isinstance(item, Said)][-1] == "and also this"
    assert isinstance(talk.log.events[-2].body, Message)


async def test_a_change_that_does_not_fit_is_told_and_nothing_of_the_persons_is_touched(place: Place) -> None:
    task = await begin(place)

    def meanwhile(view: View, tools: Sequence[ToolSpec]) -> Reply:
        (place.repository / "count.txt").write_text("the person's\n")
        return ADD

    script: list[Step] = [meanwhile, says("Added.")]
    async with opened(place, task, script) as (talk, _):
        turn = await talk.turn("add one")
    assert "count.txt" in turn.notes[0]
    assert (place.repository / "count.txt").read_text() == "the person's\n"


async def test_a_mode_that_was_chosen_holds_in_a_new_process_and_the_model_is_told_once(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [says("Hello.")]) as (talk, _):
        await talk.turn("hello")
        assert not await talk.choose_mode("read-only")
        assert await talk.choose_mode("full")
        assert not await talk.choose_mode("read-only")
    restricted = as_chosen(task, await place.history(task), "landlock")
    assert (restricted.mode, restricted.sandbox) == ("read-only", task.sandbox)
    async with opened(place, restricted, [says("Hello."), ADD, says("Tried."), says("Again.")]) as (talk, model):
        await talk.turn("add one")
        await talk.turn("and?")
        said = [item.text for item in model.asked[-1][0].items if isinstance(item, Said)]
    assert [text for text in said if "has chosen the mode" in text] == [next(t for t in said if "mode read-only" in t)]
    assert (place.repository / "count.txt").read_text() == "zero\n"


def test_a_conversation_without_a_sandbox_gets_one_again(place: Place) -> None:
    task = replace(samples.task(), kind="conversation", mode="full", sandbox="process")
    history = History()
    history.mode = "workspace"
    assert as_chosen(task, history, "bubblewrap").sandbox == "bubblewrap"
    assert as_chosen(replace(task, mode="workspace", sandbox="landlock"), History(), "bubblewrap").sandbox == "landlock"


async def test_a_mode_is_chosen_by_its_name_only(place: Place) -> None:
    task = await begin(place)
    async with opened(place, task, [says("Hello.")]) as (talk, _):
        with pytest.raises(InputError, match="everything"):
            await talk.choose_mode("everything")
        assert ModeChosen.kind not in {event.kind for event in talk.log.events}


async def test_sessions_end_with_the_turn_and_the_next_one_knows(place: Place) -> None:
    # whether a session that writes has written since the last look is chance, and with it the numbers after it
    quiet = calls("shell", command="while :; do sleep 0.05; done", background=True)
    serve = calls("shell", command="while :; do echo up; sleep 0.05; done", background=True)
    count = calls("shell", command="pgrep -fc 'while [:]; do'")
    wait = calls("session", session=3, wait_seconds=600)
    look = calls("session", session=1)
    script = [quiet, says("It runs."), count, look, serve, wait, says("Never said."), count, says("Gone.")]
    task = await begin(place)
    async with opened(place, task, script) as (talk, model):
        assert (await talk.turn("serve")).text == "It runs."
        going = asyncio.create_task(talk.turn("still there?"))
        while len(talk.log.unanswered()) != 1 or talk.log.unanswered()[0].name != "session" or talk.log.turns < 6:
            assert not going.done()
            await asyncio.sleep(0.02)
        talk.interrupt()
        assert (await going).ended == "interrupted"
        model._turns.pop(6)  # the reply that was not asked for
        assert (await talk.turn("and now?")).text == "Gone."
        counted, gone, *_, last = answers(model)[1:]
        assert [text.split("\n")[1] for text in (counted, last)] == ["0", "0"]
        assert gone.startswith("Session 1 (while :; do sleep")
        ended = [event.body for event in talk.log.events if isinstance(event.body, SessionEnded)]
    assert [body.ended for body in ended] == ["ended with the turn"] * 2
    assert all((body.number > 0) == (body.lines > 0) for body in ended)  # how much it wrote is chance
