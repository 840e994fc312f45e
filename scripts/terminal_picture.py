"""Make docs/images/terminal.svg: a conversation with the interface, the sandbox and git as they are; only the model
plays a script.

    python -m scripts.terminal_picture
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path

from midwatch import wiring
from midwatch.cli.tui import colours
from midwatch.cli.tui.app import Terminal
from midwatch.cli.tui.session import Choices
from tests.support.model_server import calls, calls_all, says, serving

TARGET = Path(__file__).parent.parent / "docs/images/terminal.svg"
CALC = """def total(values):
    result = 0
    for i in range(len(values) - 1):
        result += values[i]
    return result
"""
TEST = "from calc import total\nassert total([1, 2, 3]) == 6, total([1, 2, 3])\nprint('1 passed')\n"
PATCH = """*** Begin Patch
*** Update File: calc.py
@@ def total(values):
-    for i in range(len(values) - 1):
-        result += values[i]
+    for value in values:
+        result += value
*** End Patch"""
STEPS = ("find the fault", "mend it", "run the tests")
ANSWER = """The loop ended one early and **left the last value out**. It goes over the values themselves now, so there
is no index to get wrong; the test passes."""


def plan(done: int) -> dict[str, object]:
    """The plan when so many of its steps are done."""
    states = ["completed"] * done + ["in_progress"] + ["pending"] * len(STEPS)
    return {"plan": [{"step": step, "status": state} for step, state in zip(STEPS, states, strict=False)]}


SCRIPT = (
    calls_all(
        ("shell", {"command": "python3 test_calc.py; cat calc.py"}),
        say="I'll run the test and read the code.",
        reasoning="The sum is too small, so a value may be left out.",
    ),
    calls_all(("update_plan", plan(1)), ("apply_patch", {"input": PATCH})),
    calls("shell", command="python3 test_calc.py"),
    calls("update_plan", **plan(3)),
    says(ANSWER),
)


def make_repository(folder: Path) -> None:
    """A module with a fault, and its test."""
    folder.mkdir()
    (folder / "calc.py").write_text(CALC)
    (folder / "test_calc.py").write_text(TEST)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *who, "-C", str(folder), *command], check=True)


async def picture(folder: Path) -> str:
    """The screen after the turn, as SVG."""
    repository = folder / "shop"
    make_repository(repository)
    with serving() as server:
        environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk"}
        environ["OPENAI_BASE_URL"] = server.script(*SCRIPT)
        async with wiring.home(environ) as home:
            app = Terminal(home, Choices(str(repository), "openai/gpt-5"), colours.DARK)
            async with app.run_test(size=(96, 36)) as pilot:
                app.prompt.write("total([1, 2, 3]) is 3. Please mend it.")
                await pilot.press("enter")
                await pilot.pause()
                await app.turns.rest()
                await asyncio.sleep(1)
                await pilot.pause()
                svg = app.export_screenshot(title="midwatch")
                await app.session.close()
    return svg


def main() -> None:
    """Make it."""
    with tempfile.TemporaryDirectory() as folder:
        TARGET.write_text(asyncio.run(picture(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
