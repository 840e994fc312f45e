"""A patch applied to the workspace: planned whole in memory, then written, and taken back when a write fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from midwatch.sandbox.base import Box
from midwatch.tools.patch.grammar import KEPT, NEW, Add, Chunk, Delete, Operation, PatchError, Update
from midwatch.tools.patch.parse import parse
from midwatch.tools.patch.seek import Haystack, locate

_BOM = "\ufeff"
_ENDS = re.compile(r"(\r?\n)")
_OLD_ENDS = re.compile(r"(\r\n|\n|\r)")
"""Lone carriage returns end a line only where nothing is found otherwise: they may as well be content."""


@dataclass(slots=True)
class Plan:
    """What the files were and what they will be; None is no file. Paths are relative to the workspace."""

    before: dict[str, bytes | None] = field(default_factory=dict)
    after: dict[str, bytes | None] = field(default_factory=dict)
    moves: dict[str, str] = field(default_factory=dict)
    """From the new path to the old one."""
    rows: list[str] = field(default_factory=list)
    """`A path`, `M path` or `D path` for each operation, in their order; a move is told by its new path."""
    notes: list[str] = field(default_factory=list)
    """What the patch did that its writer may not expect."""

    def changes(self) -> list[str]:
        """The rows by kind: what was added, what was changed, what is gone; then the notes."""
        return sorted(self.rows, key=lambda row: "AMD".index(row[0])) + self.notes

    def files(self) -> list[dict[str, str]]:
        """What changed, for programs: `path` and `kind` (`add`, `update`, `delete`); a renamed file is an update with
        its new name in `move_path`."""
        moved = {old: new for new, old in self.moves.items() if self._moved(old, new)}
        found = []
        for path, before in self.before.items():
            after = self.after[path]
            if path in moved:
                found.append({"path": path, "kind": "update", "move_path": moved[path]})
            elif path not in moved.values() and not before is after is None:
                kind = "add" if before is None else "delete" if after is None else "update"
                found.append({"path": path, "kind": kind})
        return found

    def _moved(self, old: str, new: str) -> bool:
        return self.before[old] is not None and self.after[old] is None and self.after[new] is not None


async def apply_patch(text: str, box: Box, folder: str = "") -> Plan:
    """Apply a patch whose paths are relative to `folder` (itself relative to the workspace); returns what was done.
    Raises PatchError, with nothing changed. Applying the same patch again usually fails: its old lines are gone."""
    operations = parse(text)
    if not operations:
        raise PatchError("No files were modified: the patch has no file operation.")
    planner = _Planner(box, folder)
    for operation in operations:
        await planner.add(operation)
    await _write(planner.plan, box)
    return planner.plan


def inside(path: str, box_workdir: str, folder: str = "") -> str:
    """The path relative to the workspace, without `.` parts. Raises PatchError for a path that leaves it."""
    given, root = path, box_workdir.rstrip("/")
    if path.startswith("/"):
        if not path.startswith(f"{root}/"):
            raise PatchError(f"{given}: outside the workspace; paths are relative to it.")
        path = path[len(root) + 1 :]
    elif folder:
        path = f"{folder}/{path}"
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PatchError(f"{given}: '..' is not allowed; paths are relative to the workspace.")
    if "\0" in path or not parts or given.endswith("/"):
        raise PatchError(f"{given!r} is not the path of a file.")
    if any(part.casefold() == ".git" for part in parts):
        raise PatchError(f"{given}: the patch tool does not touch git's own files.")
    return "/".join(parts)


class _Planner:
    """Runs the operations on copies in memory; a later operation sees what an earlier one made."""

    def __init__(self, box: Box, folder: str) -> None:
        self._box = box
        self._folder = folder
        self.plan = Plan()

    async def add(self, operation: Operation) -> None:
        """Take one operation into the plan."""
        path = inside(operation.path, self._box.workdir, self._folder)
        content = await self._read(path)
        if isinstance(operation, Add):
            self.plan.after[path] = operation.content.encode("utf-8", "surrogateescape")
            self.plan.rows.append(f"A {path}")
            return
        verb = "delete" if isinstance(operation, Delete) else "update"
        if content is None:
            raise PatchError(f"Failed to {verb} {path}: there is no such file.{await self._hint(path)}")
        if isinstance(operation, Delete):
            self.plan.after[path] = None
            self.plan.rows.append(f"D {path}")
        else:
            await self._update(operation, path, content)

    async def _update(self, operation: Update, path: str, content: bytes) -> None:
        changed = updated(path, content, operation.chunks)
        target = inside(operation.move_to, self._box.workdir, self._folder) if operation.move_to else path
        if target != path:
            await self._read(target)  # a file that is there gives way
            self.plan.after[path] = None
            self.plan.moves[target] = self.plan.moves.pop(path, path)
        self.plan.after[target] = changed
        self.plan.rows.append(f"M {target}")
        self.plan.notes += _notes(target, changed, operation.chunks)

    async def _read(self, path: str) -> bytes | None:
        if path not in self.plan.after:
            self.plan.before[path] = self.plan.after[path] = await self._from_box(path)
        return self.plan.after[path]

    async def _from_box(self, path: str) -> bytes | None:
        try:
            return await self._box.read(_bytes(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise PatchError(f"{path} is a folder; the patch tool works on files.") from None
        except PermissionError as error:
            why = error.strerror or str(error)
            raise PatchError(
                f"{path} cannot be patched: it is outside the workspace, reached by a symbolic link, no regular file, "
                f"or too large ({why})."
            ) from None
        except OSError as error:
            raise PatchError(f"{path} cannot be read: {error.strerror or error}.") from None

    async def _hint(self, path: str) -> str:
        """The likely slip: the path is right from the top, but was taken from a subfolder, or the other way round."""
        for other in (path.removeprefix(f"{self._folder}/"), path.partition("/")[2]):
            if other and other != path:
                try:
                    await self._box.read(_bytes(other))
                except OSError:
                    continue
                return f" Did you mean {other}? Paths are relative to the workspace."
        return ""


def _notes(path: str, changed: bytes, chunks: Sequence[Chunk]) -> list[str]:
    """Chunks without an old line go to the end of the file, also below a header that stands elsewhere."""
    lines = changed.decode("utf-8", "surrogateescape").rstrip("\r\n").split("\n")
    notes = []
    for chunk in chunks:
        if chunk.headers and not chunk.old and not chunk.end_of_file:
            above = lines[-len(chunk.lines) - 1] if len(lines) > len(chunk.lines) else ""
            if above.strip() != chunk.headers[-1].strip():
                notes.append(
                    f"Note: the chunk on line {chunk.number} of the patch only adds lines; they are at the end of "
                    f"{path}, not below {chunk.headers[-1]!r}. Lines that stay (' ') say where new ones go."
                )
    return notes


def updated(path: str, content: bytes, chunks: Sequence[Chunk]) -> bytes:
    """The file after its chunks. Bytes that no chunk touches stay, whatever their encoding and line ends; only a last
    line without an end gets one."""
    if not chunks:
        return content
    text = content.decode("utf-8", "surrogateescape")
    mark = _BOM if text.startswith(_BOM) else ""
    text = text[len(mark) :]
    try:
        body = _replaced(path, _split(text, _ENDS), chunks)
    except PatchError:
        if "\r" not in text.replace("\r\n", ""):
            raise
        body = _replaced(path, _split(text, _OLD_ENDS), chunks)
    return (mark + body).encode("utf-8", "surrogateescape")


Row = tuple[str, str]
"""A line and its end, which is empty for a last line without one."""


def _split(text: str, ends: re.Pattern[str]) -> list[Row]:
    parts = ends.split(text)
    rows = list(zip(parts[::2], [*parts[1::2], ""], strict=True))
    return rows if rows[-1][0] else rows[:-1]


def _replaced(path: str, rows: list[Row], chunks: Sequence[Chunk]) -> str:
    """The file's text. Lines that stay are the file's own, with their ends; new ones end as the file's first line."""
    hay = Haystack(path, [text for text, _ in rows])
    ending = next((end for _, end in rows if end), "\n")
    out: list[Row] = []
    last: list[Row] = []
    cursor = copied = 0
    for chunk in chunks:
        place = locate(hay, chunk, cursor)
        if not chunk.old:  # at the end; what is between stays open for the chunks that follow
            last += [(line.text, ending) for line in place.lines]
            cursor = max(cursor, place.below)
            continue
        out += rows[copied : place.start]
        cursor = copied = place.start
        for line in place.lines:
            if line.kind == NEW:
                out.append((line.text, ending))
                continue
            if line.kind == KEPT:
                out.append(rows[cursor])
            cursor += 1
        copied = cursor
    return "".join(line + (end or ending) for line, end in [*out, *rows[copied:], *last])


async def _write(plan: Plan, box: Box) -> None:
    """Write the plan: what goes first, so that a folder's name may become a file's. Takes all back on an error."""
    removed = [path for path, data in plan.after.items() if data is None and plan.before[path] is not None]
    written = [path for path, data in plan.after.items() if data is not None and data != plan.before[path]]
    moved = [path for move in plan.moves.items() for path in move if plan.before[path] is not None]
    executable = await _executable(list(dict.fromkeys([*removed, *moved])), box)
    done: list[str] = []
    path = ""
    try:
        for path in removed:
            await box.remove(_bytes(path))
            done.append(path)
        for path in written:
            data = plan.after[path]
            assert data is not None
            await box.write(_bytes(path), data, executable=executable.get(plan.moves.get(path, "")))
            done.append(path)
    except OSError as error:
        left = await _take_back(plan, done, executable, box)
        why = error.strerror or str(error)
        text = f"Failed to write {path}: {why}."
        if left:
            raise PatchError(f"{text} These files could not be put back: {', '.join(left)}.") from None
        raise PatchError(f"{text} All other changes of the patch were taken back.") from None


async def _take_back(plan: Plan, done: list[str], executable: dict[str, bool], box: Box) -> list[str]:
    """Put the files back as they were; returns those that could not be."""
    left = []
    for path in reversed(done):
        data = plan.before[path]
        try:
            if data is None:
                await box.remove(_bytes(path))
            else:
                await box.write(_bytes(path), data, executable=executable.get(path))
        except OSError:
            left.append(path)
    return left


async def _executable(paths: list[str], box: Box) -> dict[str, bool]:
    """Which of these files are executable: a file that moves, or comes back, keeps that."""
    if not paths:
        return {}
    said = bytearray()
    script = 'for file do if [ -x "$file" ]; then echo 1; else echo 0; fi; done'
    names = [f"./{path}" for path in paths]
    await box.exec(["sh", "-c", script, "sh", *names], timeout=30, output_bytes=1 << 20, sink=said.extend)
    flags = said.split()
    if len(flags) != len(paths):
        return {}
    return {path: flag == b"1" for path, flag in zip(paths, flags, strict=True)}


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
