"""Custom prompts: Markdown files that a person calls by name, `/NAME arguments`, instead of writing the same again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.agent import front
from midwatch.domain.errors import InputError

FOLDER = ".midwatch/prompts"
"""In a repository."""
LARGEST = 64 << 10
"""Bytes of a file that is read."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_CALL = re.compile(r"/([a-z0-9][a-z0-9-]*)(?:\s+(.*))?", re.DOTALL)
_PLACE = re.compile(r"\$(\$|[1-9]|ARGUMENTS\b)")
_FOLDERS = frozenset(
    ("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin",
     "srv", "sys", "tmp", "usr", "var")
)  # fmt: skip
"""What lies at the top of every system: `/tmp is full` is no prompt's name."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A file of a prompt."""

    name: str
    description: str
    hint: str
    """What may be written behind the name, in words; may be empty."""
    text: str
    source: str
    """The file: its path in the repository, or where the person has it."""


def parse(name: str, data: bytes, source: str) -> Prompt:
    """The prompt in a file's bytes; what is no UTF-8 is replaced."""
    facts, text = front.read(data.decode("utf-8", "replace").replace("\0", ""), ("description", "argument-hint"))
    return Prompt(name, facts.get("description", ""), facts.get("argument-hint", ""), text.strip(), source)


def personal(folder: Path) -> tuple[Prompt, ...]:
    """The person's own: the files `NAME.md` of a folder, by name. A folder that is not there has none. Raises
    InputError when one cannot be read."""
    found = []
    try:
        for path in sorted(folder.glob("*.md")):
            if _NAME.fullmatch(path.stem) and path.is_file():
                with path.open("rb") as file:
                    found.append(parse(path.stem, file.read(LARGEST), str(path)))
    except OSError as error:
        raise InputError(f"{error.filename or folder} cannot be read: {error.strerror}", "mend its mode") from None
    return tuple(found)


def wanted(files: Iterable[str]) -> list[str]:
    """Those of a commit's files that are prompts."""
    return [path for path in files if name_of(path)]


def name_of(path: str) -> str:
    """The name of the prompt that a repository's file is; empty when it is none."""
    folder, _, name = path.rpartition("/")
    stem = name.removesuffix(".md")
    return stem if folder == FOLDER and stem != name and _NAME.fullmatch(stem) else ""


def of_repository(contents: Mapping[str, bytes]) -> tuple[Prompt, ...]:
    """The prompts among a commit's files, by name."""
    return tuple(parse(name_of(path), contents[path][:LARGEST], path) for path in sorted(wanted(contents)))


def listed(personal: Sequence[Prompt], repository: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """All of them by name. A person's own wins over one of the repository that has its name."""
    by_name = {prompt.name: prompt for prompt in (*repository, *personal)}
    return tuple(by_name[name] for name in sorted(by_name))


def called(text: str) -> tuple[str, str] | None:
    """Name and arguments when the text calls a prompt: its first word is `/` and a name, so it holds no second slash,
    no dot and no capital. `/etc/hosts is wrong` does not."""
    found = _CALL.fullmatch(text.strip())
    return (found[1], found[2] or "") if found else None


def expand(text: str, personal: Sequence[Prompt], repository: Sequence[Prompt], unread: Sequence[str] = ()) -> str:
    """The text of the prompt that is called, with its arguments; the text itself when none is. `unread` names prompts
    of a repository that is not trusted. Raises InputError for a name that there is not."""
    call = called(text)
    if call is None:
        return text
    name, given = call
    known = {prompt.name: prompt for prompt in listed(personal, repository)}
    if name in known:
        if not known[name].text:
            raise InputError(f"the prompt /{name} is empty", f"write into {known[name].source} what is to be done")
        return fill(known[name].text, given)
    if name in _FOLDERS:
        return text
    if name in unread:
        raise InputError(
            f"/{name} is a prompt of the repository, which is not read because you have not said that you trust it",
            "look at its .midwatch folder; then give --trust-project, or name the repository under `trusted` in "
            "[environments] of the settings file",
        )
    raise InputError(f"there is no prompt /{name}", _near(name, known))


def fill(text: str, given: str) -> str:
    """The prompt's text with its arguments: `$1` to `$9`, `$ARGUMENTS` for all of them, `$$` for a dollar. Arguments
    that the text has no place for stand below it."""
    try:
        words = shlex.split(given)
    except ValueError:
        words = given.split()
    used = False

    def put(place: re.Match[str]) -> str:
        nonlocal used
        what = place[1]
        if what == "$":
            return "$"
        used = True
        if what == "ARGUMENTS":
            return given
        return words[int(what) - 1] if int(what) <= len(words) else ""

    filled = _PLACE.sub(put, text)
    return filled if used or not given else f"{filled}\n\n{given}"


def _near(name: str, known: Mapping[str, Prompt]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 3)
    if near:
        return "did you mean " + " or ".join(f"/{one}" for one in near) + "?"
    there = (
        ", ".join(f"/{one}" for one in known) or "none yet: they are files NAME.md in `prompts` beside your settings"
    )
    return f"the prompts are: {there}; a task that begins with such a word needs another word before it"
