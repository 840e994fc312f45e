"""The job of the benches of throughput and growth: a repository with one fault, and what a model does in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

PROMPT = "Fix the failing test in tests/test_amounts.py and note the change in CHANGES.md."
CHECK = "/usr/bin/python3 -S tests/test_amounts.py"
_FAULT, _MENDED = "return first - second", "return first + second"

_LOOK = (
    ("The layout first.", "git ls-files | head -n 60"),
    ("The failing test.", "cat tests/test_amounts.py"),
    ("The module under test.", "cat goods/amounts.py"),
    ("A neighbour, for the conventions.", "cat goods/part_017.py"),
    ("Run the failing test.", CHECK),
)
_MEND = (
    ("Mend the sign.", f"sed -i 's/{_FAULT}/{_MENDED}/' goods/amounts.py"),
    ("Note it.", "printf '%s\\n' '# Changes' '' '- amounts.plus adds' > CHANGES.md"),
    ("Run it again.", CHECK),
    ("Who else calls it?", "grep -rn 'amounts.plus' goods | head -n 20"),
    ("The state.", "git status --short"),
    ("The change.", "git diff"),
)
_FINAL = "amounts.plus subtracted; it adds now. tests/test_amounts.py passes."


def turn(number: int, turns: int) -> tuple[str, str]:
    """What the model says in a turn, the first being 0, and the command that it runs; empty in the last of `turns`.
    A longer job than 12 turns reads on in between, always another file."""
    if number >= turns - 1:
        return _FINAL, ""
    if number < len(_LOOK):
        return _LOOK[number]
    mending = number - (turns - 1 - len(_MEND))
    if mending >= 0:
        return _MEND[mending]
    return f"Reading on, step {number}.", f"head -n 30 goods/part_{number % 180:03d}.py; echo step {number}"


def make_repository(folder: Path) -> Path:
    """Some 200 files of Python, a commit, a test that fails."""
    files = {
        "README.md": "# goods\n\nParts and their amounts.\n",
        ".gitignore": "__pycache__/\n",
        "goods/__init__.py": '"""Goods."""\n',
        "goods/amounts.py": f'"""Amounts."""\n\n\ndef plus(first, second):\n    """The sum."""\n    {_FAULT}\n',
        "tests/test_amounts.py": "import os\nimport sys\n\nsys.dont_write_bytecode = True\n"
        "sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\n"
        "from goods import amounts\n\n\ndef test_plus():\n    assert amounts.plus(2, 3) == 5\n\n\n"
        'if __name__ == "__main__":\n    test_plus()\n    print("1 passed")\n',
    }
    files |= {f"goods/part_{number:03d}.py": _part(number) for number in range(195)}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True)
    return folder


def _part(number: int) -> str:
    uses = "from . import amounts\n" if number % 9 == 0 else ""
    value = "amounts.plus(self.price, other)" if uses else "self.price + other"
    lines = [f'"""Part {number}."""\n{uses}\n', f"class Part{number}:", f"    price = {number}\n"]
    lines += ["    def total(self, other):", f"        return {value}\n"]
    lines += [f"\ndef rebate_{number}_{n}(amount):\n    return amount * {n + 2} // {number + 7}\n" for n in range(8)]
    return "\n".join(lines)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a program under measurement: a home, settings and state of its own, no key of the person's."""
    # Compiled modules are kept, as they are for everybody who has not said otherwise.
    left_out = ("MIDWATCH_", "OPENAI_", "CODEX_", "XDG_", "PYTHONDONTWRITEBYTECODE")
    kept: dict[str, Any] = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    places = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    return kept | places | more
