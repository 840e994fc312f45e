"""Reading an archive: nothing in it is believed before its SHA-256 and its chain have been computed anew."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from midwatch.domain.chain import GENESIS
from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.engine.retention.rows import ATTEMPT, EVENT, TASK, TURN, Rows, open_turns
from midwatch.engine.store.records import Record, chain_faults
from midwatch.workflows.archives.writing import FORMAT, MANIFEST, VERSION

PACK = "objects.pack"
_NAMES = re.compile(
    r"(tasks|attempts|turns|events)\.jsonl|objects\.pack|change\.diff|manifest\.json|blobs/[0-9a-f]{64}"
)
_ID, _ATTEMPT = re.compile(r"[0-9a-z]{12}"), re.compile(r"[0-9a-z]{12}\.[1-9]")
_MOST_MANIFEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An archive whose files are as they were written."""

    rows: Rows
    folder: Path
    digests: Sequence[str]
    """Of its blobs."""
    commits: Mapping[str, str]
    """By the names of `commits.refs`."""
    task: Task

    @property
    def pack(self) -> Path | None:
        """The file with its commits."""
        path = self.folder / PACK
        return path if path.exists() else None

    def blob(self, digest: str) -> Path:
        """The file of one of its blobs."""
        return self.folder / "blobs" / digest

    def records(self) -> Iterator[Record]:
        """Its events."""
        for row in _rows(self.folder / "events.jsonl", EVENT):
            yield Record(*row)


def unpack(path: Path, folder: Path) -> Unpacked:
    """Unpack it into an empty folder, and check all of it. Blocks. Raises InputError that says what is wrong."""
    try:
        found, manifest = _unpacked(path, folder)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise _damaged(path, f"it is no whole archive ({error})") from None
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise InputError(f"{path} is no archive that this Midwatch can read", "upgrade this Midwatch")
    try:
        listed = {str(file["name"]): str(file["sha256"]) for file in manifest["files"]}
        if listed != found:
            wrong = sorted(name for name in {*listed, *found} if listed.get(name) != found.get(name))
            raise _damaged(path, f"{wrong[0]} is not as it was written")
        rows = Rows(
            *(tuple(_rows(folder / f"{name}.jsonl", fields))
              for name, fields in (("tasks", TASK), ("attempts", ATTEMPT), ("turns", TURN)))
        )  # fmt: skip
        commits = {str(name): str(commit) for name, commit in manifest["commits"].items()}
        task = _checked(path, rows)
        digests = [name.removeprefix("blobs/") for name in found if name.startswith("blobs/")]
        unpacked = Unpacked(rows, folder, digests, commits, task)
        _check_chains(path, unpacked)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"what it says cannot be read ({error})") from None
    return unpacked


def _unpacked(path: Path, folder: Path) -> tuple[dict[str, str], Mapping[str, Any]]:
    """The SHA-256 of each file by its name, and the manifest."""
    found: dict[str, str] = {}
    manifest: Mapping[str, Any] = {}
    (folder / "blobs").mkdir()
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            if not member.isreg() or not _NAMES.fullmatch(member.name) or member.name in found:
                raise ValueError(f"it holds {member.name[:80]!r}")
            source = tar.extractfile(member)
            assert source is not None
            if member.name == MANIFEST:
                if member.size > _MOST_MANIFEST:
                    raise ValueError("its manifest is too long")
                manifest = json.loads(source.read())
                continue
            with (folder / member.name).open("xb") as out:
                found[member.name] = _copied(source, out)
    for name, digest in found.items():
        if name.startswith("blobs/") and name != f"blobs/{digest}":
            raise ValueError(f"{name} is another output")
    return found, manifest


def _copied(source: IO[bytes], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(1 << 20):
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def _rows(file: Path, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    with file.open(encoding="ascii") as lines:
        for line in lines:
            value = json.loads(line)
            yield tuple(value[name] for name in fields)


def _checked(path: Path, rows: Rows) -> Task:
    """The task. The rows belong together, and nothing of them is under way."""
    tasks = [from_json(Task, json.loads(body)) for _, _, body in rows.tasks]
    ids = [row[0] for row in rows.tasks]
    own = all(_ID.fullmatch(name) and task.id == name for name, task in zip(ids, tasks, strict=True))
    parts = all(task.parent.partition(".")[0] in ids for task in tasks[1:])
    attempts = all(
        _ATTEMPT.fullmatch(row[0]) and row[0].partition(".")[0] == row[1] and row[1] in ids for row in rows.attempts
    )
    turns = all(row[TURN.index("task")] in ids for row in rows.turns) and not open_turns(rows)
    if not (tasks and own and parts and attempts and turns):
        raise _damaged(path, "its rows do not belong together")
    return tasks[0]


def _check_chains(path: Path, unpacked: Unpacked) -> None:
    known = {row[0]: (row[ATTEMPT.index("seq")], row[ATTEMPT.index("hash")]) for row in unpacked.rows.attempts}
    records: dict[str, list[Record]] = {}
    for record in unpacked.records():
        records.setdefault(record.attempt, []).append(record)
    if not set(records) <= set(known):
        raise _damaged(path, "it has events of another task")
    for name, (seq, head) in known.items():
        faults = chain_faults(records.get(name, []), seq, head) if records.get(name) or seq or head != GENESIS else []
        if faults:
            raise _damaged(path, f"{name}: {faults[0]}")


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path} is damaged: {why}", "nothing was brought back; use another copy of it")
