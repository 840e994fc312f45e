"""What the interface takes of other parts: reviews, modes within a conversation, prompts of a trusted repository, and
what an answer for all of a conversation covers."""

from __future__ import annotations

import asyncio
import json

from midwatch.cli.tui.rows import SaidRow
from midwatch.domain.interventions import ApprovalGiven, ModeChosen
from midwatch.workflows.conversation import Conversation
from tests.cli.conftest import CALC, Program
from tests.cli.tui.driving import at_terminal
from tests.support.model_server import ModelServer, calls, hangs, says

FOUND = {
    "title": "Left out value", "body": "It breaks.", "priority": 1, "confidence": 0.95,
    "file": "calc.py", "first_line": 3, "last_line": 4,
}  # fmt: skip
ANSWER = json.dumps({"findings": [FOUND], "verdict": "incorrect", "explanation": "The last value is lost."})


async def test_a_review_is_made_beside_and_its_findings_are_shown(program: Program, server: ModelServer) -> None:
    (program.repo / "calc.py").write_text(CALC + "# more\n")
    program.base_url = server.script(calls("shell", command="git show HEAD"), says(ANSWER))
    async with at_terminal(program) as person:
        await person.type("/review the loop")
        await person.sees("reviewing", "the loop")
        await person.sees("P1 Left out value", "calc.py:3-4", "The last value is lost.", "midwatch resume")
        assert person.rows(SaidRow) == []
    assert "the loop" in json.dumps(server.requests_to(program.base_url)[0].body)
    assert program.json("list")[0]["task"]["kind"] == "review"


async def test_a_review_of_nothing_says_so_and_one_that_is_left_goes_on_later(
    program: Program, server: ModelServer
) -> None:
    async with at_terminal(program) as person:
        await person.type("/review")
        await person.sees("there is nothing to review")
    (program.repo / "calc.py").write_text(CALC + "# more\n")
    program.base_url = server.script(hangs())
    async with at_terminal(program) as person:
        await person.type("/review")
        await person.sees("reviewing")
        await person.until(lambda: server.requests_to(program.base_url), "the first request")
        await person.type("/review")
        await person.sees("a review is being made already")
        await person.app.actions.stop()
    (listed,) = program.json("list")
    assert listed["status"] == "interrupted"
    program.base_url = server.script(says(ANSWER))
    assert b"Left out value" in await asyncio.to_thread(lambda: program("resume", listed["id"]).stdout)


async def test_another_mode_counts_from_the_next_turn_also_where_it_takes_another_sandbox(
    program: Program, server: ModelServer
) -> None:
    write = calls("shell", command="echo x >> calc.py; echo in $PWD")
    program.base_url = server.script(write, says("One."), write, says("Two."), write, says("Three."))
    async with at_terminal(program, mode="read-only") as person:
        await person.type("first")
        await person.rests()
        assert (program.repo / "calc.py").read_text() == CALC
        await person.type("/mode workspace")
        await person.sees("the mode is workspace now")
        await person.type("second")
        await person.rests()
        assert (program.repo / "calc.py").read_text() == CALC + "x\n"
        await person.type("/mode full")
        await person.sees("the mode is full now", "Two.")
        assert len(person.rows(SaidRow)) == 2
        await person.type("third")
        await person.rests()
        await person.sees("Three.")
        talk = person.app.session.talk
        assert talk is not None
        assert (talk.task.mode, talk.task.sandbox) == ("full", "process")
        assert [e.body.mode for e in talk.log.events if isinstance(e.body, ModeChosen)] == ["workspace", "full"]
        assert person.app.session.choices.mode == "full"
    assert (program.repo / "calc.py").read_text() == CALC + "x\nx\n"


async def test_words_said_while_another_sandbox_is_opened_go_into_the_same_conversation(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("One."), says("Two."))
    async with at_terminal(program) as person:
        await person.type("first")
        await person.rests()
        session, gate = person.app.session, asyncio.Event()
        reopen = session.open

        async def slowly(task_id: str) -> Conversation:
            await gate.wait()
            return await reopen(task_id)

        session.open = slowly  # type: ignore[method-assign]
        await person.type("/mode full")
        await person.until(lambda: session.talk is None, "the end of the sandbox before")
        await person.type("second")
        gate.set()
        await person.sees("Two.")
    assert len(program.json("list")) == 1


async def test_prompts_of_a_repository_are_there_when_it_is_trusted(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("Understood."))
    (program.repo / ".midwatch/prompts").mkdir(parents=True)
    (program.repo / ".midwatch/prompts/tidy.md").write_text("---\ndescription: make it neat\n---\nTidy $1 up.")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=Prompts")
    async with at_terminal(program) as person:
        await person.type("/tidy calc.py")
        await person.sees("there is no command /tidy")
    settings = program.folder / "config/midwatch"
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text(f'[environments]\ntrusted = ["{program.repo}"]\n')
    async with at_terminal(program) as person:
        await person.type("/prompts")
        await person.sees("/tidy", "make it neat")
        await person.pilot.press("escape")
        await person.type("/tidy calc.py")
        await person.rests()
        await person.sees("Tidy calc.py up.", "Understood.")


async def test_the_question_says_what_an_answer_for_all_covers(program: Program, server: ModelServer) -> None:
    touch = [calls("shell", command=f"touch {name}.txt") for name in ("one", "two")]
    program.base_url = server.script(*touch, says("Done."))
    (program.folder / "config/midwatch").mkdir(parents=True)
    (program.folder / "config/midwatch/rules.toml").write_text('[[rule]]\nprefix = ["touch"]\ndecision = "ask"\n')
    async with at_terminal(program) as person:
        await person.type("go")
        await person.sees("wants to run:", "all that begins with `touch`")
        await person.pilot.press("a")
        await person.rests()
        await person.sees("Done.")
        talk = person.app.session.talk
        assert talk is not None
        given = [e.body for e in talk.log.events if isinstance(e.body, ApprovalGiven)]
        assert next(one.covers for one in given) == ("touch",)
    assert (program.repo / "two.txt").exists()
