"""What a repository and a person tell every agent: AGENTS.md files and skills, read from the base commit.

The convention is that of agents.md: a file counts for its folder and all below it, the nearest one wins, and
AGENTS.override.md takes the place of the AGENTS.md beside it. What they say is advice on how to work here; what a task
may do is decided by the harness, so nothing in them can widen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from midwatch.agent import front
from midwatch.agent.data import sealed

NAMES = ("AGENTS.override.md", "AGENTS.md")
"""In a folder, the first of these counts."""
BUDGET = 32 << 10
"""Bytes of all instructions together; what does not fit is left out, and said so."""
SKILL_FOLDERS = (".agents/skills", ".midwatch/skills")
MOST_SKILLS = 50
_DESCRIPTION = 300


@dataclass(frozen=True, slots=True)
class Skill:
    """A description of how to do one thing; `path` is read by the model when it needs it."""

    name: str
    description: str
    path: str


def chain(folder: str) -> list[str]:
    """The folders from the top of the repository (``) down to this one."""
    parts = [part for part in folder.split("/") if part]
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def places(folder: str = "") -> list[str]:
    """All files and folders of a repository where something is looked for at the start of work in `folder`."""
    return [*(_in(there, name) for there in chain(folder) for name in NAMES), *SKILL_FOLDERS]


def wanted(files: Iterable[str], folder: str = "") -> list[str]:
    """Those of the files in `places` that must be read: instructions on the way down to `folder`, and the skills'
    descriptions."""
    known = set(places(folder))
    return [path for path in files if path in known or _is_skill(path)]


def nearest(folder: str, files: Iterable[str]) -> str:
    """The instructions file that counts in a folder (`` for the top), or nothing."""
    there = set(files)
    return next((_in(folder, name) for name in NAMES if _in(folder, name) in there), "")


def told(personal: bytes, contents: Mapping[str, bytes], folder: str = "") -> str:
    """The instructions as the model reads them; empty when there are none. `personal` is the person's own file,
    `contents` the repository's files by path; those on the way down to `folder` are told, the nearest last."""
    parts, left = [], BUDGET
    files = [nearest(there, contents) for there in chain(folder)]
    for source, data in (("the person who gives the task", personal), *((f, contents[f]) for f in files if f)):
        text, used = _cut(data, left)
        left -= used
        below = source.rpartition("/")[0]
        if text:
            parts.append(
                f'<instructions from="{source}"{_for(below)}>\n{sealed(text, "instructions")}\n</instructions>'
            )
    listed = _listed(skills(contents))
    if listed:
        parts.append(listed)
    return "\n\n".join(parts)


def counted(text: str) -> int:
    """How much of the budget a message of `told` or `nested` has taken: its bytes but for the list of skills."""
    return len(text.partition("<skills>")[0].encode("utf-8", "replace"))


def _for(folder: str) -> str:
    return f' for="{folder}/"' if folder else ""


def _in(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def nested(path: str, data: bytes, used: int) -> str:
    """A file below the working folder, told when something beside it was touched. `used`: bytes told so far."""
    text, _ = _cut(data, max(0, BUDGET - used))
    folder = path.rpartition("/")[0]
    inside = sealed(text, "instructions")
    return f'<instructions from="{path}"{_for(folder)}>\n{inside}\n</instructions>' if text else ""


def skills(contents: Mapping[str, bytes]) -> list[Skill]:
    """The skills among the files, by name; one without a description is of no use and left out."""
    found: dict[str, Skill] = {}
    for path in sorted(filter(_is_skill, contents)):
        facts, _ = front.read(contents[path].decode("utf-8", "replace"), ("name", "description"))
        name = facts.get("name") or path.split("/")[-2]
        if facts.get("description") and name not in found:
            found[name] = Skill(_line(name), _line(facts["description"])[:_DESCRIPTION], path)
    return [found[name] for name in sorted(found)][:MOST_SKILLS]


def _is_skill(path: str) -> bool:
    return any(
        path.startswith(f"{folder}/") and path.endswith("/SKILL.md") and path.count("/") == folder.count("/") + 2
        for folder in SKILL_FOLDERS
    )


def _listed(found: list[Skill]) -> str:
    if not found:
        return ""
    lines = sealed("\n".join(f"- {skill.name}: {skill.description} ({skill.path})" for skill in found), "skills")
    return f"<skills>\nRead the file before you do what it is about.\n{lines}\n</skills>"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(data: bytes, room: int) -> tuple[str, int]:
    """As much of a file as there is room for, in whole lines, and the bytes that it took."""
    whole = data.strip()
    if len(whole) <= room:
        return whole.decode("utf-8", "replace").replace("\0", ""), len(whole)
    head = whole[:room].rpartition(b"\n")[0]
    note = f"[… {len(whole) - len(head)} bytes left out: instructions may take {BUDGET >> 10} KiB in all]"
    return f"{head.decode('utf-8', 'replace')}\n{note}".replace("\0", "").strip(), room
