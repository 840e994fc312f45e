"""The whole program on a task in which the agent plants everything that it can."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cli.conftest import Program, make_program
from tests.support.model_server import ModelServer, calls, says

ROOT = Path(__file__).parents[2]

CHANGE = """\
*** Begin Patch
*** Add File: a.txt
+first
*** End Patch
"""


class Installed(Program):
    """As the program is when it is installed: the current folder is no place for its modules."""

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "midwatch", *arguments]


def test_no_command_runs_or_follows_what_the_agent_left(tmp_path: Path, server: ModelServer) -> None:
    make_program(tmp_path)
    program = Installed(tmp_path)
    (program.repo / "a.txt").write_text("one\n")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=Second")
    ran, outside = tmp_path / "ran", tmp_path / "outside"
    ran.mkdir()
    outside.mkdir()
    planting = (
        "from pathlib import Path; from tests.support.planted import plant_all; "
        f"plant_all(Path.cwd(), Path({str(ran)!r}), Path({str(outside)!r}))"
    )
    script = (
        f"PYTHONPATH='{ROOT}' '{sys.executable}' -P -c \"{planting}\" && echo changed >> a.txt && echo done-$((40 + 2))"
    )
    program.base_url = server.script(calls("shell", command=script), says("Change a.txt\n\nAnd more."))

    def left() -> list[str]:
        return [p.name for p in (*ran.rglob("*"), *outside.rglob("*")) if p.name != "secret.txt"]

    options = ("--model", "openai/scripted", "--sandbox", "process", "--check", "true")
    done = program("run", "Change it", *options)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    task = program.json("list")[0]["id"]
    assert b"done-42" in program("log", task, "--json").stdout
    assert left() == []
    changed = {change["path"] for change in program.json("show", task)["changes"]}
    assert {"a.txt", ".gitattributes", "json.py", "sitecustomize.py", "tools/evil.sh"} <= changed
    for line in (f"diff {task}", f"verify {task}", "pr list", "pr show 1", f"apply {task}"):
        done = program(*line.split())
        assert done.returncode == 0, f"{line}: {done.stdout.decode()}{done.stderr.decode()}"
        assert left() == [], line
    program.git("stash", "push", "--quiet", "--include-untracked")
    for line in ("pr merge 1", "list", f"resume {task}", "doctor"):
        done = program(*line.split())
        assert done.returncode == 0, f"{line}: {done.stdout.decode()}{done.stderr.decode()}"
        assert left() == [], line
    assert (program.repo / "json.py").exists(), "the traps lie in the person's own folder now"
    program.base_url = server.script(calls("shell", command="echo again >> a.txt"), says("Again"))
    done = program("run", "Once more", *options, "--include-uncommitted")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert left() == []
