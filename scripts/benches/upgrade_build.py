"""Another build of the program: a copy whose prompt, tools, loop and schema are different."""

from __future__ import annotations

import shutil
from pathlib import Path

import midwatch

VERSION = f"{midwatch.__version__}+other"
MARK = "This is the other build."
"""Begins its system prompt, and so says of each request of the model which build made it."""

_TABLES = (
    "task", "attempt", "event", "turn", "worker", "message", "account", "api_token", "web_session", "repository",
    "repository_role", "audit", "repeatable", "budget_cap", "spending", "reservation",
)  # fmt: skip
"""That have a column more."""
_CHANGES = (
    ("__init__.py", f'__version__ = "{midwatch.__version__}"', f'__version__ = "{VERSION}"'),
    ("agent/prompts/solve.md", "You are Midwatch, a software engineer", f"{MARK} You are an engineer"),
    (
        "tools/shell.py",
        '_DESCRIPTION = f"""\\\n',
        '_DESCRIPTION = f"""\\\nRuns what you give it, otherwise than before.\n',
    ),
    # the loop: one call at a time, room is made before limits are looked at, and the model is told something more
    ("agent/loop.py", "MOST_BESIDE = 8", "MOST_BESIDE = 1"),
    (
        "agent/loop.py",
        "        elif limit := budget.over(log, place.task.limits, place.model, place.fixed):\n"
        "            await log.append(limit)\n"
        "        elif compaction.due(log, place.model):\n"
        "            await compact(log, place)\n",
        "        elif compaction.due(log, place.model):\n"
        "            await compact(log, place)\n"
        "        elif limit := budget.over(log, place.task.limits, place.model, place.fixed):\n"
        "            await log.append(limit)\n",
    ),
    (
        "agent/loop.py",
        "            noted = Message(",
        '            if len(log.events) % 3 == 0:\n                note = note or "Go on as you have begun."\n'
        "            noted = Message(",
    ),
    ("agent/compaction.py", "AT = 0.8", "AT = 0.7"),
    ("agent/compaction.py", "_LATEST = 12", "_LATEST = 9"),
    # one step more: a table, and a column for each of those that are in use
    (
        "engine/database/migrations/__init__.py",
        "    arrivals.STEP,\n)",
        "    arrivals.STEP,\n"
        + '    """\n    CREATE TABLE later (id TEXT PRIMARY KEY, words TEXT NOT NULL);\n'
        + "".join(f"    ALTER TABLE {table} ADD COLUMN later BIGINT NOT NULL DEFAULT 0;\n" for table in _TABLES)
        + '    """,\n)',
    ),
)


def other_build(folder: Path) -> Path:
    """Make it below that folder; what goes first on the path of its programs. Raises ValueError where the sources have
    changed so that it would not be another one."""
    made = folder / "midwatch"
    shutil.copytree(Path(midwatch.__file__).parent, made, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in _CHANGES:
        path = made / name
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise ValueError(f"{name} does not have once what is to be changed in it: {before!r}")
        path.write_text(text.replace(before, after), encoding="utf-8")
    return folder
