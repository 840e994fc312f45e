"""A person talks with the agent: real interface, conversation, sandbox and git; only the endpoint plays a script."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.cli.tui.rows import EditRow, RunRow, SaidRow
from midwatch.tools.approval import Answer, Question
from tests.cli.conftest import Program, mending
from tests.cli.tui.driving import at_terminal
from tests.support.model_server import ModelServer, calls, fails, hangs, says

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


async def test_a_request_is_worked_on_and_everything_that_was_done_is_seen(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(*mending())
    async with at_terminal(program) as person:
        await person.sees("scripted", "bubblewrap", "main")
        await person.type("mend the sum")
        await person.rests()
        await person.sees("mend the sum", "$ cat calc.py", "exit 0", "+1 -1", "Sum the last value too", "1 file +1 -1")
        assert "Plan, 0 of 2 done" in person.text
        assert "\x1b" not in person.text
        assert "\u202e" not in person.text
    assert "range(len(values)):" in (program.repo / "calc.py").read_text()


async def test_a_running_command_shows_its_last_lines_and_folds_when_it_has_ended(
    program: Program, server: ModelServer
) -> None:
    slow = "for i in 1 2 3 4 5; do echo line $i; done; while [ ! -e go ]; do sleep 0.05; done; echo last"
    program.base_url = server.script(calls("shell", command=slow), says("Done."))
    async with at_terminal(program) as person:
        await person.type("go")
        await person.sees("│ line 5")
        assert "line 2" not in person.text
        person.app.turns.interrupt()
        await person.rests()
        await person.sees("interrupted")


async def test_ten_thousand_lines_are_kept_readable_in_their_log(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="seq 10000"), says("Counted."))
    async with at_terminal(program) as person:
        await person.type("count")
        await person.rests()
        await person.sees("10,000 lines", "Counted.")
        await person.pilot.press("tab", "enter")
        await person.sees("9,980 lines above; /log 1 shows all", "│ 9982")
        await person.pilot.press("escape")
        await person.type("/log")
        await person.sees("log 1 · $ seq 10000", "    1  1")
        await person.pilot.press("G")
        await person.sees("10000  10000")


async def test_what_is_said_meanwhile_is_queued_and_read_at_the_next_step(
    program: Program, server: ModelServer
) -> None:
    wait = calls("shell", command="echo busy; sleep 2")
    program.base_url = server.script(wait, says("Both done."))
    async with at_terminal(program) as person:
        await person.type("the first")
        await person.sees("│ busy")
        await person.type("and the second")
        await person.sees("↳ queued: and the second")
        await person.rests()
        await person.sees("Both done.")
        assert "queued" not in person.text
        assert [row._entry.text for row in person.rows(SaidRow)] == ["the first", "and the second"]
    assert b"and the second" in server.requests_to(program.base_url)[-1].raw


async def test_escape_interrupts_and_what_was_queued_comes_back_to_the_prompt(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(
        calls("shell", command="echo half > half.txt; echo busy; sleep 60"), says("After.")
    )
    async with at_terminal(program) as person:
        await person.type("go")
        await person.sees("│ busy")
        await person.type("later")
        await person.pilot.press("escape")
        await person.rests()
        await person.sees("interrupted; what was done so far stays")
        assert person.app.prompt.text == "later"
        assert (program.repo / "half.txt").read_text() == "half\n"
        await person.pilot.press("enter")
        await person.rests()
        await person.sees("After.")


async def test_undo_shows_what_changes_and_gives_the_words_back(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending(), says("Again."))
    async with at_terminal(program) as person:
        await person.type("mend the sum")
        await person.rests()
        await person.pilot.press("escape", "escape")
        await person.sees("Go back to which step?", "before: mend the sum")
        await person.pilot.press("down")
        await person.sees("changes in your folder: 1 file +1 -1", "calc.py")
        await person.pilot.press("enter")
        await person.sees("undone", "in your folder: 1 file +1 -1")
        assert "len(values) - 1" in (program.repo / "calc.py").read_text()
        assert person.app.prompt.text == "mend the sum"
        assert person.rows(EditRow) == []


async def test_a_dead_model_is_an_error_with_a_remedy_and_enter_goes_on(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(fails(401, "no such key"), says("Here again."))
    async with at_terminal(program) as person:
        await person.type("hello")
        await person.rests()
        await person.sees("✗", "was refused", "→")
        await person.pilot.press("enter")
        await person.rests()
        await person.sees("Here again.")
        assert len(person.rows(SaidRow)) == 1


async def test_words_that_no_model_could_be_asked_with_are_back_in_the_prompt(program: Program) -> None:
    async with at_terminal(program) as person:
        person.app.session.choices = replace(person.app.session.choices, model="nobody/x")
        await person.type("hello")
        await person.sees("unknown provider 'nobody'")
        await person.until(lambda: person.app.prompt.text == "hello", "the words")


async def test_a_conversation_is_opened_again_as_it_was(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(*mending(), says("I know."))
    async with at_terminal(program) as person:
        await person.type("mend the sum")
        await person.rests()
        before = [row.entry for row in person.rows(RunRow)]
    async with at_terminal(program) as person:
        await person.sees("bubblewrap")
        await person.type("/resume")
        await person.sees("Go on with which conversation?", "mend the sum")
        await person.pilot.press("enter")
        await person.sees("Sum the last value too", "1 file +1 -1")
        assert [row.entry for row in person.rows(RunRow)] == before
        await person.type("do you remember?")
        await person.rests()
        await person.sees("I know.")


async def test_approval_shows_the_command_and_takes_yes_no_with_words_and_always(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("x"))
    question = Question("c", "shell", "rm -rf \x1b[31mbuild\u202e", "a rule asks: it cannot be taken back")
    async with at_terminal(program, (60, 20)) as person:

        async def asked(*keys: str) -> Answer:
            answering = asyncio.create_task(person.app.session._approver.ask(question))
            await person.sees("shell wants to run:", "rm -rf build<U+202E>", "a rule asks")
            await person.pilot.press(*keys)
            return await answering

        assert await asked("y") == Answer(True)
        assert await asked("a") == Answer(True, always=True)
        assert await asked("escape") == Answer(False)
        assert await asked("n", "n", "o", "p", "e", "enter") == Answer(False, reason="nope")
        gone = asyncio.create_task(person.app.session._approver.ask(question))
        await person.sees("shell wants to run:")
        gone.cancel()
        await person.until(lambda: "wants to run" not in person.text, "taking the question back")


async def test_a_picture_is_sent_when_its_path_is_named_and_anything_else_is_refused(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("I see it."))
    (program.repo / "shot 1.png").write_bytes(PNG)
    (program.repo / "not.png").write_text("text")
    async with at_terminal(program) as person:
        await person.type("what is in 'not.png'?")
        await person.sees("picture that models take")
        assert person.app.prompt.text == "what is in 'not.png'?"
        await person.type("/image missing.png")
        await person.sees("No such file")
        await person.type("/image shot 1.png")
        await person.sees("▣ shot 1.png")
        await person.type("what is it?")
        await person.rests()
        await person.sees("▣ 1 image", "I see it.")
    message = next(e.body for e in person.app.talk.transcript.events if e.kind == "message" and e.body.images)
    assert (message.images[0].media_type, message.images[0].data) == ("image/png", "")


async def test_commands_say_what_is_wrong_and_near_names(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(hangs(), says("x"))
    async with at_terminal(program) as person:
        await person.type("/modle")
        await person.sees("there is no command /modle", "did you mean /mode")
        await person.type("/log 7")
        await person.sees("there is no log 7", "no command has ended yet")
        await person.type("/mode wild")
        await person.sees("there is no mode 'wild'")
        await person.type("/model nowhere/x")
        await person.sees("unknown provider 'nowhere'")
        await person.type("go")
        await person.sees("esc interrupts")
        await person.type("/undo")
        await person.sees("/undo has to wait until the turn is over")


async def test_the_menu_completes_and_history_comes_back(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("One."))
    async with at_terminal(program) as person:
        await person.pilot.press("slash", "s", "t")
        await person.sees("/status", "model, folder, sandbox")
        await person.pilot.press("enter")
        await person.sees("it begins with your first words")
        await person.pilot.press("escape")
        await person.pilot.press("a", "ctrl+j", "b")
        assert person.app.prompt.text == "a\nb"
        await person.pilot.press("ctrl+c")
        assert person.app.prompt.text == ""
        await person.pilot.press("c", "ctrl+c")
        assert person.app.prompt.text == ""
        assert not person.app._leaving
        await person.type("first words")
        await person.rests()
        await person.pilot.press("up")
        assert person.app.prompt.text == "first words"
        await person.pilot.press("down")
        assert person.app.prompt.text == ""


async def test_two_ctrl_c_interrupt_the_turn_and_leave_with_the_conversations_id(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo busy; sleep 60"), says("x"))
    async with at_terminal(program) as person:
        await person.type("go")
        await person.sees("│ busy")
        await person.pilot.press("ctrl+c")
        await person.sees("press ctrl+c again to quit")
        await person.pilot.press("ctrl+c")
        await person.until(lambda: person.app._exit, "leaving")
        assert person.app.return_value == person.app.talk.transcript.events[0].body.task.id
    assert b'"interrupted"' in program("log", person.app.return_value or "", "--json").stdout


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_a_folder_that_is_no_repository_works_too(
    program: Program, server: ModelServer, tmp_path: Path, size: tuple[int, int]
) -> None:
    program.base_url = server.script(calls("shell", command="echo new > new.txt"), says("Made."))
    (tmp_path / "loose").mkdir()
    object.__setattr__(program, "folder", tmp_path)
    async with at_terminal(program, size) as person:
        person.app.session.choices.folder = str(tmp_path / "loose")
        await person.type("make it")
        await person.rests()
        await person.sees("Made.")
    assert (tmp_path / "loose/new.txt").read_text() == "new\n"


async def test_a_prompt_of_ones_own_is_said_by_its_name(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("Understood."))
    folder = program.folder / "config/midwatch/prompts"
    folder.mkdir(parents=True)
    (folder / "tidy.md").write_text("---\ndescription: make it neat\n---\nTidy $1 up.")
    async with at_terminal(program) as person:
        await person.type("/prompts")
        await person.sees("/tidy", "make it neat")
        await person.pilot.press("escape")
        await person.type("/tidy calc.py")
        await person.rests()
        await person.sees("Tidy calc.py up.", "Understood.")


async def test_a_rule_that_asks_asks_the_person_and_the_answer_counts(program: Program, server: ModelServer) -> None:
    script = [calls("shell", command="touch one.txt"), calls("shell", command="touch two.txt"), says("Tried.")]
    program.base_url = server.script(*script)
    rule = 'prefix = ["touch"]\ndecision = "ask"\nreason = "files are dear"\nmatch = ["touch x"]\n'
    (program.folder / "config/midwatch").mkdir(parents=True)
    (program.folder / "config/midwatch/rules.toml").write_text(f"[[rule]]\n{rule}")
    async with at_terminal(program) as person:
        await person.type("go")
        await person.sees("wants to run:", "touch one.txt", "files are dear")
        await person.pilot.press("y")
        await person.sees("touch two.txt", "wants to run:")
        await person.pilot.press("escape")
        await person.rests()
        await person.sees("Tried.")
    assert (program.repo / "one.txt").exists()
    assert not (program.repo / "two.txt").exists()
