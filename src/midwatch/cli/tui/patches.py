"""Changes as lines that say what they are: added, removed, a file's name, a place, or what stands around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from midwatch.cli import words

_FILES = {"*** Update File: ": "", "*** Add File: ": " (new)", "*** Delete File: ": " (deleted)"}
_MOVE = "*** Move to: "


@dataclass(frozen=True, slots=True)
class Line:
    """A line to show. `kind` is `added`, `removed`, `file`, `place` or `plain`; the text is clean."""

    kind: str
    text: str


def of_patch(patch: str) -> list[Line]:
    """The lines of a patch as models write it, without its frame. Whatever it holds: it may be broken."""
    return list(_of_patch(patch))


def _of_patch(patch: str) -> Iterator[Line]:
    for raw in patch.splitlines():
        head = next((head for head in _FILES if raw.startswith(head)), "")
        if head:
            yield Line("file", words.line(raw.removeprefix(head)) + _FILES[head])
        elif raw.startswith(_MOVE):
            yield Line("file", "→ " + words.line(raw.removeprefix(_MOVE)))
        elif raw.startswith("*** "):
            continue
        elif raw.startswith("@@"):
            place = words.line(raw.removeprefix("@@"))
            yield Line("place", f"@@ {place}" if place else "@@")
        else:
            yield _changed(raw)


def of_diff(data: bytes) -> list[Line]:
    """The lines of a unified diff by git. Only outside hunks is a line that begins with `---` a file's name."""
    lines = []
    left = right = 0  # lines of the current hunk that are still to come
    for raw in data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"):
        if left > 0 or right > 0:
            left -= raw[:1] in ("-", " ", "")
            right -= raw[:1] in ("+", " ", "")
            lines.append(_changed(raw))
        elif raw.startswith("@@"):
            left, right = sizes(raw)
            lines.append(Line("place", _one(raw)))
        elif raw.startswith("diff --git "):
            lines += [Line("plain", "")] if lines else []
            lines.append(Line("file", _name(_one(raw.removeprefix("diff --git ")))))
        elif raw and not raw.startswith(("index ", "--- ", "+++ ")):
            lines.append(Line("plain", _one(raw)))
    return lines


def sizes(head: str) -> tuple[int, int]:
    """The line counts in `@@ -3,7 +3,8 @@`; nothing where they cannot be read."""
    parts = head.split(" ")[1:3]
    found = [int(part.partition(",")[2] or 1) if part[1:].replace(",", "").isdigit() else 0 for part in parts]
    return (found[0], found[1]) if len(found) == 2 else (0, 0)


def counts(lines: list[Line]) -> tuple[int, int]:
    """How many lines were added and removed."""
    return sum(line.kind == "added" for line in lines), sum(line.kind == "removed" for line in lines)


def _changed(raw: str) -> Line:
    return Line({"+": "added", "-": "removed"}.get(raw[:1], "plain"), _one(raw))


def _name(pair: str) -> str:
    """`a/x b/x` as `x`; both where the file was renamed."""
    half = len(pair) // 2
    left, right = pair[:half].removeprefix("a/"), pair[half + 1 :].removeprefix("b/")
    return left if left == right else pair


def _one(raw: str) -> str:
    return words.clean(raw.rstrip("\r")).replace("\n", " ")
