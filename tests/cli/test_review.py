"""`midwatch review`, with the real program and a scripted model."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import CALC, Program
from tests.support.model_server import ModelServer, calls, says

OPTIONS = ("--model", "openai/scripted", "--sandbox", "process")


def finding(title: str, priority: int, confidence: float, **more: Any) -> dict[str, Any]:
    place = {"file": "calc.py", "first_line": 3, "last_line": 4}
    return {"title": title, "body": "It \x1b[31mbreaks.", "priority": priority, "confidence": confidence} | place | more


FOUND = [
    finding("A nicety", 3, 1.0),
    finding("Left out value", 1, 0.95),
    finding("Perhaps slow", 2, 0.4),
    finding("Nowhere", 1, 1.0, file="nowhere.py"),
]
ANSWER = json.dumps({"findings": FOUND, "verdict": "incorrect", "explanation": "The last value is lost."})


def change(program: Program, server: ModelServer) -> None:
    (program.repo / "calc.py").write_text(CALC + "# more\n")
    program.base_url = server.script(calls("shell", command="git show HEAD"), says(ANSWER))


def test_by_default_grave_and_sure_findings_are_shown_and_the_rest_is_counted(
    program: Program, server: ModelServer
) -> None:
    change(program, server)
    done = program("review", *OPTIONS)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode() + text
    for part in ("P1 Left out value", "calc.py:3-4 · 95% sure", "The last value is lost.", "2 findings of less weight"):
        assert part in text
    assert "Nowhere: nowhere.py: there is no such file" in text
    assert "A nicety" not in text
    assert "\x1b" not in text
    task_id = program.json("list")[0]["id"]
    again = program("resume", task_id)
    assert (again.returncode, b"Left out value" in again.stdout) == (0, True)
    assert b"reviewed: The last value is lost." in program("log", task_id).stdout
    assert b"the review is done" in program("show", task_id).stdout
    assert program("verify", task_id).returncode == 0


def test_all_findings_and_an_exit_code_can_be_asked_for(program: Program, server: ModelServer) -> None:
    change(program, server)
    done = program("review", *OPTIONS, "--all", "--fail-on", "P1", "the loop")
    assert done.returncode == 1
    for part in (b"P3 A nicety", b"P2 Perhaps slow", b"the loop"):
        assert part in done.stdout
    assert program("review", *OPTIONS, "--fail-on", "P0").returncode == 0


def test_a_program_gets_every_finding_and_which_are_shown(program: Program, server: ModelServer) -> None:
    change(program, server)
    done = program("review", *OPTIONS, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1]
    assert (lines[0]["kind"], last["type"], last["verdict"], last["exit_code"]) == ("review", "review", "incorrect", 0)
    assert [(f["title"], f["shown"]) for f in last["findings"]] == [
        ("Left out value", True), ("Perhaps slow", False), ("A nicety", False),
    ]  # fmt: skip
    assert last["dropped"][0]["title"] == "Nowhere"


def test_the_embedded_model_cannot_review_and_says_who_can(program: Program) -> None:
    (program.repo / "calc.py").write_text(CALC + "# more\n")
    done = program("review", "--model", "repair")
    assert done.returncode == 2
    text = done.stderr.decode()
    assert "cannot review" in text
    assert "openai" in text
    assert program.json("list") == []
