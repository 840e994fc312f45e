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
CALC = "def total(values):\n    result = 0\n    for i in range(len(values) - 1):\n        result += values[i]\n    return result\n"
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
SCRIPT = (
    calls_all(
        ("shell", {"command": "python3 test_calc.py; cat calc.py"}),
        say="I'll run the test and read the code.",
        reasoning="The sum is too small, so a value may be left out.",
    ),
    calls_all(
        ("update_plan", {"plan": [{"step": step, "status": "in_progress" if step == STEPS[1] else "completed" if step == STEPS[0] else "pending"} for step in STEPS]}),
        ("apply_patch", {"input": PATCH}),
    ),
    calls("shell", command="python3 test_calc.py"),
    calls("update_plan", plan=[{"step": step, "status": "completed"} for step in STEPS]),
    says("The loop ended one early and **left the last value out**. It goes over the values themselves now, so there is no index to get wrong; the test passes."),
)  # fmt: skip


async def picture(folder: Path) -> str:
    """The screen after the turn, as SVG."""
    repository = folder / "shop"
    repository.mkdir()
    (repository / "calc.py").write_text(CALC)
    (repository / "test_calc.py").write_text(TEST)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *who, "-C", str(repository), *command], check=True)
    with serving() as server:
        environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk"}
        environ["OPENAI_BASE_URL"] = server.script(*SCRIPT)
        async with wiring.home(environ) as home:
            app = Terminal(home, Choices(str(repository), "openai/gpt-5"), colours.DARK)
            async with app.run_test(size=(96, 36)) as pilot:
                app.prompt.write("total([1, 2, 3]) is 3. Please mend it.")
                await pilot.press("enter")
                while app.turns.working or app.turns.cut_off:
                    await asyncio.sleep(0.1)
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
