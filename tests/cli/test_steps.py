"""Events as lines."""

from __future__ import annotations

import pytest

from midwatch.cli import words
from midwatch.cli.commands.log import _command, event_lines
from midwatch.cli.screen import Look
from midwatch.cli.steps import Step, Steps, step_line
from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.events import (
    KINDS,
    Checked,
    Compacted,
    EnvironmentReady,
    Failed,
    LimitReached,
    Message,
    ModelReplied,
    NetworkRequested,
    PlanStep,
    PlanUpdated,
    Proposed,
    Proposing,
    Stopped,
    TaskStarted,
    ToolStarted,
)
from midwatch.domain.evidence import Checkpoint, Evidence
from midwatch.domain.interventions import (
    ApprovalGiven,
    FilesImported,
    Forked,
    HookRan,
    Interrupted,
    McpConnected,
    ModelChosen,
    OfferedTool,
    SessionEnded,
    Undone,
)
from tests.cli.samples import EVIL, check_run, command, event, task

BODIES = {
    "task_started": TaskStarted(task(), 1, "bubblewrap", ("no network", EVIL), "midwatch 0.1.0"),
    "environment_ready": EnvironmentReady("k" * 64, True, (EVIL,), 1.5, "d" * 64, 10, 2, (EVIL,)),
    "message": Message("person", EVIL),
    "model_replied": ModelReplied(
        EVIL, "chat", EVIL, (ToolCall("c", EVIL, "{}"),), (), Usage(9, 0, 0, 1), 5, 3, "calls"
    ),
    "tool_started": ToolStarted("call_1", "shell", EVIL),
    "tool_finished": command(1, command=EVIL, ended=EVIL),
    "network_requested": NetworkRequested("work", EVIL, 443, EVIL, EVIL, False, EVIL, 1, 2),
    "plan_updated": PlanUpdated((PlanStep(EVIL, "in_progress"),), ""),
    "compacted": Compacted(EVIL, 3, EVIL, Usage(9, 0, 0, 1), 5, 3),
    "limit_reached": LimitReached("turns", EVIL),
    "checked": Checked(Evidence("d" * 40, (check_run(1, EVIL, EVIL),)), "e" * 40),
    "proposing": Proposing(EVIL, EVIL, "e" * 40, EVIL, False),
    "proposed": Proposed("local", 3, "", EVIL, "e" * 40, True),
    "stopped": Stopped("no_change", EVIL),
    "failed": Failed(EVIL, EVIL),
    "undone": Undone(4, Checkpoint("d" * 40, "e" * 40), EVIL),
    "forked": Forked(EVIL, 4, "a" * 64, 2),
    "files_imported": FilesImported(Checkpoint("d" * 40, "e" * 40), (EVIL,)),
    "interrupted": Interrupted(None, EVIL),
    "model_chosen": ModelChosen(EVIL),
    "approval_given": ApprovalGiven("call_1", "shell", EVIL, False, "person", EVIL),
    "hook_ran": HookRan("before_tool", EVIL, "call_1", 1, EVIL, EVIL, 3, "f" * 64, 4, 1),
    "mcp_connected": McpConnected(EVIL, EVIL, EVIL, (OfferedTool(EVIL, EVIL, EVIL, {}, True, True),), EVIL),
    "session_ended": SessionEnded(1, EVIL, None, EVIL, 3, "f" * 64, 4, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_has_its_line_and_none_commands_the_terminal(kind: str) -> None:
    (line,) = event_lines([event(1, BODIES[kind])], Look(width=400))
    assert words.clean(line) == line
    assert len(line) > len(" 1 19:00:01 · ")


def test_a_command_shows_its_number_how_it_ended_and_how_long_it_took() -> None:
    (step,) = Steps().of(command(7, exit_code=1, ok=True, ended="exit 1"))
    assert step_line(step, Look(width=80)) == "✗ [7] $ grep -n range calc.py · exit 1 · 1.2 s · 3 lines"


def test_a_refused_request_is_shown_and_an_allowed_one_only_in_the_whole_log() -> None:
    refused = NetworkRequested("work", "evil.example", 443, "CONNECT", "", False, "not in the allowed hosts", 0, 0, 3)
    (step,) = Steps().of(refused)
    assert (
        step_line(step, Look(width=120))
        == "✗ network: CONNECT evil.example · refused: not in the allowed hosts · 3 times"
    )
    allowed = NetworkRequested("setup", "pypi.org", 8443, "GET", "/simple/", True, "pypi.org is allowed", 10, 20)
    assert Steps().of(allowed) == []
    assert Steps().every(allowed).text == "network: GET pypi.org:8443/simple/"


def test_a_command_without_an_exit_code_did_not_go_well() -> None:
    (step,) = Steps().of(command(7, exit_code=None, ended="killed by signal 9 (SIGKILL)"))
    assert step.ok is False


def test_another_tool_is_named_by_what_its_call_was_about() -> None:
    steps = Steps()
    assert steps.of(ToolStarted("call_3", "apply_patch", "apply_patch: M calc.py")) == []
    (step,) = steps.of(command(3, tool="apply_patch", number=0, command="", output="Success"))
    assert (step.ok, step.text) == (True, "apply_patch: M calc.py")


def test_a_refused_tool_call_says_why() -> None:
    (step,) = Steps().of(command(3, tool="apply_patch", number=0, command="", ok=False, ended="refused"))
    assert (step.ok, step.facts) == (False, ("refused",))


def test_bookkeeping_is_for_the_log_and_not_for_who_watches() -> None:
    steps = Steps()
    quiet = [BODIES["message"], BODIES["proposing"], command(0, tool="update_plan", number=0, command="")]
    assert [steps.of(body) for body in quiet] == [[], [], []]
    assert steps.of(ModelReplied("m", "chat", " ", (ToolCall("c", "shell", "{}"),), (), Usage(), 0, 3, "calls")) == []


def test_evidence_has_a_line_for_each_check() -> None:
    checks = Evidence("d" * 40, (check_run(), check_run(1, "exit 1", "ruff check")))
    steps = Steps().of(Checked(checks, "e" * 40))
    assert [(step.ok, step.text) for step in steps] == [
        (True, "check 1: python -m pytest -q"),
        (False, "check 2: ruff check"),
    ]


@pytest.mark.parametrize("width", [8, 20, 40, 80])
def test_a_step_line_fits_and_gives_up_facts_before_its_text(width: int) -> None:
    step = Step(True, "python -m pytest -q tests/test_something.py", ("exit 0", "1.2 s", "3 lines"))
    line = step_line(step, Look(width=width))
    assert words.cells(line) <= width
    assert "pyth" in line
    assert ("exit 0" in line) == (width >= 40)


def test_a_reply_says_how_much_of_its_input_was_cached() -> None:
    reply = ModelReplied("m", "chat", "Looking.", (), (), Usage(12_000, 11_000, 0, 300), 0, 3, "end")
    assert "12.3k tokens, 91 % cached" in Steps().every(reply).facts


def test_a_session_that_goes_on_is_neither_right_nor_wrong_and_its_last_words_can_be_cited() -> None:
    (step,) = Steps().of(command(7, exit_code=None, ended="running"))
    assert step.ok is None
    (step,) = Steps().of(command(8, tool="session", exit_code=None, ended="killed by signal 9 (SIGKILL)"))
    assert step.ok
    ended = SessionEnded(7, "npm run dev", None, "ended with the turn", 9, "f" * 64, 10, 2)
    events = [event(1, command(7, exit_code=None, ended="running")), event(2, ended)]
    output = _command(events, 9)
    assert (output.command, output.ended, output.lines) == ("session 7: npm run dev", "ended with the turn", 2)
