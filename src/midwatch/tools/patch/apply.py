"""A patch applied to the workspace: planned whole in memory, then written, and taken back when a write fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from midwatch.sandbox.base import Box
from midwatch.tools.patch.grammar import GONE, KEPT, Add, Chunk, Delete, Operation, PatchError, Update
from midwatch.tools.patch.parse import parse
from midwatch.tools.patch.seek import Haystack, Place, locate

_BOM = "\ufeff"


@dataclass(slots=True)
class Plan:
    """What the files were and what they will be; None is no file. Paths are relative to the workspace."""

    before: dict[str, bytes | None] = field(default_factory=dict)
    after: dict[str, bytes | None] = field(default_factory=dict)
    moves: dict[str, str] = field(default_factory=dict)
    """From the new path to the old one."""

    def changes(self) -> list[str]:
        """`A path`, `M path`, `D path` and `R old -> new`, in this order of kinds."""
        rows: dict[str, list[str]] = {"A": [], "M": [], "D": [], "R": []}
        moved = {new: old for new, old in self.moves.items() if self._moved(old, new)}
        gone = set(moved.values())
        for path, before in self.before.items():
            after = self.after[path]
            if path in moved:
                rows["R"].append(f"R {moved[path]} -> {path}")
            elif path in gone or (before is None and after is None):
                continue
            else:
                kind = "A" if before is None else "D" if after is None else "M"
                rows[kind].append(f"{kind} {path}")
        return [row for kind in rows.values() for row in kind]

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
        return (
            self.before[old] is not None
            and self.after[old] is None
            and self.before[new] is None
            and self.after[new] is not None
        )


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
            return
        verb = "delete" if isinstance(operation, Delete) else "update"
        if content is None:
            raise PatchError(f"Failed to {verb} {path}: there is no such file.{await self._hint(path)}")
        if isinstance(operation, Delete):
            self.plan.after[path] = None
        else:
            await self._update(operation, path, content)

    async def _update(self, operation: Update, path: str, content: bytes) -> None:
        changed = updated(path, content, operation.chunks)
        target = inside(operation.move_to, self._box.workdir, self._folder) if operation.move_to else path
        if target != path:
            if await self._read(target) is not None:
                raise PatchError(f"Failed to move {path} to {target}: that file exists. Delete it first if it may go.")
            self.plan.after[path] = None
            self.plan.moves[target] = self.plan.moves.pop(path, path)
        self.plan.after[target] = changed

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


def updated(path: str, content: bytes, chunks: Sequence[Chunk]) -> bytes:
    """The file after its chunks. Bytes that no chunk touches stay, whatever their encoding and line ends."""
    if not chunks:
        return content
    text = content.decode("utf-8", "surrogateescape")
    mark = _BOM if text.startswith(_BOM) else ""
    rows = _split(text[len(mark) :])
    hay = Haystack(path, [text for text, _ in rows])
    ending = next((end for _, end in rows if end), "\n")
    out: list[tuple[str, str]] = []
    cursor = 0
    for chunk in chunks:
        place = locate(hay, chunk, cursor)
        out += rows[cursor : place.start]
        out += _replaced(rows, place, ending)
        cursor = place.end
    out += rows[cursor:]
    # Only the last line of the file may go without a line end, and only when it is the file's own.
    body = "".join(line + (end or ending) for line, end in out[:-1]) + "".join(line + end for line, end in out[-1:])
    return (mark + body).encode("utf-8", "surrogateescape")


def _split(text: str) -> list[tuple[str, str]]:
    """Lines and their ends: `\\n`, `\\r\\n`, or nothing for a last line without one."""
    rows = []
    for line in text.split("\n"):
        bare = line.removesuffix("\r")
        rows.append((bare, "\n" if bare == line else "\r\n"))
    last = text.rpartition("\n")[2]
    rows[-1] = (last, "")
    return rows if last else rows[:-1]


def _replaced(rows: list[tuple[str, str]], place: Place, ending: str) -> list[tuple[str, str]]:
    """The chunk's lines: those that stay are the file's own; a new one takes the line end of the one it replaces."""
    out: list[tuple[str, str]] = []
    at, ends = place.start, list[str]()
    for line in place.lines:
        if line.kind == KEPT:
            out.append(rows[at])
            ends.clear()
            at += 1
        elif line.kind == GONE:
            ends.append(rows[at][1])
            at += 1
        else:
            out.append((line.text, (ends.pop(0) if ends else "") or ending))
    return out


async def _write(plan: Plan, box: Box) -> None:
    """Write the plan: what goes first, so that a folder's name may become a file's. Takes all back on an error."""
    removed = [path for path, data in plan.after.items() if data is None and plan.before[path] is not None]
    written = [path for path, data in plan.after.items() if data is not None and data != plan.before[path]]
    executable = await _executable(removed, box)
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
